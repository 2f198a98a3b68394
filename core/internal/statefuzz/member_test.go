package statefuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// member is a client's membership in a namespace, as the model knows it.
type member struct {
	peer  *peer
	ns    string
	state memberState
	id    string // of the socket
	pid   string // for recovery
	seen  *witness

	sent   []int          // the events that are to be handled
	acks   map[uint64]int // acknowledgement id to event
	rooms  map[string]bool
	may    map[string]bool // what the server may send, by its key
	must   []string        // what is to arrive
	got    map[string]bool
	latest map[string]int // the last number that came, for each kind

	doubt  bool // the model does not know what is to happen to this membership
	again  bool // it wants to be recovered, and may get what it missed before it is admitted
	open   bool // it was recovered: the model does not know what it may get
	reason socketio.Reason
	offset string // of the last event, for recovery
}

type memberState int

const (
	asking  memberState = iota // CONNECT was sent
	inside                     // and answered
	refused                    // and refused
	outside                    // has left, or was taken out
)

func newMember(p *peer, ns string) *member {
	return &member{
		peer: p, ns: ns, acks: map[uint64]int{}, rooms: map[string]bool{},
		may: map[string]bool{}, got: map[string]bool{}, latest: map[string]int{},
	}
}

// member returns the last membership of the peer in a namespace; nil if it never asked.
func (p *peer) member(ns string) *member {
	for _, m := range slices.Backward(p.members) {
		if m.ns == ns {
			return m
		}
	}
	return nil
}

// previous returns the membership before m in the same namespace; m if there was none.
func (m *member) previous() *member {
	last := m
	for _, other := range m.peer.members {
		if other == m {
			break
		}
		if other.ns == m.ns && other.state != refused {
			last = other
		}
	}
	return last
}

// sound reports whether the model knows what is to happen.
func (m *member) sound() bool { return m.state == inside && !m.doubt && m.peer.sound() }

// certain is sound for a membership that has ended.
func (m *member) certain() bool { return !m.doubt && !m.peer.doubt }

// witness returns what the server knows of the socket.
func (m *member) witness() *witness {
	if m.seen == nil && m.id != "" {
		m.seen = m.peer.w.ledger.find(m.ns, m.id)
	}
	return m.seen
}

// leave ends the membership.
func (m *member) leave(reason socketio.Reason) {
	switch m.state {
	case asking:
		m.doubt = true // it may have been inside before
	case inside:
		m.witness()
		m.reason = reason
	default:
		return
	}
	m.state = outside
}

// end ends the session.
func (p *peer) end(reason socketio.Reason) {
	p.doubt = p.doubt || p.rest != ""
	for _, m := range p.members {
		m.leave(reason)
	}
	p.over = true
}

// prefix is what a packet of the membership begins with, after the type.
func (m *member) prefix() string {
	if m.ns == nsRoot {
		return ""
	}
	return m.ns + ","
}

func (m *member) fail(format string, args ...any) {
	m.peer.w.fail("%s in %s: %s", m.peer.tag, m.ns, fmt.Sprintf(format, args...))
}

// receivePacket takes a packet of the server.
func (p *peer) receivePacket(in *parser.Packet) {
	m := p.member(in.Namespace)
	if m != nil && m.state == asking && in.Type != parser.Connect && in.Type != parser.ConnectError && !m.again {
		m = m.previous() // it is from before the client left
	}
	if m == nil {
		if !p.doubt { // raw steps may have asked
			p.w.fail("%s: got packet %+v of a namespace that it did not ask for", p.tag, in.Header)
		}
		return
	}
	switch in.Type {
	case parser.Connect:
		m.admitted(in)
	case parser.ConnectError:
		m.refusedBy(in)
	case parser.Disconnect:
		m.expelled()
	case parser.Event:
		m.receiveEvent(in)
	case parser.Ack:
		m.receiveAck(in)
	}
}

func (m *member) admitted(in *parser.Packet) {
	var reply struct{ SID, PID string }
	if m.state != asking {
		if m.certain() {
			m.fail("was admitted without asking")
		}
		return
	}
	if want := refusalOf[m.ns]; want != "" {
		m.fail("was admitted")
	}
	m.id = m.peer.sid
	if m.ns != nsRoot {
		m.id = m.ns + "#" + m.peer.sid
	}
	if m.peer.proto == 4 {
		if err := json.Unmarshal(in.Args.Raw(0), &reply); err != nil || len(reply.SID) != 20 {
			m.fail("CONNECT was answered by %q", in.Args.Raw(0))
		}
		m.id, m.pid = reply.SID, reply.PID
	}
	m.state = inside
	m.peer.w.recover(m)
}

func (m *member) refusedBy(in *parser.Packet) {
	if m.peer.w.prog.settings.tight { // perhaps for being in too many namespaces
		m.state = refused
		return
	}
	if m.state != asking || refusalOf[m.ns] == "" {
		if m.certain() {
			m.fail("was refused: %s", in.Args.Raw(0))
		}
		m.state = refused
		return
	}
	if !strings.Contains(string(in.Args.Raw(0)), refusalOf[m.ns]) {
		m.fail("was refused with %s", in.Args.Raw(0))
	}
	m.state = refused
}

// expelled is for a DISCONNECT packet, which only Disconnect sends.
func (m *member) expelled() {
	switch {
	case m.state == outside:
	case m.certain():
		m.fail("was disconnected")
	default:
		m.leave("")
	}
}

// expect notes that the server sends something.
func (m *member) expect(key string, must bool) {
	m.may[key] = true
	if must {
		m.must = append(m.must, key)
	}
}

// keyOf is how an event of the server is known: its name and its number.
func keyOf(event string, number int) string { return fmt.Sprintf("%s %d", event, number) }

// kinds say how the events of the server are checked.
var kinds = map[string]struct {
	mine  bool   // never sent to the client that caused it, whose tag it has
	any   bool   // the model does not know whom it is for
	order string // events of one order are numbered as they are sent
}{
	"number":   {order: "application"},
	"binary":   {order: "application"},
	"echoed":   {order: "echo"},
	"shouted":  {mine: true, any: true},
	"question": {}, // each asked by a goroutine of its own
	"survey":   {any: true},
}

func (m *member) receiveEvent(in *parser.Packet) {
	var tag string
	var number int
	if err := in.Args.Scan(&tag, &number); err != nil {
		m.fail("got event %q with arguments %q", in.Event, in.Args.Raw(0))
	}
	if in.Event == "binary" {
		var data []byte
		if err := in.Args.Scan(nil, nil, &data); err != nil || string(data) != binaryOf(number) {
			m.fail("got binary event %d with %q: %v", number, data, err)
		}
	}
	if n := in.Args.Len(); n > 0 && (m.pid != "" || m.again) {
		var offset string
		if json.Unmarshal(in.Args.Raw(n-1), &offset) == nil && offset != tag {
			m.offset = offset
		}
	}
	key, late := keyOf(in.Event, number), m.state != inside // what was sent before the client left
	kind := kinds[in.Event]
	switch {
	case m.state == asking && m.certain() && !m.again:
		m.fail("got %q before it was admitted", key)
	case m.got[key]:
		m.fail("got %q twice", key)
	case kind.mine && tag == m.peer.tag && slices.Contains(m.sent, number):
		m.fail("got what it shouted itself")
	case !kind.mine && tag != "" && tag != m.peer.tag && !m.again:
		m.fail("got %q of %s", key, tag)
	case !kind.any && !m.may[key] && !m.open && !m.again && !late && number > 0:
		m.fail("got %q, which was not for it", key)
	case kind.order != "" && number < m.latest[kind.order] && !m.peer.unordered:
		m.fail("got %q after %d", key, m.latest[kind.order])
	}
	m.got[key] = true
	m.latest[kind.order] = number
	if in.HasID && m.state == inside {
		m.answer(in.ID, number)
	}
}

// answer answers a question of the server.
func (m *member) answer(id uint64, number int) {
	p := m.peer
	if !p.usable() {
		return
	}
	reply := func(id uint64) string {
		return fmt.Sprintf("3%s%d[%q,%d]", m.prefix(), id, p.tag, number)
	}
	switch p.answer {
	case answerRight:
		p.sendText(reply(id))
		p.w.answered(m, number)
	case answerTwice:
		p.send(message{data: []byte(reply(id))}, message{data: []byte(reply(id))})
		p.w.answered(m, number)
	case answerWrong:
		p.sendText(reply(id + 1000))
		p.sendText("3" + m.prefix() + "[]")
	}
}

func (m *member) receiveAck(in *parser.Packet) {
	number, ok := m.acks[in.ID]
	if !ok || !in.HasID {
		if m.certain() {
			m.fail("got an acknowledgement with id %d, which it did not ask for, or twice", in.ID)
		}
		return
	}
	delete(m.acks, in.ID)
	var tag string
	var answered int
	if err := in.Args.Scan(&tag, &answered); err != nil {
		if number < 0 || m.peer.w.prog.settings.tight { // an event that fails, or is refused
			return
		}
		m.fail("event %d was acknowledged by %q", number, in.Args.Raw(0))
	}
	if tag != m.peer.tag || answered != number {
		m.fail("event %d was acknowledged as %d of %s", number, answered, tag)
	}
}

// missing says what the membership still waits for, "" if nothing.
func (m *member) missing() string {
	for _, key := range m.must {
		if !m.got[key] {
			return key
		}
	}
	if len(m.acks) > 0 {
		return fmt.Sprintf("acknowledgements of %v", slices.Sorted(maps.Values(m.acks)))
	}
	w := m.witness()
	if w == nil {
		return "OnConnect"
	}
	if r := w.read(); !slices.Equal(r.events, m.sent) {
		return fmt.Sprintf("events: %v were sent, %v handled", m.sent, r.events)
	}
	return ""
}

func binaryOf(number int) string { return fmt.Sprintf("\x00\xff%d\x1e", number) }
