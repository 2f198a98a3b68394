package sionats_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
)

// TestHeldMessage: a message whose entry of the log does not come is handed on when its
// time is over, although nothing else comes.
func TestHeldMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, got := time.Now(), make(chan *cluster.Message, 1)
		stop := sionats.ReceiveAfter(1, sionats.Options{}, func(m *cluster.Message) { got <- m }, question("a", `["late"]`))
		defer stop()
		if m := <-got; !isEvent(`["late"]`)(m) || time.Since(began) != sionats.HoldPatience {
			t.Errorf("got %+v after %v", m, time.Since(began))
		}
	})
}

// TestHeldMessagesBounded: what waits for an entry of the log is within the limits too.
func TestHeldMessagesBounded(t *testing.T) {
	large := question("a", `["`+strings.Repeat("x", 1000)+`"]`)
	for name, o := range map[string]sionats.Options{"messages": {PendingMessages: 3}, "bytes": {PendingBytes: 4000}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var errs errorLog
				o.OnError = errs.report
				box := newMailbox()
				var list []*cluster.Message
				for range 10 {
					list = append(list, large)
				}
				stop := sionats.ReceiveAfter(1, o, box.receive, list...)
				defer stop()
				time.Sleep(2 * sionats.HoldPatience)
				if got := len(box.list()); got != 3 {
					t.Errorf("got %d messages, want 3", got)
				}
				if got := errs.list(); len(got) != 1 || !errors.Is(got[0], sionats.ErrSlow) {
					t.Errorf("the hook was told %v", got)
				}
			})
		})
	}
}
