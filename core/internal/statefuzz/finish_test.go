package statefuzz

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/socketio"
)

// reasons are those that a socket may be disconnected for.
var reasons = []socketio.Reason{
	socketio.TransportError, socketio.TransportClose, socketio.ForcedClose, socketio.PingTimeout, socketio.ParseError,
	socketio.ServerShuttingDown, socketio.SlowConsumer, socketio.ForcedServerClose,
	socketio.ClientNamespaceDisconnect, socketio.ServerNamespaceDisconnect,
}

// finish waits for what the clients still have to get, ends the server, and looks what
// is left.
func (w *world) finish() {
	w.drain()
	switch endingOf(w.prog.ending) {
	case endShutdown:
		w.shutdown()
	case endHasty:
		w.endAll()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.sio.Shutdown(ctx)
	case endClose:
		w.endAll()
		w.sio.Close()
	case endDeserted:
		w.desert()
	}
	w.sio.Close()
	if n := w.sio.Engine().Count(); n != 0 {
		w.fail("%d sessions are left", n)
	}
	time.Sleep(5 * time.Minute) // handlers may still run, and some are slow
	w.settle()
	w.audit()
}

// missing says what sound clients still wait for.
func (w *world) missing() string {
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.sound() && !p.muted {
				if what := m.missing(); what != "" {
					return p.tag + " in " + m.ns + ": " + what
				}
			}
		}
	}
	return ""
}

// asking says who waits for being admitted.
func (w *world) asking() string {
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.state == asking && m.certain() && p.usable() && !p.muted {
				return p.tag + " is not admitted to " + m.ns
			}
		}
	}
	return ""
}

// busy reports whether handlers run, so that things may happen with time.
func (w *world) busy() bool {
	return slices.ContainsFunc(w.ledger.all(), (*witness).isBusy)
}

// drain waits until every sound client has what it is to have. Unless handlers run, that
// must not take any time.
func (w *world) drain() {
	const turns = 1500
	for range turns {
		w.readAll()
		asking := w.asking()
		if asking == "" && w.missing() == "" {
			time.Sleep(time.Second) // the server reads on behind a close frame
			w.readAll()
			return
		}
		if asking == "" && !w.busy() {
			w.fail("nothing happens, but there is missing: %s", w.missing())
		}
		time.Sleep(slowness)
		w.settle()
	}
	w.fail("%v after the last step: %s%s", turns*slowness, w.asking(), w.missing())
}

// readAll has all clients finish their requests and read all that there is for them, until
// their polls stay unanswered.
func (w *world) readAll() {
	for _, p := range w.peers {
		p.live()
	}
	w.settle()
	for range 1000 {
		waiting := true
		for _, p := range w.peers {
			if p.usable() && !p.muted && p.polling() && p.poll == nil {
				waiting = false
				p.beginPoll()
			}
		}
		if waiting {
			return
		}
		w.settle()
	}
}

// endAll is what happens to the clients when the server ends.
func (w *world) endAll() {
	for _, p := range w.peers {
		if p.usable() {
			p.end(socketio.ServerShuttingDown)
		}
	}
}

// shutdown ends the server while clients read on: they get what was sent before.
func (w *world) shutdown() {
	var readers []*peer
	for _, p := range w.peers {
		if p.usable() && !p.muted {
			readers = append(readers, p)
		}
	}
	w.broadcast(w.sio, nsRoot, func(*member) bool { return true })
	last := keyOf("number", w.number)
	w.endAll()
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		done <- w.sio.Shutdown(ctx)
	}()
	for range 10000 {
		select {
		case err := <-done:
			if err != nil {
				w.fail("Shutdown: %v", err)
			}
			w.settle()
			for _, p := range readers {
				if m := p.member(nsRoot); m != nil && m.certain() && slices.Contains(m.must, last) && !m.got[last] {
					m.fail("what was sent before Shutdown did not arrive")
				}
			}
			return
		default:
		}
		for _, p := range readers {
			if p.polling() && p.poll == nil {
				p.poll = w.net.begin(http.MethodGet, p.query("polling"), "", "")
			}
		}
		w.settle()
		time.Sleep(slowness)
	}
	w.fail("Shutdown has no end")
}

// desert has all clients leave, after which the server must be as at the start.
func (w *world) desert() {
	for _, p := range w.peers {
		if p.usable() {
			p.sendPackets(packet.Packet{Type: packet.Close})
			p.end(socketio.TransportClose)
		}
	}
	w.settle()
	time.Sleep(5 * time.Minute)
	w.settle()
	if n := w.sio.Engine().Count(); n != 0 {
		w.fail("all clients have left, but there are %d sessions", n)
	}
	if names := w.sio.Namespaces(); !slices.Equal(names, w.before) {
		w.fail("the namespaces were %q, and are %q", w.before, names)
	}
	for _, name := range w.before {
		n := w.sio.Of(name)
		found, err := n.To(roomNames...).FetchSockets(context.Background())
		if n.Count() != 0 || len(found) != 0 || err != nil {
			w.fail("%s has %d sockets, %d in rooms: %v", name, n.Count(), len(found), err)
		}
	}
}

// audit checks the ends of all sockets.
func (w *world) audit() {
	w.checkQuestions()
	for _, seen := range w.ledger.all() {
		r := seen.read()
		if r.connected != 1 || r.disconnecting != 1 || r.gone != 1 {
			w.fail("socket %s of %s: OnConnect ran %d times, OnDisconnecting %d, OnDisconnect %d",
				seen.sock.ID(), seen.tag, r.connected, r.disconnecting, r.gone)
		}
		if !slices.Contains(reasons, r.reason) {
			w.fail("socket %s of %s: reason %q", seen.sock.ID(), seen.tag, r.reason)
		}
	}
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.state == outside && m.certain() && m.id != "" {
				m.audit()
			}
		}
	}
}

func (m *member) audit() {
	seen := m.witness()
	if seen == nil {
		m.fail("OnConnect never ran")
		return
	}
	r := seen.read()
	if m.reason != "" && r.reason != m.reason {
		m.fail("was disconnected for %q, not for %q", r.reason, m.reason)
	}
	if !slices.Equal(r.events, m.sent) {
		m.fail("sent the events %v before it left, and %v were handled", m.sent, r.events)
	}
}

// tearDown lets go of everything, also after a failure.
func (w *world) tearDown() {
	w.sio.Close()
	w.http.Close()
	w.net.ln.Close()
	for _, c := range w.net.conns {
		c.Close()
	}
	w.net.wait.Wait()
}
