package mixedcluster_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestRecovery has clients come back on a node of the other kind than the one that
// they were on: with their id, rooms and data, and with what they missed.
func TestRecovery(t *testing.T) {
	for _, pair := range [][2]string{{"js", "go"}, {"go", "js"}, {"go", "go2"}} {
		from, to := pair[0], pair[1]
		t.Run(from+" to "+to, func(t *testing.T) {
			f := newFleet(t, "streams", from, to)
			for _, dead := range []bool{false, true} {
				t.Run(fmt.Sprintf("dead=%v", dead), func(t *testing.T) {
					f.testRecovery(t, f.members[from], f.members[to], dead)
				})
			}
		})
	}
}

// testRecovery breaks the connection of a client or, if dead is true, ends its node.
func (f *fleet) testRecovery(t *testing.T, from, to *member, dead bool) {
	client := fmt.Sprintf("traveller %v", dead)
	id := f.open(t, client, from.name, "", "r1", "all")
	from.do(t, "emit", fields{"name": "seen", "rooms": []string{"all"}})
	f.waitEvents(t, client, 1)
	f.forget(t)

	if f.clients.do(t, "away", fields{"client": client}); dead {
		from.do(t, "close", nil)
	}
	from.first(t, client+" is gone", func(e event) bool { return e.What == "disconnect" && e.Socket == client })
	for _, m := range f.members {
		if dead && m == from {
			continue
		}
		m.do(t, "emit", fields{"name": "all", "args": []any{m.name}})
		m.do(t, "emit", fields{"name": "room", "args": []any{m.name, binary}, "rooms": []string{"r1", "r2"}})
		m.do(t, "emit", fields{"name": "direct", "args": []any{m.name}, "rooms": []string{id}})
		m.do(t, "emit", fields{"name": "another room", "rooms": []string{"r2"}})
		m.do(t, "emit", fields{"name": "not this one", "except": []string{"r1"}})
		m.do(t, "emit", fields{"name": "another namespace", "nsp": "/chat"})
	}
	f.clients.do(t, "move", fields{"client": client, "url": to.url})
	e := f.clients.first(t, client+" is back", func(e event) bool { return e.What == "connect" && e.Client == client })
	if !e.Recovered || e.ID != id {
		t.Fatalf("the client was told %+v, want it to be recovered as %s", e, id)
	}
	to.do(t, "emit", fields{"name": "after", "rooms": []string{"all"}})
	var want []string
	for _, m := range f.members {
		if dead && m == from {
			continue
		}
		for _, text := range []string{`["all",%q]`, `["room",%q,{"$b":"AQI="}]`, `["direct",%q]`} {
			want = append(want, fmt.Sprintf(text, m.name))
		}
	}
	want = append(want, `["after"]`)
	f.waitEvents(t, client, len(want))
	got := f.events(client)
	if got[len(got)-1] != `["after"]` {
		t.Errorf("got %v, want what was missed first", got)
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	sockets := ask[[]described](t, to.program, "fetch", fields{"rooms": []string{id}})
	if len(sockets) != 1 || sockets[0].Data["name"] != client || !slices.Contains(sockets[0].Rooms, "r1") {
		t.Errorf("the node has %+v, want the client with its rooms and data", sockets)
	}
	f.clients.do(t, "close", fields{"client": client})
	f.forget(t)
}

func (f *fleet) waitEvents(t *testing.T, client string, n int) {
	t.Helper()
	f.clients.wait(t, fmt.Sprint(n, " events of ", client), func([]event) bool { return len(f.events(client)) >= n })
}

// TestNotRecovered: a client that cannot be recovered is told so, and served.
func TestNotRecovered(t *testing.T) {
	f := newFleet(t, "streams", "js", "go")
	for _, name := range []string{"js", "go"} {
		client := "stranger to " + name
		f.open(t, client, "go", "", "all")
		f.members["js"].do(t, "emit", fields{"name": "seen"})
		f.waitEvents(t, client, 1)
		f.forget(t)
		f.clients.do(t, "away", fields{"client": client})
		f.members["go"].first(t, client+" is gone", func(e event) bool { return e.What == "disconnect" && e.Socket == client })
		f.redis.Kill()
		f.redis.Restart() // and all is forgotten
		f.settle(t)
		f.clients.do(t, "move", fields{"client": client, "url": f.members[name].url})
		e := f.clients.first(t, client+" is back", func(e event) bool { return e.What == "connect" && e.Client == client })
		if e.Recovered {
			t.Errorf("%s says that a session of which nothing is left was recovered", name)
		}
		f.members["js"].do(t, "emit", fields{"name": "news"})
		f.waitEvents(t, client, 1)
	}
}
