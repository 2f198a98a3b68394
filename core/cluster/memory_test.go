package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

func openLink(t *testing.T, m *cluster.Memory, node string, receive func(*cluster.Message)) cluster.Link {
	t.Helper()
	if receive == nil {
		receive = func(*cluster.Message) {}
	}
	l, err := m.Open(t.Context(), "/", node, receive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func publish(t *testing.T, l cluster.Link, text string) (offset string) {
	t.Helper()
	offset, err := l.Publish(t.Context(), &cluster.Message{Type: cluster.Broadcast, Namespace: "/", Payload: payload(text)})
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func TestMemoryNames(t *testing.T) {
	m := cluster.NewMemory(nil)
	l := openLink(t, m, "a", nil)
	if _, err := m.Open(t.Context(), "/", "a", nil); err == nil {
		t.Error("two nodes of one name")
	}
	if other, err := m.Open(t.Context(), "/other", "a", nil); err != nil {
		t.Errorf("the same name in another namespace: %v", err)
	} else if other.Close(); cluster.Hubs(m) != 1 {
		t.Errorf("%d namespaces are left, want 1", cluster.Hubs(m))
	}
	if _, ok := l.(cluster.Recoverer); ok {
		t.Error("recovery without the option")
	}
	l.Close()
	if _, err := l.Publish(t.Context(), &cluster.Message{Type: cluster.Heartbeat}); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("got error %v, want ErrClosed", err)
	}
	if cluster.Hubs(m) != 0 {
		t.Errorf("%d namespaces are left, want none", cluster.Hubs(m))
	}
}

func TestMemoryQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cluster.NewMemory(&cluster.MemoryOptions{QueueSize: 2})
		block, got := make(chan struct{}), []string{}
		a := openLink(t, m, "a", nil)
		openLink(t, m, "b", func(m *cluster.Message) {
			<-block
			got = append(got, string(m.Payload.JSON))
		})
		publish(t, a, "1")
		synctest.Wait() // b is at work
		publish(t, a, "2")
		publish(t, a, "3")
		if _, err := a.Publish(t.Context(), &cluster.Message{Type: cluster.Broadcast, Payload: payload("4")}); !errors.Is(err, cluster.ErrQueueFull) {
			t.Errorf("got error %v, want ErrQueueFull", err)
		}
		close(block)
		synctest.Wait()
		publish(t, a, "5")
		synctest.Wait()
		if want := []string{"1", "2", "3", "5"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// Close waits for the message that is being received, and no other follows.
func TestMemoryCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cluster.NewMemory(nil)
		block, received, closed := make(chan struct{}), 0, false
		a := openLink(t, m, "a", nil)
		b := openLink(t, m, "b", func(*cluster.Message) {
			<-block
			received++
		})
		publish(t, a, "1")
		publish(t, a, "2")
		synctest.Wait()
		done := make(chan struct{})
		go func() {
			b.Close()
			closed = true
			close(done)
		}()
		synctest.Wait()
		if closed {
			t.Error("Close did not wait")
		}
		close(block)
		<-done
		if received != 1 {
			t.Errorf("received %d messages, want 1", received)
		}
	})
}

// CSR11: sessions and messages expire, even if nothing else happens.
func TestMemoryExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
		l := openLink(t, m, "a", nil)
		r := l.(cluster.Recoverer)
		save := func(pid string) {
			if err := r.Save(t.Context(), &cluster.Session{PID: pid, Rooms: []string{pid}}); err != nil {
				t.Fatal(err)
			}
		}
		first := publish(t, l, "first")
		save("p")
		save("q")
		time.Sleep(2*time.Minute - 1)
		second := publish(t, l, "second")
		s, err := r.Take(t.Context(), "p")
		if err != nil {
			t.Fatalf("just before it expires: %v", err)
		}
		if got, err := r.Missed(t.Context(), s, first); len(got) != 1 || err != nil {
			t.Errorf("just before it expires: got %v, %v", got, err)
		}
		time.Sleep(1)
		if _, err := r.Take(t.Context(), "q"); !errors.Is(err, cluster.ErrUnknownSession) {
			t.Errorf("got error %v after 2 minutes, want ErrUnknownSession", err)
		}
		// The first message is gone. What came after it is not.
		if got, err := r.Missed(t.Context(), s, first); len(got) != 1 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		save("r")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if messages, bytes, sessions := cluster.Kept(m, "/"); messages+bytes+sessions != 0 {
			t.Errorf("%d messages, %d bytes and %d sessions are left", messages, bytes, sessions)
		}
		// After a quiet time a client that saw the last message has missed nothing.
		if got, err := r.Missed(t.Context(), s, second); len(got) != 0 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if _, err := r.Missed(t.Context(), s, first); !errors.Is(err, cluster.ErrUnknownOffset) {
			t.Errorf("got error %v, want ErrUnknownOffset", err)
		}
	})
}

// A namespace is forgotten when its nodes are gone and nothing can be restored.
func TestMemoryForgetsNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
		l := openLink(t, m, "a", nil)
		publish(t, l, "x")
		r := l.(cluster.Recoverer)
		r.Save(t.Context(), &cluster.Session{PID: "p"})
		l.Close()
		if err := r.Save(t.Context(), &cluster.Session{PID: "q"}); !errors.Is(err, cluster.ErrClosed) {
			t.Errorf("save after close: got error %v, want ErrClosed", err)
		}
		again := openLink(t, m, "a", nil)
		if _, err := again.(cluster.Recoverer).Take(t.Context(), "p"); err != nil {
			t.Errorf("the session did not survive the node: %v", err)
		}
		again.Close()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if cluster.Hubs(m) != 0 {
			t.Errorf("%d namespaces are left, want none", cluster.Hubs(m))
		}
	})
}

func TestMemoryLimits(t *testing.T) {
	const count = 1000
	for _, test := range []struct {
		name string
		r    cluster.MemoryRecovery
		kept int
	}{
		{"messages", cluster.MemoryRecovery{MaxMessages: 10}, 10},
		{"bytes", cluster.MemoryRecovery{MaxBytes: 20 * (512 + 100)}, 20},
		{"one message is too large", cluster.MemoryRecovery{MaxBytes: 1}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &test.r})
			l := openLink(t, m, "a", nil)
			var offsets []string
			for i := range count {
				offsets = append(offsets, publish(t, l, fmt.Sprintf("[%098d]", i)))
			}
			if kept, _, _ := cluster.Kept(m, "/"); kept != test.kept {
				t.Errorf("%d messages are kept, want %d", kept, test.kept)
			}
			r, s := l.(cluster.Recoverer), &cluster.Session{}
			for back := range 2 * test.kept {
				got, err := r.Missed(t.Context(), s, offsets[count-1-back])
				if back > test.kept {
					if !errors.Is(err, cluster.ErrUnknownOffset) {
						t.Fatalf("%d messages back: got error %v, want ErrUnknownOffset", back, err)
					}
				} else if err != nil || len(got) != back {
					t.Fatalf("%d messages back: got %d, %v", back, len(got), err)
				}
				for i, m := range got {
					if m.Offset != offsets[count-back+i] {
						t.Fatalf("%d messages back: message %d has offset %s, want %s", back, i, m.Offset, offsets[count-back+i])
					}
				}
			}
		})
	}
	t.Run("sessions", func(t *testing.T) {
		m := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{MaxSessions: 3}})
		r := openLink(t, m, "a", nil).(cluster.Recoverer)
		for _, pid := range []string{"1", "2", "3", "1", "4"} {
			r.Save(t.Context(), &cluster.Session{PID: pid})
		}
		var left []string
		for _, pid := range []string{"1", "2", "3", "4"} {
			if _, err := r.Take(t.Context(), pid); err == nil {
				left = append(left, pid)
			}
		}
		if want := []string{"1", "3", "4"}; !slices.Equal(left, want) {
			t.Errorf("sessions %v are left, want %v", left, want)
		}
	})
}

func FuzzMissed(f *testing.F) {
	for _, offset := range []string{"", "1", "2s", "-1", "zzzzzzzzzzzzz", "1y2p0ij32e8e7", "00"} {
		f.Add(offset)
	}
	f.Fuzz(func(t *testing.T, offset string) {
		m := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{MaxMessages: 50}})
		l := openLink(t, m, "a", nil)
		known := map[string]bool{}
		for i := range 100 {
			if o := publish(t, l, "[]"); i >= 49 {
				known[o] = true
			}
		}
		if _, err := l.(cluster.Recoverer).Missed(context.Background(), &cluster.Session{}, offset); (err == nil) != known[offset] {
			t.Errorf("offset %q: got error %v", offset, err)
		}
	})
}

func BenchmarkBroadcast(b *testing.B) {
	for _, nodes := range []int{1, 2, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			m := cluster.NewMemory(nil)
			var all []*cluster.Node
			for i := range nodes {
				n, err := cluster.Join(b.Context(), m, "/", fmt.Sprint(i), discard{}, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer n.Close()
				all = append(all, n)
			}
			p, ctx := payload(`["message",{"text":"hello"}]`), b.Context()
			b.ReportAllocs()
			for b.Loop() {
				all[0].Broadcast(ctx, cluster.Selector{}, cluster.Flags{}, p)
			}
		})
	}
}

// discard is a Local without sockets.
type discard struct{}

func (discard) Deliver(cluster.Selector, cluster.Flags, cluster.Payload, string) {}
func (discard) DeliverAck(context.Context, cluster.Selector, cluster.Flags, cluster.Payload, func(string, cluster.Payload)) []string {
	return nil
}
func (discard) Sockets(cluster.Selector) []cluster.SocketInfo     { return nil }
func (discard) JoinRooms(cluster.Selector, []string)              {}
func (discard) LeaveRooms(cluster.Selector, []string)             {}
func (discard) Disconnect(cluster.Selector, bool)                 {}
func (discard) ServerSide(cluster.Payload, func(cluster.Payload)) {}
