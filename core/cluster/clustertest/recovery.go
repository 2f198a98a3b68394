package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// newRecoveringTrio returns nil if the backend does not support recovery.
func newRecoveringTrio(t *testing.T, b cluster.Backend) *trio {
	t.Helper()
	tr := newTrio(t, b)
	if tr.a.Recoverer() == nil {
		t.Log("does not apply: the backend has no connection state recovery")
		return nil
	}
	return tr
}

func emit(t *testing.T, s *server, name string, sel cluster.Selector, flags cluster.Flags) (offset string) {
	t.Helper()
	offset, err := s.Broadcast(t.Context(), sel, flags, event(name, []byte(name)))
	check(t, err)
	return offset
}

// testMissed: a session is restored on another node than the one that it was on,
// with what was meant for it since, from whichever node.
func testMissed(t *testing.T, b cluster.Backend) {
	tr := newRecoveringTrio(t, b)
	if tr == nil {
		return
	}
	session := &cluster.Session{ID: "b1", PID: "secret", Rooms: []string{"b1", "r1", "all"}, Data: []byte(`{"name":"x"}`)}
	to := func(rooms ...string) cluster.Selector { return cluster.Selector{Rooms: rooms} }
	except := func(sel cluster.Selector, rooms ...string) cluster.Selector {
		sel.Except = rooms
		return sel
	}
	emit(t, tr.a, "before", to(), cluster.Flags{})
	offset := emit(t, tr.a, "last seen", to(), cluster.Flags{})
	if offset == "" {
		t.Fatal("a broadcast has no offset")
	}
	tr.b.wait(t, "last seen", func() bool { return len(tr.b.sockets["b1"].got) == 2 })
	if got := tr.b.sockets["b1"].offsets[1]; got != offset {
		t.Errorf("the receiver got offset %q, the sender %q", got, offset)
	}
	check(t, tr.b.Recoverer().Save(t.Context(), session))

	emit(t, tr.a, "all", to(), cluster.Flags{})
	emit(t, tr.b, "room", to("r1", "r2"), cluster.Flags{})
	emit(t, tr.c, "direct", to("b1"), cluster.Flags{})
	emit(t, tr.a, "except another room", except(to(), "r2"), cluster.Flags{})
	emit(t, tr.a, "another room", to("r2"), cluster.Flags{})
	emit(t, tr.a, "AD6 except the room", except(to("all"), "r1"), cluster.Flags{})
	emit(t, tr.a, "except the socket", except(to(), "b1"), cluster.Flags{})
	if offset := emit(t, tr.a, "AD6 volatile", to(), cluster.Flags{Volatile: true}); offset != "" {
		t.Errorf("a volatile event got offset %q", offset)
	}
	call := tr.a.Call(timeout(t, patience), to(), cluster.Flags{}, event("AD6 with acknowledgement"))
	answers(call)
	check(t, call.Err())
	check(t, tr.a.JoinRooms(t.Context(), to("r2"), []string{"x"}))
	check(t, tr.a.ServerSideEmit(t.Context(), event("servers")))
	emit(t, tr.c, "end", to("all"), cluster.Flags{NoCompress: true})

	r := tr.c.Recoverer()
	got, err := r.Take(t.Context(), "secret")
	check(t, err)
	if fmt.Sprint(*got) != fmt.Sprint(*session) {
		t.Errorf("got session %v, want %v", got, session)
	}
	messages, err := r.Missed(t.Context(), got, offset)
	check(t, err)
	var names, want []string
	for _, m := range messages {
		names = append(names, render(m.Payload))
		if m.Offset == "" {
			t.Errorf("missed message %s has no offset", m.Payload.JSON)
		}
	}
	for _, name := range []string{"all", "room", "direct", "except another room", "end"} {
		want = append(want, render(event(name, []byte(name))))
	}
	equal(t, "missed", names, want)

	rest, err := r.Missed(t.Context(), got, messages[2].Offset)
	check(t, err)
	if len(rest) != 2 {
		t.Errorf("got %d messages after the third, want 2", len(rest))
	}
	rest, err = r.Missed(t.Context(), got, messages[4].Offset)
	check(t, err)
	if len(rest) != 0 {
		t.Errorf("got %d messages after the last, want none", len(rest))
	}
}

// testMissedLagging: what was missed is told only when the node has got all that the
// client has got from another node, or the client would get that again.
func testMissedLagging(t *testing.T, b cluster.Backend) {
	tr := newRecoveringTrio(t, b)
	if tr == nil {
		return
	}
	gate := make(chan struct{})
	tr.c.update(func() { tr.c.gate = gate })
	const count = 20
	var offset string
	for i := range count {
		offset = emit(t, tr.a, fmt.Sprint(i), cluster.Selector{}, cluster.Flags{})
	}
	session := &cluster.Session{ID: "1", PID: "p", Rooms: []string{"1"}}
	time.AfterFunc(50*time.Millisecond, func() { close(gate) }) // for those who do not wait to be found out
	missed, err := tr.c.Recoverer().Missed(t.Context(), session, offset)
	check(t, err)
	tr.c.update(func() {
		if got := len(tr.c.sockets["c1"].got); got != count || len(missed) != 0 {
			t.Errorf("the node has got %d events, want %d; %d were missed", got, count, len(missed))
		}
	})
}

func testTakeOnce(t *testing.T, b cluster.Backend) {
	tr := newRecoveringTrio(t, b)
	if tr == nil {
		return
	}
	check(t, tr.a.Recoverer().Save(t.Context(), &cluster.Session{ID: "1", PID: "p"}))
	check(t, tr.b.Recoverer().Save(t.Context(), &cluster.Session{ID: "2", PID: "p"}))
	results := make(chan *cluster.Session, 3)
	for _, s := range tr.servers() {
		go func() {
			session, err := s.Recoverer().Take(context.Background(), "p")
			if err != nil && !errors.Is(err, cluster.ErrUnknownSession) {
				t.Errorf("take: %v", err)
			}
			results <- session
		}()
	}
	var taken []*cluster.Session
	for range 3 {
		if session := <-results; session != nil {
			taken = append(taken, session)
		}
	}
	if len(taken) != 1 || taken[0].ID != "2" {
		t.Errorf("the session was taken as %v, want it once and as saved last", taken)
	}
	if _, err := tr.a.Recoverer().Take(t.Context(), "unknown"); !errors.Is(err, cluster.ErrUnknownSession) {
		t.Errorf("got %v, want ErrUnknownSession", err)
	}
}

func testUnknownOffset(t *testing.T, b cluster.Backend) {
	tr := newRecoveringTrio(t, b)
	if tr == nil {
		return
	}
	emit(t, tr.a, "one", cluster.Selector{}, cluster.Flags{})
	session := &cluster.Session{ID: "1", PID: "p", Rooms: []string{"1"}}
	for _, offset := range []string{
		"", "0", "00", "-1", "+1", "nonsense", "zzzzzzzzzzzz", "99999999999999999999999999", "9999999999999-0", "(1-0", "-", "+", "$", ">", "\x00", " 1",
	} {
		if got, err := tr.b.Recoverer().Missed(t.Context(), session, offset); !errors.Is(err, cluster.ErrUnknownOffset) {
			t.Errorf("offset %q: got %d messages and error %v, want ErrUnknownOffset", offset, len(got), err)
		}
	}
}

// testOneOrder proves that clients of all nodes see recoverable messages in one
// order, that of the offsets, those of their own node included.
func testOneOrder(t *testing.T, b cluster.Backend) {
	tr := newRecoveringTrio(t, b)
	if tr == nil {
		return
	}
	if !tr.a.Echoes() {
		t.Log("does not apply: the backend does not deliver messages back to their node")
		return
	}
	const each = 50
	var posting sync.WaitGroup
	for _, s := range tr.servers() {
		posting.Go(func() {
			for i := range each {
				e := event(fmt.Sprint(s.name, " ", i))
				taken, err := s.PostLogged(&cluster.Message{Type: cluster.Broadcast, Payload: e}, func(offset string) {
					local{s}.Deliver(cluster.Selector{}, cluster.Flags{}, e, offset)
				}, nil)
				if !taken || err != nil {
					t.Errorf("node %s: event %d: %v, %v", s.name, i, taken, err)
				}
			}
		})
	}
	posting.Wait()
	var want []string
	for _, s := range tr.servers() {
		sock := s.sockets[s.name+"1"]
		s.wait(t, "events of all nodes", func() bool { return len(sock.got) >= each*len(tr.servers()) })
		s.update(func() {
			if want == nil {
				want = sock.offsets
			}
			if slices.Contains(sock.offsets, "") || !slices.Equal(sock.offsets, want) {
				t.Errorf("node %s: offsets %q, want %q", s.name, sock.offsets, want)
			}
		})
	}
}

// testLoggedBusDown proves that events go without an offset while the bus is away,
// in their order.
func testLoggedBusDown(t *testing.T, b cluster.Backend) {
	f := NewFaults(b)
	tr := newRecoveringTrio(t, f)
	if tr == nil {
		return
	}
	post := func(name string) {
		e := event(name)
		deliver := func(offset string) { local{tr.a}.Deliver(cluster.Selector{}, cluster.Flags{}, e, offset) }
		if taken, _ := tr.a.PostLogged(&cluster.Message{Type: cluster.Broadcast, Payload: e}, deliver, nil); !taken {
			deliver("")
		}
	}
	sock := tr.a.sockets["a1"]
	got := func(n int) {
		t.Helper()
		tr.a.wait(t, "own events", func() bool { return len(sock.got) == n })
	}
	post("before")
	got(1)
	f.Down()
	post("lost 1")
	post("lost 2")
	got(3)
	f.Up()
	post("after")
	got(4)
	tr.a.update(func() {
		for i, empty := range []bool{false, true, true, false} {
			if (sock.offsets[i] == "") != empty {
				t.Errorf("offset of event %d is %q", i, sock.offsets[i])
			}
		}
	})
}
