package statefuzz

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/socketio"
)

func stepOpen(w *world, s step) {
	if old := w.slots[s.slot]; old.usable() && s.arg&16 == 0 {
		return // an open one is kept, mostly
	}
	proto := 4
	if s.arg&6 == 6 {
		proto = 3
	}
	w.slots[s.slot] = w.newPeer(proto, s.arg&1 != 0, s.arg&8 != 0, s.arg&32 == 0)
}

func stepPoll(_ *world, p *peer, _ int, _ []byte) { p.beginPoll() }

func stepConnect(w *world, p *peer, arg int, _ []byte) {
	ns := namespaces[arg%len(namespaces)]
	last := p.member(ns)
	if last != nil && (last.state == inside || last.state == asking) {
		return
	}
	if p.proto == 3 && w.unsettled {
		w.settle() // its id is the same as before, and must be free
	}
	m := newMember(p, ns)
	p.members = append(p.members, m)
	auth := fmt.Sprintf(`{"tag":%q}`, p.tag)
	if arg&8 != 0 {
		if old := w.lost(ns); old != nil {
			auth, m.again = fmt.Sprintf(`{"pid":%q,"offset":%q}`, old.pid, w.lastOffset(old)), true
			m.pid = old.pid
			w.supersede(old)
		}
	}
	if p.proto == 3 {
		auth = ""
	}
	p.sendText("0" + m.prefix() + auth)
}

// lost returns a membership that can perhaps be recovered.
func (w *world) lost(ns string) *member {
	for _, p := range slices.Backward(w.peers) { // the last one knows the latest offset
		for _, m := range slices.Backward(p.members) {
			if m.ns == ns && m.pid != "" && m.offset != "" && (p.over || m.state == outside) {
				return m
			}
		}
	}
	return nil
}

// lastOffset is the offset of the last event that came for the session of old.
func (w *world) lastOffset(old *member) string {
	for _, p := range slices.Backward(w.peers) {
		for _, m := range slices.Backward(p.members) {
			if m.ns == old.ns && m.pid == old.pid && m.offset != "" {
				return m.offset
			}
		}
	}
	return old.offset
}

// supersede is for a client that says it is one which is connected already: the server
// believes that the old connection is dead, and ends it.
func (w *world) supersede(old *member) {
	for _, p := range w.peers {
		for _, m := range p.members {
			if m.ns == old.ns && (m.pid == old.pid || m.again) {
				p.doubt = true
			}
		}
	}
}

func stepLeave(w *world, m *member, _ int) {
	m.peer.sendText("1" + m.prefix())
	m.leave(socketio.ClientNamespaceDisconnect)
}

// event makes an event that the client numbers, and notes what is to come of it.
func (m *member) event(name string, ack, binary bool) []message {
	p := m.peer
	p.w.number++
	number := p.w.number
	id := ""
	if ack {
		id = strconv.Itoa(number)
		m.acks[uint64(number)] = number
	}
	m.sent = append(m.sent, number)
	if !binary {
		return []message{{data: fmt.Appendf(nil, "2%s%s[%q,%q,%d]", m.prefix(), id, name, p.tag, number)}}
	}
	return []message{
		{data: fmt.Appendf(nil, `51-%s%s[%q,%q,%d,{"_placeholder":true,"num":0}]`, m.prefix(), id, name, p.tag, number)},
		{data: []byte(binaryOf(number)), binary: true},
	}
}

// eventNames are the events of a step, by its argument: first those that are to be
// acknowledged, then others.
var eventNames = []string{
	"plain", "echo", "binary", "slow", "shout", "ask", "fail", "twice",
	"plain", "echo", "binary", "slow", "shout", "ask", "nobody", "twice",
}

// evFatal is the argument of an event that ends the membership, or the connection.
const evFatal = 15

// harmless makes an event whose handler leaves the client connected.
func (m *member) harmless(kind int) []message {
	kind %= len(eventNames)
	name, ack := eventNames[kind], kind < 8
	messages := m.event(name, ack, name == "binary")
	number := m.peer.w.number
	switch name {
	case "echo":
		m.expect(keyOf("echoed", number), true)
	case "fail":
		m.acks[uint64(number)] = -number // with an error
	case "nobody": // there is no handler
		m.sent = m.sent[:len(m.sent)-1]
	}
	return messages
}

// stepEvent sends one event; that of some arguments ends the membership, or everything.
func stepEvent(w *world, m *member, arg int) {
	switch arg {
	case evFatal:
		p := m.peer
		p.awaitPost()
		if w.unsettled {
			w.settle()
		}
		if p.usable() {
			w.endByEvent(m, w.number%3)
		}
	default:
		m.peer.send(m.harmless(arg)...)
	}
}

// endByEvent sends an event whose handler ends the membership.
func (w *world) endByEvent(m *member, how int) {
	p := m.peer
	name := []string{"panic", "kick", "end"}[how]
	messages := m.event(name, false, false)
	if m.busy() { // events before it are still to be handled, others may come behind it
		p.doubt = true
	}
	p.send(messages...)
	if name == "end" {
		for _, other := range p.members {
			if other != m && other.busy() {
				p.doubt = true
			}
		}
		p.endByServer()
		return
	}
	m.leave(socketio.ServerNamespaceDisconnect)
}

// busy reports whether handlers of the membership may run for a while.
func (m *member) busy() bool {
	w := m.witness()
	return w != nil && len(w.read().events) < len(m.sent) || w != nil && w.isBusy()
}

func (w *witness) isBusy() bool {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return w.busy != ""
}

// endByServer is what Disconnect(true) does to a connection.
func (p *peer) endByServer() {
	for _, m := range p.members {
		if m.state == asking {
			p.doubt = true
		}
	}
	p.end(socketio.ServerNamespaceDisconnect)
}

// stepBurst sends many events, on polling in one POST.
func stepBurst(_ *world, m *member, arg int) {
	var messages []message
	for i := range 2 + arg {
		messages = append(messages, m.harmless(i+arg)...)
	}
	m.peer.send(messages...)
}

func stepFragments(_ *world, m *member, arg int) {
	if p := m.peer; !p.polling() {
		for _, one := range m.event("plain", true, false) {
			p.ws.fragments(append([]byte("4"), one.data...), 1+arg)
		}
	}
}

// stepPostSlowly begins a POST; it is finished when the client has something else to
// post, or is told to.
func stepPostSlowly(_ *world, m *member, arg int) {
	p := m.peer
	p.awaitPost()
	if !p.usable() || !p.polling() {
		return
	}
	var messages []message
	for i := range 1 + arg/4 {
		messages = append(messages, m.harmless(i+arg)...)
	}
	p.postSlowly(messages)
}

func stepFinishPost(_ *world, p *peer, _ int, _ []byte) { p.finishPost() }

func stepProbe(w *world, p *peer, arg int, _ []byte) {
	if !p.polling() || p.probe != nil {
		return
	}
	p.probe, p.probed = w.net.openSocket(p.query("websocket"), nil), false
	p.probe.frame(opText, []byte("2probe"))
}

// stepUpgrade goes over to the websocket, or most often waits for what comes before.
func stepUpgrade(w *world, p *peer, arg int, _ []byte) {
	if !p.polling() {
		return
	}
	if p.probe == nil {
		stepProbe(w, p, 0, nil)
	}
	w.settle()
	if p.probe == nil || !p.probed || !p.usable() {
		return
	}
	if p.spoiled {
		p.probe.cut()
		return
	}
	if p.poll != nil { // it is not asked to wait: what comes both ways may overtake
		p.unordered = true
	}
	p.probe.frame(opText, []byte("5"))
	p.ws, p.probe = p.probe, nil
	p.eager = false
}

func stepCutProbe(_ *world, p *peer, _ int, _ []byte) {
	if p.probe != nil {
		p.probe.cut()
	}
}

// stepSecondUpgrade opens one more websocket for the session, which must be refused
// (C-24).
func stepSecondUpgrade(w *world, p *peer, _ int, _ []byte) {
	if p.polling() && (p.probe == nil || !p.probed) {
		return
	}
	w.settle()
	if !p.usable() || p.polling() && p.probe == nil {
		return
	}
	c := w.net.openSocket(p.query("websocket"), appendFrame(nil, 0x80|opText, []byte("2probe")))
	w.settle()
	c.mu.Lock()
	taken := len(c.messages) > 0
	c.mu.Unlock()
	if taken {
		w.fail("%s: a second upgrade was accepted", p.tag)
	}
	c.cut()
}

func stepMute(_ *world, p *peer, _ int, _ []byte) { p.muted = true }

func stepAnswering(_ *world, p *peer, arg int, _ []byte) {
	p.answer = answering(arg) % answerings
}

// stepCut breaks the connection off at some point.
func stepCut(w *world, p *peer, arg int, _ []byte) {
	if w.unsettled || w.lazy {
		p.doubt = true // what is on its way may be lost, and a write may notice it first
	}
	switch {
	case !p.polling():
		p.end(socketio.TransportClose)
		p.ws.cut()
	case arg%3 == 0 && p.poll != nil && !p.poll.isOver():
		p.end(socketio.TransportError)
		p.poll.cut()
	case arg%3 == 1:
		p.cutPost()
	default: // the client stays away
		p.doubt, p.over = true, true
	}
	if p.probe != nil {
		p.probe.cut()
	}
}

// cutPost breaks off in the middle of a POST.
func (p *peer) cutPost() {
	p.awaitPost()
	if !p.usable() || !p.polling() {
		return
	}
	headers, body := p.encode([]packet.Packet{{Type: packet.Noop}, {Type: packet.Noop}})
	x := p.w.net.beginPartly(http.MethodPost, p.query("polling"), headers, body, len(body)/2)
	p.w.settle()
	p.end(socketio.TransportError)
	x.cut()
}

// stepGoodbye ends the session as clients do.
func stepGoodbye(w *world, p *peer, arg int, _ []byte) {
	if p.polling() || arg&1 == 0 {
		p.sendPackets(packet.Packet{Type: packet.Close})
		p.end(socketio.TransportClose)
		return
	}
	p.doubt = p.doubt || w.unsettled || w.lazy
	p.end(socketio.TransportClose)
	p.ws.frame(opClose, []byte{0x03, 0xe8 + byte(arg>>1&1)})
	if !w.lazy { // the server reads on for a moment
		w.settle()
		time.Sleep(slowness)
	}
}

// stepEarly sends a packet for a namespace that the client is not in.
func stepEarly(w *world, p *peer, arg int, _ []byte) {
	ns := namespaces[arg%len(namespaces)]
	if m := p.member(ns); m != nil && m.state != outside && m.state != refused {
		return
	}
	p.doubt = p.doubt || w.unsettled
	text := []string{`2%s["plain","",0]`, `3%s7[]`, `1%s`, `51-%s["plain",{"_placeholder":true,"num":0}]`}[arg/8%4]
	prefix := newMember(p, ns).prefix()
	inside := p.isInside()
	p.sendText(fmt.Sprintf(text, prefix))
	if arg/8%4 == 3 && inside { // it is noticed when the attachment is there
		p.send(message{data: []byte("x"), binary: true})
	}
	p.end(socketio.ForcedServerClose)
}

func (p *peer) isInside() bool {
	for _, m := range p.members {
		if m.state == inside {
			return true
		}
	}
	return false
}

func stepFalseAck(_ *world, m *member, arg int) {
	m.peer.sendText(fmt.Sprintf(`3%s%d["false"]`, m.prefix(), 100000+arg))
}

// stepOverlap sends a second poll, or POST, while the first is under way.
func stepOverlap(w *world, p *peer, arg int, _ []byte) {
	p.awaitPost()
	w.settle()
	if !p.usable() || !p.polling() {
		return
	}
	p.beginPoll()
	w.settle()
	if !p.usable() || p.poll == nil {
		return
	}
	x := w.net.begin(http.MethodGet, p.query("polling"), "", "")
	p.end(socketio.TransportError)
	w.settle()
	if status, _, _, ok := x.take(); !ok || !refusals[status] {
		w.fail("%s: the second poll was answered by %d", p.tag, status)
	}
}
