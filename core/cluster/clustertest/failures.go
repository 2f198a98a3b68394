package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// probe finds out whether messages are numbered, and whether responses tell whose
// they are.
func probe(t *testing.T, f *Faults, tr *trio) (numbered, named bool) {
	t.Helper()
	responses := make(chan *cluster.Message, 2)
	f.Drop(func(to string, m *cluster.Message) bool {
		// Some formats send responses to everybody.
		if to == "a" && m.Type == cluster.ServerSideEmitResponse {
			responses <- m
		}
		return false
	})
	c := tr.a.ServerSideCall(timeout(t, patience), event("probe"))
	first, second := <-responses, <-responses
	c.Close()
	f.Drop(nil)
	return first.Seq != 0 && second.Seq != 0, first.From != "" && second.From != ""
}

// testDuplicates: whatever arrives twice has the effect of once.
func testDuplicates(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	if numbered, _ := probe(t, f, tr); !numbered {
		t.Log("does not apply: messages are not numbered, so the backend does not deliver twice")
		return
	}
	f.Duplicate(true)
	exerciseCalls(t, tr)
	for i := range 20 {
		check(t, broadcast(tr.a, "all", fmt.Sprint(i)))
	}
	tr.b.wait(t, "events", func() bool { return len(tr.b.sockets["b1"].got) >= 20 })
	tr.flush(t, tr.a)
	got := tr.b.received("b1")
	if len(got) != 20 {
		t.Errorf("got %d events, want 20: %v", len(got), got)
	}
}

// exerciseCalls makes calls of each kind that have all their answers.
func exerciseCalls(t *testing.T, tr *trio) {
	t.Helper()
	ctx := timeout(t, patience)
	for range 5 {
		c := tr.a.Call(ctx, cluster.Selector{}, cluster.Flags{}, event("ask"))
		_, what := answers(c)
		check(t, c.Err())
		equal(t, "answers", what, []string{`["a1"]`, `["a2"]`, `["b1"]`, `["b2"]`, `["c1"]`, `["c2"]`})
		c = tr.a.ServerSideCall(ctx, event("who"))
		_, what = answers(c)
		check(t, c.Err())
		equal(t, "answers of servers", what, []string{`["b"]`, `["c"]`})
		infos, err := tr.a.Fetch(ctx, cluster.Selector{})
		check(t, err)
		if len(infos) != 4 {
			t.Fatalf("got %d sockets, want 4", len(infos))
		}
	}
	for _, s := range tr.servers() {
		s.received(s.name + "1")
		s.received(s.name + "2")
	}
}

// testReordering: acknowledgements may overtake the message that tells how many
// there will be, the announcement of a node its leaving, and so on.
func testReordering(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	f.Reorder(true)
	exerciseCalls(t, tr)
	for i := range 20 {
		check(t, broadcast(tr.a, "all", fmt.Sprint(i)))
	}
	tr.b.wait(t, "events", func() bool { return len(tr.b.sockets["b1"].got) == 20 })
}

func testDelay(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	f.Delay(5 * time.Millisecond)
	exerciseCalls(t, tr)
}

// testKilled: a node that is gone without a word costs no request more than its
// time, and what the others answered is not lost.
func testKilled(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	f.Kill("c")
	const d = 300 * time.Millisecond
	infos, err := tr.a.Fetch(timeout(t, d), cluster.Selector{})
	if e := missing(t, err); e.NodeCount != 1 || !errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("got %+v, want 1 missing node and a timeout", e)
	}
	if len(infos) != 2 {
		t.Errorf("got %d sockets, want the 2 of b", len(infos))
	}
	c := tr.a.ServerSideCall(timeout(t, d), event("who"))
	_, what := answers(c)
	equal(t, "answers of servers", what, []string{`["b"]`})
	expectIDs(t, "missing nodes", missing(t, c.Err()).Nodes, []string{"c"})
	c = tr.a.Call(timeout(t, d), cluster.Selector{}, cluster.Flags{}, event("ask"))
	_, what = answers(c)
	equal(t, "answers", what, []string{`["a1"]`, `["a2"]`, `["b1"]`, `["b2"]`})
	if e := missing(t, c.Err()); e.NodeCount != 1 || e.ClientCount != 0 {
		t.Errorf("got %+v, want 1 missing node", e)
	}
}

// newHeartbeatTrio returns nil if the backend cannot do with heartbeats alone.
func newHeartbeatTrio(t *testing.T, b cluster.Backend) (*Faults, *trio) {
	t.Helper()
	f := NewHeartbeatFaults(b)
	tr := &trio{}
	for i, p := range []**server{&tr.a, &tr.b, &tr.c} {
		s := joinWith(t, f, "/", string("abc"[i]), &fastHeartbeats)
		s.addSocket(s.name+"1", "r1", "all")
		s.addSocket(s.name+"2", "r2", "all")
		*p = s
	}
	tr.settle(t)
	if _, named := probe(t, f, tr); !named {
		t.Log("does not apply: responses do not tell whose they are, so the backend must count its nodes")
		return nil, nil
	}
	return f, tr
}

// testKilledHeartbeats: the killed node is forgotten, also by a request that is
// under way.
func testKilledHeartbeats(t *testing.T, b cluster.Backend) {
	f, tr := newHeartbeatTrio(t, b)
	if tr == nil {
		return
	}
	tr.c.update(func() { tr.c.silent = true; tr.c.sockets["c1"].silent = true })
	counted := make(chan struct{}, 1)
	f.Drop(func(to string, m *cluster.Message) bool {
		if m.Type == cluster.BroadcastClientCount && to == "a" && m.From == "c" {
			counted <- struct{}{}
		}
		return false
	})
	ctx := timeout(t, patience)
	server := tr.a.ServerSideCall(ctx, event("who"))
	client := tr.a.Call(ctx, cluster.Selector{}, cluster.Flags{}, event("ask"))
	got := make(chan string, 6)
	go func() {
		defer close(got)
		for _, args := range client.Answers() {
			got <- render(args)
		}
	}()
	var fromClients []string
	for a := range got {
		if fromClients = append(fromClients, a); a == `["c2"]` {
			break
		}
	}
	<-counted
	f.Kill("c")
	_, what := answers(server)
	check(t, server.Err())
	equal(t, "answers of servers", what, []string{`["b"]`})
	for a := range got {
		fromClients = append(fromClients, a)
	}
	slices.Sort(fromClients)
	equal(t, "answers", fromClients, []string{`["a1"]`, `["a2"]`, `["b1"]`, `["b2"]`, `["c2"]`})
	if e := missing(t, client.Err()); e.ClientCount != 1 || e.Err != nil {
		t.Errorf("got %+v, want the missing client of the killed node", e)
	}
	check(t, ctx.Err())

	tr.a.waitPeers(t, 1)
	tr.b.waitPeers(t, 1)
	infos, err := tr.a.Fetch(ctx, cluster.Selector{})
	check(t, err)
	if len(infos) != 2 {
		t.Errorf("got %d sockets, want 2", len(infos))
	}
}

func testPausedHeartbeats(t *testing.T, b cluster.Backend) {
	f, tr := newHeartbeatTrio(t, b)
	if tr == nil {
		return
	}
	f.Pause("c")
	tr.a.waitPeers(t, 1)
	tr.b.waitPeers(t, 1)
	ctx := timeout(t, patience)
	infos, err := tr.a.Fetch(ctx, cluster.Selector{})
	check(t, err)
	if len(infos) != 2 {
		t.Errorf("got %d sockets while c is paused, want 2", len(infos))
	}
	f.Resume("c")
	for _, s := range tr.servers() {
		s.waitPeers(t, 2)
	}
	infos, err = tr.a.Fetch(ctx, cluster.Selector{})
	check(t, err)
	if len(infos) != 4 {
		t.Errorf("got %d sockets after c went on, want 4", len(infos))
	}
}

// testBusDown: without the bus, everything fails fast and local clients are served;
// with it, all is as before.
func testBusDown(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	f.Down()
	if err := broadcast(tr.a, "all", "lost"); !errors.Is(err, ErrDown) {
		t.Errorf("broadcast: got %v, want the error of the bus", err)
	}
	ctx := timeout(t, patience)
	if _, err := tr.a.Fetch(ctx, cluster.Selector{}); !errors.Is(err, ErrDown) {
		t.Errorf("fetch: got %v, want the error of the bus", err)
	}
	c := tr.a.ServerSideCall(ctx, event("who"))
	_, what := answers(c)
	equal(t, "answers of servers", what, nil)
	if err := c.Err(); !errors.Is(err, ErrDown) {
		t.Errorf("server-side call: got %v, want the error of the bus", err)
	}
	c = tr.a.Call(ctx, cluster.Selector{}, cluster.Flags{}, event("ask"))
	_, what = answers(c)
	equal(t, "answers of local clients", what, []string{`["a1"]`, `["a2"]`})
	if err := c.Err(); !errors.Is(err, ErrDown) {
		t.Errorf("call: got %v, want the error of the bus", err)
	}
	check(t, ctx.Err())

	f.Up()
	tr.settle(t)
	tr.a.received("a1")
	tr.a.received("a2")
	check(t, broadcast(tr.a, "all", "back"))
	tr.expectEvents(t, tr.a, "after the return", []string{"b1", "b2", "c1", "c2"}, `["back"]`)
	exerciseCalls(t, tr)
}
