package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
	"github.com/gosocketio/sio/core/socketio"
)

// Whether a socket can be recovered depends on why it ended. (ServerShuttingDown:
// TestRecoveryOnAnotherNode.)
func TestRecoverableReasonsCSR7(t *testing.T) {
	for _, c := range []struct {
		reason socketio.Reason
		end    func(*client, *socketio.Socket)
		want   bool
	}{
		{socketio.TransportError, func(c *client, _ *socketio.Socket) { c.send("2") }, true},
		{socketio.TransportClose, func(c *client, _ *socketio.Socket) { c.close() }, true},
		{socketio.ForcedClose, func(c *client, _ *socketio.Socket) { c.send("4abc") }, true},
		{socketio.PingTimeout, func(c *client, _ *socketio.Socket) { c.mute.Store(true); time.Sleep(46 * time.Second) }, true},
		{socketio.ForcedServerClose, func(c *client, _ *socketio.Socket) { c.send("41/other") }, true},
		{socketio.ParseError, func(c *client, _ *socketio.Socket) { c.send("x") }, false},
		{socketio.ClientNamespaceDisconnect, func(c *client, _ *socketio.Socket) { c.send("41") }, false},
		{socketio.ServerNamespaceDisconnect, func(_ *client, s *socketio.Socket) { s.Disconnect(false) }, false},
	} {
		t.Run(string(c.reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := serve(t, &socketio.Options{
					Recovery: &socketio.Recovery{}, ErrorHandler: func(*socketio.Socket, string, error) {}})
				var reason socketio.Reason
				h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reason = r })
				cl := h.dial()
				sid, pid := cl.join("/", "")
				synctest.Wait()
				h.sio.Emit("x")
				offset := cl.wantLogged(`42["x"]`)
				c.end(cl, h.one())
				synctest.Wait()
				cl.close()
				if reason != c.reason {
					t.Fatalf("reason %q", reason)
				}
				again := h.dial()
				again.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
				sid2, pid2 := again.joined("/")
				if (sid2 == sid) != c.want || (pid2 == pid) != c.want {
					t.Errorf("recovered: %v", !c.want)
				}
				h.sio.Close()
			})
		})
	}
}

// Events that ask for an answer have no offset, and are not sent again.
func TestQuestionsAreNotRecoveredCSR2AD6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
		c := h.dial()
		sid, pid := c.join("/", "")
		synctest.Wait()
		h.sio.Emit("x")
		offset := c.wantLogged(`42["x"]`)
		ask := func(want string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if want != "" {
				go func() { c.want(want); c.send("431[]") }()
			}
			for range socketio.CallAll[socketio.None](ctx, h.sio, "q") {
			}
		}
		ask(`421["q"]`)
		c.close()
		synctest.Wait()
		ask("")
		h.sio.Emit("missed")
		c = h.dial()
		c.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
		c.wantLogged(`42["missed"]`)
		if sid2, _ := c.joined("/"); sid2 != sid {
			t.Error("not recovered")
		}
		h.sio.Close()
	})
}

// The sockets of this node get what cannot be published to the others.
func TestPublishingFailsAD9(t *testing.T) {
	for _, recovery := range []*socketio.Recovery{nil, {}} {
		t.Run(fmt.Sprint("recovery ", recovery != nil), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := clustertest.NewFaults(cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}}))
				var list []*harness
				var hooked []error
				trace := &socketio.Trace{ClusterError: func(_ string, err error) { hooked = append(hooked, err) }}
				for i := range 2 {
					list = append(list, serve(t, &socketio.Options{Cluster: faults, NodeID: fmt.Sprint("node", i), Recovery: recovery, Trace: trace}))
				}
				a, b := list[0].connect(), list[1].connect()
				synctest.Wait()
				faults.Down()
				if err := list[0].sio.Emit("ev", []byte("x")); err != nil { // the bus is asked later
					t.Errorf("Emit: %v", err)
				}
				a.want(`451-["ev",{"_placeholder":true,"num":0}]`, "b:x")
				synctest.Wait()
				if err := list[0].sio.Emit("ev", 2); err != nil { // handlers go on for the clients of this node
					t.Errorf("Emit to a bus that is known to be away: %v", err)
				}
				a.want(`42["ev",2]`)
				if err := list[0].sio.EmitSync(t.Context(), "ev", 3); !errors.Is(err, clustertest.ErrDown) {
					t.Errorf("EmitSync: %v", err)
				}
				a.want(`42["ev",3]`)
				synctest.Wait()
				if len(hooked) != 3 || !errors.Is(hooked[0], clustertest.ErrDown) || !errors.Is(hooked[2], clustertest.ErrDown) {
					t.Errorf("the hook got %v", hooked)
				}
				faults.Up()
				if err := list[0].sio.Emit("ev", 4); err != nil {
					t.Errorf("Emit when the bus is back: %v", err)
				}
				if got := b.next(); !strings.HasPrefix(got, `42["ev",4`) {
					t.Errorf("the other node: %q", got)
				}
				list[1].sio.Local().Emit("local")
				if got := b.next(); !strings.HasPrefix(got, `42["local"`) {
					t.Errorf("the other node: %q", got)
				}
				for _, h := range list {
					h.sio.Close()
				}
			})
		})
	}
}

// What a middleware sends comes before the reply to CONNECT, and is not lost with
// recovery either.
func TestEmitInMiddlewareCSR10(t *testing.T) {
	for _, recovery := range []*socketio.Recovery{nil, {}} {
		h := serve(t, &socketio.Options{Recovery: recovery})
		h.sio.Use(func(_ context.Context, s *socketio.Socket) error { return s.Emit("session", "abc") })
		c := h.dial()
		c.send("40")
		if recovery == nil {
			c.want(`42["session","abc"]`)
		} else {
			c.wantLogged(`42["session","abc"]`)
		}
		c.joined("/")
	}
}

// A broadcast reaches the sockets of its own node first, and so nothing overtakes
// it.
func TestBroadcastsKeepTheirPlaceAD16(t *testing.T) {
	for _, recovery := range []*cluster.MemoryRecovery{nil, {}} {
		synctest.Test(t, func(t *testing.T) {
			opts := socketio.Options{}
			if recovery != nil {
				opts.Recovery = &socketio.Recovery{}
			}
			list := nodes(t, 2, opts, recovery)
			c := list[0].connect()
			synctest.Wait()
			s := list[0].one()
			for i := range 50 {
				list[0].sio.Emit("all", i)
				s.Emit("one", i)
			}
			for i := range 50 {
				for _, event := range []string{"all", "one"} {
					if got, want := c.next(), fmt.Sprintf(`42[%q,%d`, event, i); !strings.HasPrefix(got, want) {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
			}
			for _, h := range list {
				h.sio.Close()
			}
		})
	}
}

// heldBackend is a backend with recovery whose Publish keeps the message but does
// not return until the test lets it.
type heldBackend struct {
	cluster.Backend
	gate atomic.Pointer[chan struct{}]
}

type heldLink struct {
	cluster.Link
	cluster.Recoverer
	backend *heldBackend
}

func (b *heldBackend) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	link, err := b.Backend.Open(ctx, namespace, node, receive)
	if err != nil {
		return nil, err
	}
	return heldLink{link, link.(cluster.Recoverer), b}, nil
}

func (l heldLink) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	offset, err := l.Link.Publish(ctx, m)
	if gate := l.backend.gate.Load(); gate != nil {
		<-*gate
	}
	return offset, err
}

// An event that has its offset, but is not queued yet, does not come again to a
// client that has got it by one recovery and comes back once more.
func TestRecoveredTwiceWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &heldBackend{Backend: cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})}
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}, Cluster: backend})
		c := h.dial()
		_, pid := c.join("/", "")
		synctest.Wait()
		h.sio.Emit("first")
		offset := c.wantLogged(`42["first"]`)
		gate, emitted := make(chan struct{}), make(chan struct{})
		backend.gate.Store(&gate)
		go func() { defer close(emitted); h.sio.Emit("slow") }()
		synctest.Wait()
		slow := 0
		for range 3 {
			c.close()
			synctest.Wait()
			c = h.dial()
			c.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
			synctest.Wait()
			for len(c.got) > 0 {
				if got := c.next(); !strings.HasPrefix(got, "40") {
					offset = offsetIn(t, got, `42["slow"]`)
					slow++
				}
			}
		}
		backend.gate.Store(nil)
		close(gate)
		<-emitted
		synctest.Wait()
		h.sio.Emit("last")
		for got := c.next(); !strings.HasPrefix(got, `42["last"`); got = c.next() {
			if !strings.HasPrefix(got, "40") {
				offsetIn(t, got, `42["slow"]`)
				slow++
			}
		}
		if slow != 1 {
			t.Errorf("the event came %d times", slow)
		}
		h.sio.Close()
	})
}

// offsetIn checks an event and returns its offset.
func offsetIn(t *testing.T, msg, want string) string {
	t.Helper()
	event, offset := offsetOf(t, msg)
	if event != want {
		t.Fatalf("got %q, want %q", event, want)
	}
	return offset
}
