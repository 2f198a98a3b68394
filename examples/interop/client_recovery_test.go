package interop_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	goclient "github.com/gosocketio/sio/core/client"
)

// member is a socket on the server that has recovery, in a room, and a value of it
// is kept there.
type member struct {
	*rig
	*goclient.Socket
	witness *goclient.Socket // in the same namespace
	room    string
	news    <-chan []any
	ended   <-chan goclient.Reason
	back    <-chan string
	gate    chan string // says where the next attempt to connect goes to
}

var namespaces atomic.Int64

func (r *rig) member() *member {
	r.Helper()
	namespace := fmt.Sprint("/dyn-", namespaces.Add(1))
	m := &member{rig: r, gate: make(chan string, 1)}
	m.gate <- r.to.Recovery
	o := r.options()
	o.Endpoint = func(ctx context.Context, _ int) (string, http.Header, error) {
		select {
		case url := <-m.gate:
			return url, nil, nil
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
	m.Socket = r.create(r.to.Recovery+namespace, o)
	welcome := listen(m.Socket, "welcome")
	m.news, m.ended, m.back = listen(m.Socket, "news"), ends(m.Socket), connects(m.Socket)
	r.ready(m.Socket)
	next(r, m.back)
	next(r, welcome) // its offset is what the recovery starts from
	m.room = "room of " + m.ID()
	r.ask(m.Socket, "join", []string{m.room})
	r.ask(m.Socket, "set", map[string]any{"name": "ada"})
	m.witness = r.create(r.to.Recovery+namespace, r.options())
	r.ready(m.witness)
	return m
}

// away loses the connection, and returns when the server has noticed.
func (m *member) away() {
	m.rig.Helper()
	id := m.ID()
	m.emit(m.Socket, "drop")
	m.equal(next(m.rig, m.ended), goclient.TransportClose)
	call[ending](m.rig, m.witness, "end-of", id)
}

func (m *member) comeBack(url string) (id string) {
	m.gate <- url
	return next(m.rig, m.back)
}

func (m *member) say(to, except []string, what any) {
	m.rig.Helper()
	m.ask(m.witness, "broadcast", map[string]any{"via": "server", "to": to, "except": except}, what)
}

// expect checks what news there are: the first argument counts, an offset follows.
func (m *member) expect(wanted ...any) {
	m.rig.Helper()
	m.ask(m.Socket, "ack") // behind all of them
	for _, want := range wanted {
		m.equal(next(m.rig, m.news)[0], want)
	}
	if len(m.news) > 0 {
		m.Errorf("unexpected: %v", <-m.news)
	}
}

var recoveryChecks = []check{
	{"recovery/events that were missed", func(r *rig) {
		m := r.member()
		id := m.ID()
		m.say([]string{m.room}, nil, "live")
		m.expect("live")
		for round := range 3 {
			m.away()
			m.say([]string{m.room}, nil, round)
			m.say([]string{"elsewhere"}, nil, "not for us")
			m.say(nil, nil, map[string]any{"bytes": []byte{2}})
			m.say([]string{m.room}, []string{m.room}, "excepted")
			m.say([]string{id}, nil, "last")
			r.equal([]any{m.comeBack(r.to.Recovery), m.Recovered()}, []any{id, true})
			m.expect(round, map[string]any{"bytes": []byte{2}}, "last")
			m.say([]string{m.room}, nil, "live again")
			m.expect("live again")
			p := r.whoami(m.Socket)
			r.equal([]any{p.Rooms, p.Value}, []any{[]string{m.room}, map[string]any{"name": "ada"}})
		}
	}},
	{"recovery/nothing missed", func(r *rig) {
		m := r.member()
		id := m.ID()
		m.away()
		r.equal([]any{m.comeBack(r.to.Recovery), m.Recovered()}, []any{id, true})
		m.expect()
	}},
	{"recovery/a session that is unknown", func(r *rig) {
		m := r.member()
		id := m.ID()
		m.away()
		m.say([]string{m.room}, nil, "lost")
		if m.comeBack(r.to.URL) == id || m.Recovered() { // another server
			r.Error("recovered")
		}
		m.expect()
		p := r.whoami(m.Socket)
		r.equal([]any{p.Rooms, p.Value}, []any{[]string{}, nil})
	}},
	{"recovery/not after leaving on purpose", func(r *rig) {
		m := r.member()
		r.emit(m.Socket, "kick", false)
		r.equal(next(r, m.ended), goclient.ServerDisconnect)
		m.Open()
		m.gate <- r.to.Recovery // if the connection is closed, which no other needs
		next(r, m.back)
		r.equal([]any{m.Recovered(), r.whoami(m.Socket).Value}, []any{false, nil})
	}},
}
