package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// testBroadcast: each selected socket of the other nodes gets the event once,
// nobody else does.
func testBroadcast(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	for _, test := range []struct {
		name string
		sel  cluster.Selector
		want []string // of b and c
	}{
		{"all", cluster.Selector{}, []string{"b1", "b2", "c1", "c2"}},
		{"room", cluster.Selector{Rooms: []string{"r1"}}, []string{"b1", "c1"}},
		{"AD3 overlapping rooms", cluster.Selector{Rooms: []string{"r1", "r2", "all"}}, []string{"b1", "b2", "c1", "c2"}},
		{"AD3 all except a room", cluster.Selector{Except: []string{"r1"}}, []string{"b2", "c2"}},
		{"AD3 room except a room", cluster.Selector{Rooms: []string{"all"}, Except: []string{"r2"}}, []string{"b1", "c1"}},
		{"room except sockets", cluster.Selector{Rooms: []string{"r1"}, Except: []string{"c1", "a1"}}, []string{"b1"}},
		{"socket", cluster.Selector{Rooms: []string{"c2"}}, []string{"c2"}},
		{"no such room", cluster.Selector{Rooms: []string{"nobody"}}, nil},
	} {
		_, err := tr.a.Broadcast(t.Context(), test.sel, cluster.Flags{}, event("ev"))
		check(t, err)
		tr.expectEvents(t, tr.a, test.name, test.want, `["ev"]`)
	}
}

// expectEvents checks who got what the sender sent, and that nobody else got
// anything.
func (tr *trio) expectEvents(t *testing.T, sender *server, what string, ids []string, want ...string) {
	t.Helper()
	// A broadcast and a mark may travel on different channels of a bus, so wait for
	// the former too.
	for _, s := range tr.servers() {
		for id, sock := range s.sockets {
			if slices.Contains(ids, id) {
				s.wait(t, what, func() bool { return len(sock.got) >= len(want) })
			}
		}
	}
	tr.flush(t, sender)
	for _, s := range tr.servers() {
		for _, id := range []string{s.name + "1", s.name + "2"} {
			var expect []string
			if slices.Contains(ids, id) {
				expect = want
			}
			equal(t, what+": events of "+id, s.received(id), expect)
		}
	}
}

func testPayload(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	payload := cluster.Payload{
		JSON:        []byte(`["ev",{"a":{"_placeholder":true,"num":0},"n":[1,-1.5,null,true,"é\u2028<"]},{"_placeholder":true,"num":1}]`),
		Attachments: [][]byte{{0, 1, 2, 255}, {}},
	}
	flags := cluster.Flags{Volatile: true, NoCompress: true}
	_, err := tr.a.Broadcast(t.Context(), cluster.Selector{Rooms: []string{"b1"}}, flags, payload)
	check(t, err)
	tr.b.wait(t, "binary event", func() bool { return len(tr.b.sockets["b1"].got) == 1 })
	got, _, _ := strings.Cut(tr.b.sockets["b1"].got[0], "+")
	if !equalJSON(t, got, string(payload.JSON)) {
		t.Errorf("got %s, want %s", got, payload.JSON)
	}
	if want := render(payload)[len(payload.JSON):]; !strings.HasSuffix(tr.b.sockets["b1"].got[0], want) {
		t.Errorf("got %q, want the attachments %q", tr.b.sockets["b1"].got[0], want)
	}
	equal(t, "flags", tr.b.sockets["b1"].flags, []cluster.Flags{flags})
}

// equalJSON compares what texts mean: a format may write them anew.
func equalJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	check(t, json.Unmarshal([]byte(a), &x))
	check(t, json.Unmarshal([]byte(b), &y))
	return fmt.Sprintf("%#v", x) == fmt.Sprintf("%#v", y)
}

func testOrder(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	const count = 200
	errs := make(chan error, 2)
	send := func(name string, one func(e cluster.Payload) error) {
		var err error
		for i := 0; i < count && err == nil; i++ {
			err = one(event(fmt.Sprint(name, " ", i)))
		}
		errs <- err
	}
	go send("a", func(e cluster.Payload) error {
		_, err := tr.a.Broadcast(context.Background(), cluster.Selector{}, cluster.Flags{}, e)
		return err
	})
	go send("b", func(e cluster.Payload) error { // many at a time, if the backend is a Batcher
		return tr.b.Post(&cluster.Message{Type: cluster.Broadcast, Payload: e})
	})
	check(t, errors.Join(<-errs, <-errs))
	tr.c.wait(t, "all messages", func() bool { return len(tr.c.sockets["c1"].got) >= 2*count })
	tr.flush(t, tr.a, tr.b)
	got := tr.c.received("c1")
	for _, name := range []string{"a", "b"} {
		var want, from []string
		for i := range count {
			want = append(want, fmt.Sprintf(`["%s %d"]`, name, i))
		}
		for _, ev := range got {
			if strings.HasPrefix(ev, `["`+name) {
				from = append(from, ev)
			}
		}
		equal(t, "events of "+name, from, want)
	}
}

func testLargePayload(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	big := bytes.Repeat([]byte("0123456789abcdef"), 32<<10) // 512 KiB
	_, err := tr.a.Broadcast(t.Context(), cluster.Selector{Rooms: []string{"c1"}}, cluster.Flags{}, cluster.Payload{
		JSON: []byte(`["big","` + string(big) + `",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{big},
	})
	check(t, err)
	tr.c.wait(t, "large event", func() bool { return len(tr.c.sockets["c1"].got) == 1 })
	if got := tr.c.received("c1")[0]; len(got) < 2*len(big) || !strings.HasSuffix(got, string(big)) {
		t.Errorf("got %d bytes, want at least %d", len(got), 2*len(big))
	}
}

func testNamespaces(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	other := join(t, b, "/other", "b")
	other.addSocket("o1", "all")
	distant := join(t, b, "/other", "a")
	distant.waitPeers(t, 1)
	other.waitPeers(t, 1)
	_, err := tr.a.Broadcast(t.Context(), cluster.Selector{}, cluster.Flags{}, event("main"))
	check(t, err)
	tr.flush(t, tr.a)
	_, err = distant.Broadcast(t.Context(), cluster.Selector{}, cluster.Flags{}, event("other"))
	check(t, err)
	other.wait(t, "event in /other", func() bool { return len(other.sockets["o1"].got) > 0 })
	equal(t, "events in /other", other.received("o1"), []string{`["other"]`})
	tr.expectEvents(t, tr.a, "main", []string{"b1", "b2", "c1", "c2"}, `["main"]`)
}

func testJoinLeave(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	rooms := func(want map[string][]string) {
		t.Helper()
		tr.flush(t, tr.a)
		for _, s := range tr.servers() {
			for id, sock := range s.sockets {
				if w, ok := want[id]; ok {
					s.wait(t, "rooms of "+id, func() bool { return slices.Equal(sock.rooms, w) })
				}
			}
		}
	}
	before := map[string][]string{"a1": {"r1", "all", "a1"}, "b1": {"r1", "all", "b1"}, "c1": {"r1", "all", "c1"}, "c2": {"r2", "all", "c2"}}
	rooms(before)
	check(t, tr.a.JoinRooms(t.Context(), cluster.Selector{Rooms: []string{"r1"}, Except: []string{"c1"}}, []string{"x", "y"}))
	rooms(map[string][]string{"a1": before["a1"], "b1": {"r1", "all", "b1", "x", "y"}, "c1": before["c1"], "c2": before["c2"]})
	check(t, tr.a.JoinRooms(t.Context(), cluster.Selector{Rooms: []string{"c2"}}, []string{"x"}))
	rooms(map[string][]string{"c2": {"r2", "all", "c2", "x"}})

	check(t, broadcast(tr.a, "x", "to x"))
	tr.expectEvents(t, tr.a, "to the joined", []string{"b1", "c2"}, `["to x"]`)

	check(t, tr.a.LeaveRooms(t.Context(), cluster.Selector{}, []string{"x", "y"}))
	rooms(before)
	check(t, broadcast(tr.a, "x", "to x"))
	tr.expectEvents(t, tr.a, "to the left", nil)
}

func broadcast(s *server, room, name string) error {
	_, err := s.Broadcast(context.Background(), cluster.Selector{Rooms: []string{room}}, cluster.Flags{}, event(name))
	return err
}

func testDisconnect(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	check(t, broadcast(tr.a, "r1", "last"))
	check(t, tr.a.Disconnect(t.Context(), cluster.Selector{Rooms: []string{"r1"}}, true))
	check(t, tr.a.Disconnect(t.Context(), cluster.Selector{Rooms: []string{"b2"}}, false))
	for _, test := range []struct {
		s        *server
		id, want string
	}{{tr.b, "b1", "connection"}, {tr.c, "c1", "connection"}, {tr.b, "b2", "namespace"}} {
		test.s.wait(t, "end of "+test.id, func() bool { return test.s.sockets[test.id].ended == test.want })
	}
	tr.flush(t, tr.a)
	if a, c := tr.a.sockets["a1"].ended, tr.c.sockets["c2"].ended; a != "" || c != "" {
		t.Errorf("a1 ended by %q, c2 by %q, want neither", a, c)
	}
	equal(t, "the event before", tr.c.received("c1"), []string{`["last"]`})
}

func testFetch(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	fetch := func(sel cluster.Selector) (ids []string, infos []cluster.SocketInfo) {
		t.Helper()
		infos, err := tr.a.Fetch(t.Context(), sel)
		check(t, err)
		for _, info := range infos {
			ids = append(ids, info.ID)
		}
		slices.Sort(ids)
		return ids, infos
	}
	ids, _ := fetch(cluster.Selector{})
	equal(t, "all", ids, []string{"b1", "b2", "c1", "c2"})
	ids, _ = fetch(cluster.Selector{Rooms: []string{"r2"}, Except: []string{"b2"}})
	equal(t, "selected", ids, []string{"c2"})
	ids, _ = fetch(cluster.Selector{Rooms: []string{"nobody"}})
	equal(t, "none", ids, nil)

	_, infos := fetch(cluster.Selector{Rooms: []string{"b1"}})
	info, want := infos[0], local{tr.b}.Sockets(cluster.Selector{Rooms: []string{"b1"}})[0]
	equal(t, "rooms", info.Rooms, want.Rooms)
	if !equalJSON(t, string(info.Handshake), string(want.Handshake)) || !equalJSON(t, string(info.Data), string(want.Data)) {
		t.Errorf("got handshake %s and data %s, want %s and %s", info.Handshake, info.Data, want.Handshake, want.Data)
	}
}

func testServerSideEmit(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	check(t, tr.a.ServerSideEmit(t.Context(), event("hello")))
	for _, s := range []*server{tr.b, tr.c} {
		s.wait(t, "server-side event", func() bool { return len(s.serverly) > 0 })
	}
	tr.flush(t, tr.a, tr.b)
	equal(t, "a", tr.a.serverly, nil)
	equal(t, "b", tr.b.serverly, []string{`["hello"]`})
	equal(t, "c", tr.c.serverly, []string{`["hello"]`})
}

func testPeers(t *testing.T, b cluster.Backend) {
	a := join(t, b, "/", "a")
	a.waitPeers(t, 0)
	second := join(t, b, "/", "b")
	a.waitPeers(t, 1)
	second.waitPeers(t, 1)
	third := join(t, b, "/", "c")
	a.waitPeers(t, 2)
	third.waitPeers(t, 2)
	second.leave(t)
	a.waitPeers(t, 1)
	third.waitPeers(t, 1)
	// A node can come back under its name.
	second = join(t, b, "/", "b")
	a.waitPeers(t, 2)
	second.addSocket("b1")
	_, err := a.Broadcast(t.Context(), cluster.Selector{}, cluster.Flags{}, event("again"))
	check(t, err)
	second.wait(t, "event after the return", func() bool { return len(second.sockets["b1"].got) == 1 })
}

func testClose(t *testing.T, b cluster.Backend) {
	tr := newTrio(t, b)
	tr.c.leave(t)
	check(t, tr.c.Close())
	if _, err := tr.c.Broadcast(t.Context(), cluster.Selector{}, cluster.Flags{}, event("ev")); !errors.Is(err, cluster.ErrClosed) && !tr.c.Alone() {
		t.Errorf("broadcast after close: got error %v, want ErrClosed", err)
	}
	if err := tr.c.ServerSideCall(timeout(t, time.Minute), event("ev")).Err(); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("call after close: got error %v, want ErrClosed", err)
	}
	check(t, broadcast(tr.a, "all", "ev"))
	tr.expectEvents(t, tr.a, "after close", []string{"b1", "b2"}, `["ev"]`)
}
