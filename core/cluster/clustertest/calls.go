package clustertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// answers collects what a call brings, sorted.
func answers(c *cluster.Call) (who, what []string) {
	for id, args := range c.Answers() {
		who = append(who, id)
		what = append(what, render(args))
	}
	slices.Sort(who)
	slices.Sort(what)
	return who, what
}

// expectIDs checks ids where the bus tells them; it may leave any of them out, for
// the messages of other nodes.
func expectIDs(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, id := range got {
		if id != "" && !slices.Contains(want, id) {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
}

func testServerSideCall(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	c := tr.a.ServerSideCall(timeout(t, patience), event("who"))
	who, what := answers(c)
	check(t, c.Err())
	expectIDs(t, "nodes", who, []string{"b", "c"})
	equal(t, "answers", what, []string{`["b"]`, `["c"]`})
	equal(t, "events of b", tr.b.serverly, []string{`["who"]`})
	equal(t, "events of a", tr.a.serverly, nil)
}

func testServerSideCallUnanswered(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.c.update(func() { tr.c.silent = true })
	c := tr.a.ServerSideCall(timeout(t, 300*time.Millisecond), event("who"))
	_, what := answers(c)
	equal(t, "answers", what, []string{`["b"]`})
	err := missing(t, c.Err())
	if err.NodeCount != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %d missing nodes and %v, want 1 and a timeout", err.NodeCount, err.Err)
	}
	expectIDs(t, "missing nodes", err.Nodes, []string{"c"})
	// An answer that comes too late has no effect.
	tr.c.wait(t, "the question", func() bool { return len(tr.c.held) > 0 })
	tr.c.held[0](cluster.Payload{JSON: []byte(`["late"]`)})
	tr.flush(t, tr.c)
}

func testLeaveDuringCall(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.c.update(func() { tr.c.silent = true })
	ctx := timeout(t, patience)
	c := tr.a.ServerSideCall(ctx, event("who"))
	tr.c.wait(t, "the question", func() bool { return len(tr.c.serverly) > 0 })
	tr.c.leave(t)
	_, what := answers(c)
	check(t, c.Err())
	check(t, ctx.Err())
	equal(t, "answers", what, []string{`["b"]`})
}

func testCall(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	c := tr.a.Call(timeout(t, patience), cluster.Selector{Except: []string{"b2"}}, cluster.Flags{}, event("ask"))
	who, what := answers(c)
	check(t, c.Err())
	expectIDs(t, "clients", who, []string{"a1", "a2", "b1", "c1", "c2"})
	equal(t, "answers", what, []string{`["a1"]`, `["a2"]`, `["b1"]`, `["c1"]`, `["c2"]`})

	binary := cluster.Payload{JSON: []byte(`["ask",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{0, 200}}}
	c = tr.a.Call(timeout(t, patience), cluster.Selector{Rooms: []string{"r1"}}, cluster.Flags{}, binary)
	_, what = answers(c)
	check(t, c.Err())
	one := `[{"_placeholder":true,"num":0}]+` + string([]byte{0, 200})
	equal(t, "binary answers", what, []string{one, one, one})

	c = tr.a.Call(timeout(t, patience), cluster.Selector{Rooms: []string{"r1"}}, cluster.Flags{Local: true}, event("ask"))
	_, what = answers(c)
	check(t, c.Err())
	equal(t, "local answers", what, []string{`["a1"]`})
}

func testCallNobody(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	ctx := timeout(t, patience)
	c := tr.a.Call(ctx, cluster.Selector{Rooms: []string{"nobody"}}, cluster.Flags{}, event("ask"))
	_, what := answers(c)
	check(t, c.Err())
	check(t, ctx.Err())
	equal(t, "answers", what, nil)
}

func testCallTimeout(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.a.update(func() { tr.a.sockets["a1"].silent = true })
	tr.c.update(func() { tr.c.sockets["c1"].silent = true })
	c := tr.a.Call(t.Context(), cluster.Selector{}, cluster.Flags{Timeout: 300 * time.Millisecond}, event("ask"))
	_, what := answers(c)
	equal(t, "answers", what, []string{`["a2"]`, `["b1"]`, `["b2"]`, `["c2"]`})
	err := missing(t, c.Err())
	if err.NodeCount != 0 || err.ClientCount != 2 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, want 2 missing clients and a timeout", err)
	}
	if !slices.Contains(err.Clients, "a1") {
		t.Errorf("got missing clients %v, want a1 among them", err.Clients)
	}
}

// testCallSingle: the answer ends the call, whoever else has not told how many it
// asked.
func testCallSingle(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newTrio(t, f)
	f.Drop(func(_ string, m *cluster.Message) bool { return m.Type == cluster.BroadcastClientCount })
	ctx := timeout(t, patience)
	c := tr.a.Call(ctx, cluster.Selector{Rooms: []string{"c1"}}, cluster.Flags{ExpectSingleResponse: true}, event("ask"))
	_, what := answers(c)
	check(t, c.Err())
	check(t, ctx.Err())
	equal(t, "answers", what, []string{`["c1"]`})

	f.Drop(nil)
	c = tr.a.Call(ctx, cluster.Selector{Rooms: []string{"gone"}}, cluster.Flags{ExpectSingleResponse: true}, event("ask"))
	_, what = answers(c)
	check(t, c.Err())
	check(t, ctx.Err())
	equal(t, "answers of nobody", what, nil)
}

func testCallClosed(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.c.update(func() { tr.c.sockets["c1"].silent = true })
	c := tr.a.Call(timeout(t, patience), cluster.Selector{}, cluster.Flags{}, event("ask"))
	n := 0
	for range c.Answers() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("got %d answers, want 1", n)
	}
	select {
	case <-c.Done():
	default:
		t.Error("the call goes on after a break")
	}
	if err := missing(t, c.Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func testCloseEndsCalls(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.c.update(func() { tr.c.silent = true; tr.c.sockets["c1"].silent = true })
	calls := []*cluster.Call{
		tr.a.ServerSideCall(timeout(t, patience), event("who")),
		tr.a.Call(timeout(t, patience), cluster.Selector{}, cluster.Flags{}, event("ask")),
	}
	tr.a.leave(t)
	for _, c := range calls {
		answers(c)
		if err := missing(t, c.Err()); !errors.Is(err, cluster.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}
