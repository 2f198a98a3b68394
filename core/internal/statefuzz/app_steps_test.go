package statefuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// roomNames are the rooms of programs.
var roomNames = []string{"red", "green", "blue"}

func roomOf(arg int) string { return roomNames[arg%len(roomNames)] }

// namespace returns a namespace that admits clients, if it exists now.
func (w *world) namespace(arg int) *socketio.Namespace {
	name := namespaces[arg%5]
	if !strings.HasPrefix(name, "/dyn") {
		return w.sio.Of(name)
	}
	for _, n := range w.dyn.Children() {
		if n.Name() == name {
			return n
		}
	}
	return nil
}

// stepEmit sends an event to one client, of some arguments with binary data.
func stepEmit(w *world, m *member, arg int) {
	w.number++
	s, number := m.witness().sock, w.number
	switch arg % 4 {
	case 0, 1:
		m.sent1("number", number, s.Emit("number", m.peer.tag, number))
	case 2:
		m.sent1("binary", number, s.Compress(arg < 8).Emit("binary", m.peer.tag, number, []byte(binaryOf(number))))
	case 3: // with small limits it may wait
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		m.sent1("number", number, s.EmitWait(ctx, "number", m.peer.tag, number))
	}
}

// sent1 notes what was sent to one client, and how that went.
func (m *member) sent1(event string, number int, err error) {
	expected := errors.Is(err, socketio.ErrDisconnected) || errors.Is(err, socketio.ErrQueueFull) || errors.Is(err, context.DeadlineExceeded)
	if err != nil && (m.sound() || !expected) {
		m.fail("Emit returned %v", err)
	}
	m.expect(keyOf(event, number), err == nil && m.sound())
}

func stepVolatile(w *world, m *member, _ int) {
	w.number++
	m.witness().sock.Volatile().Emit("number", m.peer.tag, w.number)
	m.expect(keyOf("number", w.number), false)
}

// broadcast sends an event to the members of a namespace that sel selects.
func (w *world) broadcast(to socketio.Emitter, namespace string, sel func(*member) bool) {
	w.number++
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.ns == namespace && m.state != refused && sel(m) {
				m.expect(keyOf("number", w.number), m.sound())
			}
		}
	}
	if err := to.Emit("number", "", w.number); err != nil {
		w.fail("a broadcast to %s: %v", namespace, err)
	}
}

func stepBroadcast(w *world, s step) {
	if n := w.namespace(s.arg); n != nil {
		w.broadcast(n, n.Name(), func(*member) bool { return true })
	}
}

func stepToRoom(w *world, s step) {
	if n := w.namespace(s.arg); n != nil {
		a, b := roomOf(s.arg/5), roomOf(s.arg/5+s.slot)
		w.broadcast(n.To(a, b), n.Name(), func(m *member) bool { return m.rooms[a] || m.rooms[b] })
	}
}

func stepExcept(w *world, s step) {
	if n := w.namespace(s.arg); n != nil {
		room := roomOf(s.arg / 5)
		w.broadcast(n.Except(room), n.Name(), func(m *member) bool { return !m.rooms[room] })
	}
}

func stepJoin(_ *world, m *member, arg int) {
	err := m.witness().sock.Join(roomOf(arg))
	switch {
	case err == nil:
		m.rooms[roomOf(arg)] = true
	case m.sound():
		m.fail("Join: %v", err)
	}
}

func stepLeaveRoom(_ *world, m *member, arg int) {
	m.witness().sock.Leave(roomOf(arg))
	delete(m.rooms, roomOf(arg))
}

// stepDisconnect takes a client out of a namespace, or all of them.
func stepDisconnect(w *world, m *member, arg int) {
	p := m.peer
	if p.inFlight() { // and may come too late
		p.doubt = true
	}
	s := m.witness().sock
	if arg&1 == 0 {
		m.leave(socketio.ServerNamespaceDisconnect)
		s.Disconnect(false)
		return
	}
	p.endByServer()
	s.Disconnect(true)
}

func stepDisconnectRoom(w *world, s step) {
	n := w.namespace(s.arg)
	if n == nil {
		return
	}
	room := roomOf(s.arg / 5)
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.ns == n.Name() && m.rooms[room] && m.state == inside {
				p.doubt = p.doubt || p.inFlight()
				m.leave(socketio.ServerNamespaceDisconnect)
			}
		}
	}
	if err := n.To(room).DisconnectSockets(false); err != nil {
		w.fail("DisconnectSockets: %v", err)
	}
}

func stepAsk(w *world, m *member, _ int) { w.ask(m, m.witness().sock) }

// stepAskAll asks a namespace; each client may answer once.
func stepAskAll(w *world, s step) {
	n := w.namespace(s.arg)
	if n == nil {
		return
	}
	w.number++
	number := w.number
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.ns == n.Name() && m.state != refused {
				m.expect(keyOf("survey", number), m.sound())
			}
		}
	}
	w.net.wait.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		seen := map[string]bool{}
		for answer, err := range n.Except().AskAll(ctx, "survey", "", number) {
			if err != nil {
				continue
			}
			var tag string
			var got int
			if err := answer.Args.Scan(&tag, &got); err != nil || got != number && strings.HasPrefix(tag, tagPrefix) || seen[answer.Socket] {
				w.ledger.fault("question %d to %s was answered by %s with %d (%v), seen before: %v", number, n.Name(), answer.Socket, got, err, seen[answer.Socket])
			}
			seen[answer.Socket] = true
		}
	})
}

// stepFetch compares what a namespace says of itself with the model.
func stepFetch(w *world, s step) {
	n := w.namespace(s.arg)
	if n == nil {
		return
	}
	w.settle()
	found, err := n.FetchSockets(context.Background())
	if err != nil {
		w.fail("FetchSockets: %v", err)
	}
	var ids []string
	for _, s := range found {
		ids = append(ids, s.ID())
	}
	if len(ids) != n.Count() {
		w.fail("%s: Count is %d, FetchSockets found %q", n.Name(), n.Count(), ids)
	}
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.ns == n.Name() && m.sound() && !slices.Contains(ids, m.id) {
				m.fail("FetchSockets did not find it in %q", ids)
			}
			if m.ns == n.Name() && m.state == outside && m.certain() && m.id != "" && p.settled() && slices.Contains(ids, m.id) {
				m.fail("FetchSockets found it although it has left")
			}
		}
	}
}

// settled reports whether nothing of the session is to come by the clock alone.
func (p *peer) settled() bool {
	_, there := p.w.sio.Engine().Session(p.sid)
	return p.proto == 4 && (!p.over || !there)
}

// stepEndSession has the application end a session of the engine.
func stepEndSession(w *world, p *peer, arg int, _ []byte) {
	s, ok := w.sio.Engine().Session(p.sid)
	if !ok {
		return
	}
	p.doubt = p.doubt || p.inFlight()
	if arg&1 == 0 {
		p.doubt = p.doubt || p.polling() // it waits for a poll, and who knows what comes first
		p.end(socketio.ForcedClose)
		s.Close()
		return
	}
	p.end(socketio.TransportError)
	s.Abort("transport error", fmt.Errorf("given up"))
}

// stepWait lets time pass, up to a minute.
func stepWait(w *world, s step) {
	w.settle()
	w.pass(s.arg)
	w.checkSilent()
}
