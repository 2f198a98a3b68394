//go:build linux

package hardening_test

import (
	"fmt"
	"testing"
)

// TestUnread (need 9, C-26): a client that never reads costs no more memory than its
// queue may have, and 64 KiB, and nothing when it is gone.
func TestUnread(t *testing.T) {
	t.Parallel()
	const queue = 1 << 20
	n := size(15, 200)
	for _, bytes := range []int{100, 1 << 10, 16 << 10} {
		for _, transport := range []string{websocket, polling} {
			t.Run(fmt.Sprintf("%s, events of %d bytes", transport, bytes), func(t *testing.T) {
				p := start(t, config{MaxQueueBytes: queue, RejectFull: true})
				crowd := p.crowdOver(t, p.dialNarrow, n, "deaf", transport)
				before, resident := call[Counts](t, p, "Count", true), p.resident(t)
				if err := inParallel(n, func(i int) error {
					return p.rpc.Call("Control.Do", Order{Tag: fmt.Sprint("deaf", i), What: "fill", Bytes: bytes}, new(bool))
				}); err != nil {
					t.Fatal(err)
				}
				after := call[Counts](t, p, "Count", true)
				if after.Sessions != n {
					t.Errorf("%d of %d clients are left", after.Sessions, n)
				}
				each := int(after.Heap-before.Heap) / n
				t.Logf("%d clients that do not read: %d KiB live each, of which the queue has %d KiB; %d KiB resident each",
					n, each>>10, queue>>10, int(p.resident(t)-resident)/n>>10)
				if limit := queue + 64<<10; each > limit {
					t.Errorf("%d KiB each, more than %d", each>>10, limit>>10)
				}
				for _, c := range crowd {
					c.leave()
				}
				if left := p.settled(t).Heap - before.Heap; left > queue {
					t.Errorf("%d KiB are left of them", left>>10)
				}
			})
		}
	}
}
