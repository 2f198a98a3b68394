package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
	"github.com/gosocketio/sio/core/socketio"
)

// EmitSync returns when the bus has the event, or says why it has not.
func TestEmitSync(t *testing.T) {
	for _, recovery := range []bool{false, true} {
		t.Run(fmt.Sprintf("recovery=%v", recovery), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := &cluster.MemoryOptions{}
				opts := &socketio.Options{NodeID: "node"}
				if recovery {
					memory.Recovery, opts.Recovery = &cluster.MemoryRecovery{}, &socketio.Recovery{}
				}
				faults := clustertest.NewFaults(cluster.NewMemory(memory))
				opts.Cluster = faults
				h := serve(t, opts)
				client := h.connect()
				synctest.Wait()
				got := func(want string) {
					t.Helper()
					if got := client.next(); !strings.HasPrefix(got, `42["`+want+`"`) {
						t.Errorf("the client got %s, want %s", got, want)
					}
				}
				if err := h.sio.EmitSync(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				got("a")

				faults.Pause("node")
				time.AfterFunc(time.Second, func() { faults.Resume("node") })
				start := time.Now()
				if err := h.sio.To("nobody").EmitSync(t.Context(), "b"); err != nil || time.Since(start) != time.Second {
					t.Errorf("EmitSync returned %v after %v", err, time.Since(start))
				}

				faults.Pause("node")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := h.sio.EmitSync(ctx, "c"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("EmitSync with a bus that hangs: %v", err)
				}
				faults.Resume("node")
				got("c")

				faults.Down()
				if err := h.sio.EmitSync(t.Context(), "d"); err == nil {
					t.Error("EmitSync with a bus that is away returned nil")
				}
				got("d")
				faults.Up()
				if err := h.sio.EmitSync(t.Context(), "e"); err != nil {
					t.Errorf("EmitSync with a bus that is back: %v", err)
				}
				got("e")
				if err := h.sio.EmitSync(t.Context(), "connect"); err == nil {
					t.Error("a reserved name was taken")
				}
				h.sio.Close()
			})
		})
	}
}

// A bus that hangs stops neither handlers nor those who emit. Events that can be
// recovered wait for their place, but not for ever; nothing overtakes them.
func TestBusHangs(t *testing.T) {
	for _, c := range []struct {
		name             string
		recovery, resume bool
	}{
		{"without recovery", false, false},
		{"with recovery, goes on", true, true},
		{"with recovery, for good", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := &cluster.MemoryOptions{}
				opts := &socketio.Options{NodeID: "node"}
				if c.recovery {
					memory.Recovery, opts.Recovery = &cluster.MemoryRecovery{}, &socketio.Recovery{}
				}
				faults := clustertest.NewFaults(cluster.NewMemory(memory))
				opts.Cluster = faults
				h := serve(t, opts)
				handled := make(chan int, 1)
				h.sio.Handle("ask", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
					handled <- 1
					return e.Reply("answer")
				}))
				client := h.connect()
				synctest.Wait()
				s := h.one()
				faults.Pause("node")
				start := time.Now()
				for _, err := range []error{h.sio.Emit("a"), s.Emit("b"), h.sio.To(s.ID()).SocketsJoin("r"), h.sio.Local().Emit("c")} {
					if err != nil {
						t.Error(err)
					}
				}
				client.send(`421["ask"]`)
				receive(t, handled)
				synctest.Wait()
				if d := time.Since(start); d != 0 {
					t.Errorf("that took %v", d)
				}
				if c.recovery && len(client.got) > 0 {
					t.Errorf("the client has got %q already", client.next())
				}
				if c.resume {
					faults.Resume("node")
				}
				for _, want := range []string{`42["a"`, `42["b"`, `42["c"]`, `431["answer"]`} {
					got := client.next()
					if !strings.HasPrefix(got, want) {
						t.Fatalf("got %s, want %s", got, want)
					}
					if logged := strings.Contains(got, `","`); logged && !c.resume {
						t.Errorf("%s has an offset", got)
					}
				}
				if d := time.Since(start); d > 0 && (!c.recovery || c.resume) || d > 10*time.Second {
					t.Errorf("the client has waited for %v", d)
				}
				faults.Resume("node")
				h.sio.Close()
			})
		})
	}
}

// lateBackend is a bus that is not there at first: it refuses, or does not answer.
type lateBackend struct {
	cluster.Backend
	silent bool
	there  atomic.Bool
}

var errNoBus = errors.New("no bus")

func (b *lateBackend) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	switch {
	case b.there.Load():
		return b.Backend.Open(ctx, namespace, node, receive)
	case b.silent:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errNoBus
}

// A server starts without the bus, serves its own clients, and is part of the
// cluster as soon as the bus is there.
func TestServerStartsWithoutBus(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := cluster.NewMemory(nil)
				bus := &lateBackend{Backend: memory, silent: silent}
				start := time.Now()
				early := serve(t, &socketio.Options{Cluster: bus})
				if d := time.Since(start); d > time.Second || !silent && d > 0 {
					t.Errorf("NewServer took %v", d)
				}
				other := serve(t, &socketio.Options{Cluster: memory})
				early.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("early"); return nil })
				a, b := early.connect(), other.connect()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := early.sio.Ready(ctx); err == nil || !silent && !errors.Is(err, errNoBus) {
					t.Errorf("Ready: %v", err)
				}
				if err := early.sio.Emit("alone"); !errors.Is(err, cluster.ErrNotJoined) {
					t.Errorf("Emit: %v", err)
				}
				a.want(`42["alone"]`)
				bus.there.Store(true)
				if err := early.sio.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := early.sio.Emit("all"); err != nil {
					t.Error(err)
				}
				a.want(`42["all"]`)
				b.want(`42["all"]`)
				other.sio.To("early").Emit("back")
				a.want(`42["back"]`)
				early.sio.Close()
				other.sio.Close()
			})
		})
	}
}

// Nothing is lost or doubled while several nodes send at the same time and a client
// goes from one to the other: all nodes have one order.
func TestRecoveryAcrossNodesUnderTraffic(t *testing.T) {
	const total, moves = 1500, 20
	list := nodes(t, 3, socketio.Options{Recovery: &socketio.Recovery{}}, &cluster.MemoryRecovery{})
	joined := make(chan struct{})
	for _, h := range list {
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			if !s.Recovered() {
				s.Join("r")
				close(joined)
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for node, h := range list {
		wg.Go(func() {
			<-joined // all could be sent before
			for i := range total {
				h.sio.To("r").Emit("n", node, i)
			}
		})
	}
	r := &roaming{TB: t, list: list, next: make([]int, len(list))}
	r.client = list[0].dial()
	_, r.pid = r.client.join("/", "")
	for r.taken < total*len(list) {
		r.take(r.client.next())
		if r.moves < moves && r.taken > 97*r.moves {
			r.move()
		}
	}
	if r.moves < len(list) {
		t.Errorf("the client has moved %d times only", r.moves)
	}
}

// roaming is a client that gets numbered events from each node and checks that none
// is missing, doubled or out of order, while it goes from node to node.
type roaming struct {
	testing.TB
	list        []*harness
	client      *client
	pid, offset string
	next        []int // by node
	taken       int
	moves       int
}

func (r *roaming) take(msg string) {
	r.Helper()
	if strings.HasPrefix(msg, "40{") {
		if !strings.Contains(msg, r.pid) {
			r.Fatalf("not recovered: %s", msg)
		}
		return
	}
	event, offset := offsetOf(r, msg)
	var node, i int
	if _, err := fmt.Sscanf(event, `42["n",%d,%d]`, &node, &i); err != nil {
		r.Fatalf("got %s: %v", msg, err)
	}
	if i != r.next[node] {
		r.Fatalf("event %d of node %d came in place of %d", i, node, r.next[node])
	}
	r.next[node], r.offset = i+1, offset
	r.taken++
}

func (r *roaming) move() {
	r.Helper()
	gone := make(chan struct{})
	for s := range r.list[r.moves%len(r.list)].sio.Sockets() {
		s.OnDisconnect(func(*socketio.Socket, socketio.Reason) { close(gone) })
	}
	r.client.close()
	for len(r.client.got) > 0 {
		r.take(<-r.client.got)
	}
	receive(r, gone)
	r.moves++
	r.client = r.list[r.moves%len(r.list)].dial()
	r.client.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, r.pid, r.offset))
}

// savingBackend has sessions take a while to be kept.
type savingBackend struct {
	cluster.Backend
	delay time.Duration
	saved atomic.Int32
}

type savingLink struct {
	cluster.Link
	cluster.Recoverer
	b *savingBackend
}

func (b *savingBackend) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	link, err := b.Backend.Open(ctx, namespace, node, receive)
	if err != nil {
		return nil, err
	}
	return savingLink{link, link.(cluster.Recoverer), b}, nil
}

func (l savingLink) Save(ctx context.Context, s *cluster.Session) error {
	select {
	case <-time.After(l.b.delay):
		l.b.saved.Add(1)
		return l.Recoverer.Save(ctx, s)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// At the end of a server, sessions are kept many at a time, and within 5 s.
func TestShutdownSavesSessions(t *testing.T) {
	const clients = 200
	for _, c := range []struct {
		delay, most time.Duration
		saved       int32
	}{
		{time.Second, 4 * time.Second, clients},
		{time.Hour, 5 * time.Second, 0},
	} {
		t.Run(fmt.Sprint(c.delay, " each"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
				bus := &savingBackend{Backend: memory, delay: c.delay}
				h := serve(t, &socketio.Options{Cluster: bus, Recovery: &socketio.Recovery{}})
				for range clients {
					h.connect()
				}
				synctest.Wait()
				start := time.Now()
				if err := h.sio.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if d := time.Since(start); d > c.most {
					t.Errorf("Shutdown took %v, want %v at most", d, c.most)
				}
				if got := bus.saved.Load(); got != c.saved {
					t.Errorf("%d sessions were kept, want %d", got, c.saved)
				}
				if n := strings.Count(h.log.String(), "cannot be kept"); c.saved == 0 && n != 1 {
					t.Errorf("the log says it %d times", n)
				}
			})
		})
	}
}
