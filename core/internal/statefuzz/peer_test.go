package statefuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/parser"
)

// peer is a connection of a client, and what the model knows about it.
type peer struct {
	w     *world
	tag   string
	proto int
	sid   string

	base64 bool
	eager  bool // polls again as soon as a poll was answered
	muted  bool // does not answer pings, nor does it poll
	silent int  // seconds since it last gave a sign of life, if muted
	answer answering

	ws      *socketConn // once the websocket is the transport
	probe   *socketConn
	asked   bool // the probe was sent
	probed  bool // it was answered
	spoiled bool // it was sent anything
	poll    *exchange
	post    *exchange
	rest    string // of the body of post that has not been sent yet

	decoder parser.Decoder
	members []*member // of all times; the last one of a namespace counts

	over      bool // the session has ended, or is to end, as far as the model knows
	doubt     bool // the model does not know what is to happen
	unordered bool // what the server sends may arrive out of order, since it came both ways
	since     time.Time
}

// answering is what a client does about questions of the server.
type answering int

const (
	answerRight answering = iota
	answerNever
	answerWrong // with ids that nobody asked
	answerTwice
	answerings
)

// newPeer opens a session.
func (w *world) newPeer(proto int, websocket, base64, eager bool) *peer {
	w.generation++
	p := &peer{w: w, since: time.Now(), proto: proto, base64: base64, eager: eager, doubt: w.prog.settings.tight}
	p.tag = fmt.Sprintf("%s%d", tagPrefix, w.generation)
	p.decoder = (&parser.JSON{MaxAttachments: -1}).NewDecoder()
	rest := "tag=" + p.tag
	if base64 {
		rest += "&b64=1"
	}
	if websocket {
		p.ws = w.net.openSocket(queryOf(proto, "websocket", rest), nil)
	} else {
		p.poll = w.net.begin(http.MethodGet, queryOf(proto, "polling", rest), "", "")
	}
	if proto == 3 {
		p.members = append(p.members, newMember(p, nsRoot)) // connected without asking
	}
	w.peers = append(w.peers, p)
	w.settle()
	if p.sid == "" && !p.over {
		w.fail("%s: the handshake was not answered", p.tag)
	}
	return p
}

func (p *peer) query(transport string) string {
	rest := "sid=" + p.sid
	if p.base64 {
		rest += "&b64=1"
	}
	return queryOf(p.proto, transport, rest)
}

// polling reports whether the peer posts and polls.
func (p *peer) polling() bool { return p.ws == nil }

// inFlight reports whether what the client has sent may not have arrived yet.
func (p *peer) inFlight() bool { return p.w.unsettled || p.rest != "" }

// usable reports whether a step can be taken with the peer.
func (p *peer) usable() bool { return p != nil && !p.over && p.sid != "" }

// sound reports whether the model knows what is to happen to the session.
func (p *peer) sound() bool { return !p.over && !p.doubt }

// send sends messages as a client does: in one POST, when the one before was answered,
// or as one frame each.
func (p *peer) send(messages ...message) {
	packets := make([]packet.Packet, len(messages))
	for i, m := range messages {
		packets[i] = packet.Packet{Type: packet.Message, Data: m.data, Binary: m.binary}
	}
	p.sendPackets(packets...)
}

func (p *peer) sendText(text string) { p.send(message{data: []byte(text)}) }

func (p *peer) sendPackets(packets ...packet.Packet) {
	p.silent = 0
	if p.polling() {
		p.awaitPost()
		if !p.usable() || !p.polling() {
			return
		}
		headers, body := p.encode(packets)
		p.post = p.w.net.begin(http.MethodPost, p.query("polling"), headers, body)
		return
	}
	for _, one := range packets {
		switch {
		case !one.Binary || p.base64:
			p.ws.frame(opText, packet.AppendText(nil, one, p.proto))
		default:
			p.ws.frame(opBinary, packet.AppendBinary(nil, one, p.proto))
		}
	}
}

// encode makes the body of a POST.
func (p *peer) encode(packets []packet.Packet) (headers, body string) {
	encoding, kind := packet.Text4, "text/plain;charset=UTF-8"
	if p.proto == 3 {
		encoding = packet.Text3
		for _, one := range packets {
			if one.Binary && !p.base64 {
				encoding, kind = packet.Binary3, "application/octet-stream"
			}
		}
	}
	return "Content-Type: " + kind + "\r\n", string(packet.AppendPayload(nil, packets, encoding))
}

// postSlowly sends messages in a POST whose body stops half way, until finishPost.
func (p *peer) postSlowly(messages []message) {
	packets := make([]packet.Packet, len(messages))
	for i, m := range messages {
		packets[i] = packet.Packet{Type: packet.Message, Data: m.data, Binary: m.binary}
	}
	headers, body := p.encode(packets)
	half := len(body) / 2
	p.post = p.w.net.beginPartly(http.MethodPost, p.query("polling"), headers, body, half)
	p.rest = body[half:]
}

func (p *peer) finishPost() {
	if p.rest != "" {
		io.WriteString(p.post.conn, p.rest)
		p.rest = ""
	}
}

// awaitPost waits until no POST is under way.
func (p *peer) awaitPost() {
	p.finishPost()
	if p.post != nil {
		p.w.settle()
	}
}

// beginPoll polls, unless a poll is under way.
func (p *peer) beginPoll() {
	if p.polling() && p.poll == nil {
		p.silent = 0
		p.poll = p.w.net.begin(http.MethodGet, p.query("polling"), "", "")
	}
}

// collect takes what has come, and does what clients do by themselves. It reports
// whether there was anything.
func (p *peer) collect() bool {
	some := p.collectPost()
	some = p.collectPoll() || some
	some = p.collectProbe() || some
	return p.collectSocket() || some
}

func (p *peer) collectPost() bool {
	if p.post == nil {
		return false
	}
	status, _, body, ok := p.post.take()
	if !ok {
		return false
	}
	p.post, p.rest = nil, ""
	switch {
	case status == http.StatusOK && string(body) == "ok":
	case !p.sound() && (refusals[status] || status == http.StatusOK):
	default:
		p.w.fail("%s: a POST was answered by %d %q", p.tag, status, body)
	}
	return true
}

func (p *peer) collectPoll() bool {
	if p.poll == nil {
		return false
	}
	status, kind, body, ok := p.poll.take()
	if !ok {
		return false
	}
	p.poll = nil
	if status != http.StatusOK {
		if p.sound() || !refusals[status] {
			p.w.fail("%s: a poll was answered by %d %q", p.tag, status, body)
		}
		p.over = true
		return true
	}
	p.readPayload(kind, body)
	if p.eager && p.usable() && !p.muted {
		p.beginPoll()
	}
	return true
}

func (p *peer) readPayload(kind string, body []byte) {
	encoding := packet.Text4
	if p.proto == 3 {
		encoding = packet.Text3
		if strings.HasPrefix(kind, "application/octet-stream") {
			encoding = packet.Binary3
		}
	}
	r := packet.NewPayloadReader(body, encoding)
	for {
		one, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			p.w.fail("%s: a poll was answered by %q, which is no payload", p.tag, body)
			return
		}
		p.receive(one)
	}
}

func (p *peer) collectSocket() bool {
	if p.ws == nil {
		return false
	}
	messages := p.ws.take()
	for _, m := range messages {
		p.receiveFrame(m)
	}
	_, over, fault := p.ws.state()
	if fault != "" {
		p.w.fail("%s: %s", p.tag, fault)
	}
	if over && !p.over {
		if p.sound() {
			p.w.fail("%s: the server closed the websocket", p.tag)
		}
		p.over = true
	}
	return len(messages) > 0
}

func (p *peer) receiveFrame(m message) {
	var one packet.Packet
	var err error
	if m.binary {
		one, err = packet.DecodeBinary(m.data, p.proto)
	} else {
		one, err = packet.DecodeText(m.data, p.proto)
	}
	if err != nil {
		p.w.fail("%s: the server sent a frame with %q", p.tag, m.data)
		return
	}
	p.receive(one)
}

func (p *peer) collectProbe() bool {
	if p.probe == nil {
		return false
	}
	messages := p.probe.take()
	for _, m := range messages {
		if (string(m.data) != "3probe" || m.binary) && !p.doubt {
			p.w.fail("%s: the server sent %q to a probe", p.tag, m.data)
		}
		p.probed = true
	}
	if _, over, _ := p.probe.state(); over {
		p.probe, p.probed, p.spoiled = nil, false, false
	}
	return len(messages) > 0
}

// receive takes a packet of the server.
func (p *peer) receive(one packet.Packet) {
	switch one.Type {
	case packet.Open:
		var o struct{ SID string }
		if err := json.Unmarshal(one.Data, &o); err != nil || len(o.SID) < 20 || p.sid != "" {
			p.w.fail("%s: open packet %q", p.tag, one.Data)
		}
		p.sid = o.SID
	case packet.Ping:
		if p.proto == 3 {
			p.w.fail("%s: the server sent a ping in protocol 3", p.tag)
		}
		if !p.muted && p.usable() {
			p.sendPackets(packet.Packet{Type: packet.Pong})
		}
	case packet.Message:
		p.receiveMessage(message{bytes.Clone(one.Data), one.Binary})
	case packet.Close:
		// Also the answer to a poll that a websocket has taken over from.
		if p.polling() {
			if p.sound() {
				p.w.fail("%s: the server closed the session", p.tag)
			}
			p.over = true
		}
	}
}

func (p *peer) receiveMessage(m message) {
	in, err := p.decoder.Decode(m.data, m.binary)
	if err != nil {
		p.w.fail("%s: the server sent %q: %v", p.tag, m.data, err)
		return
	}
	if in != nil {
		p.receivePacket(in)
	}
}
