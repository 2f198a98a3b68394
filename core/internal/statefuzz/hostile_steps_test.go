package statefuzz

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/socketio"
)

// hostile are messages that end a connection, and the reason. Those of the Engine.IO
// layer have an empty reason for those sockets: see stepHostile.
var hostile = []struct {
	message string // of Socket.IO
	reason  socketio.Reason
}{
	{"", socketio.ForcedClose},
	{"x", socketio.ForcedClose},
	{"9", socketio.ForcedClose},
	{"2", socketio.ForcedClose},
	{"2[]", socketio.ForcedClose},
	{"2{}", socketio.ForcedClose},
	{"2[null]", socketio.ForcedClose},
	{`2[{"toString":"x"}]`, socketio.ForcedClose}, // C-04
	{`2["plain"`, socketio.ForcedClose},
	{`2["plain",}]`, socketio.ForcedClose},
	{`5100000000-["x"]`, socketio.ForcedClose},                                // C-05
	{`50-["x"]`, socketio.ForcedClose},                                        // C-06
	{`51-["x",{"_placeholder":true,"num":1}]` + "\x00", socketio.ForcedClose}, // C-03
	{"2" + strings.Repeat("1", 1000) + `["x"]`, socketio.ForcedClose},         // C-02
	{"2[" + strings.Repeat("[", 300), socketio.ForcedClose},                   // C-29
}

// stepHostile sends what no client would, and which ends the session.
func stepHostile(w *world, p *peer, arg int, _ []byte) {
	p.awaitPost()
	if w.unsettled {
		w.settle()
	}
	if !p.usable() {
		return
	}
	for _, m := range p.members {
		if m.state == asking { // whether it is admitted before is not known
			p.doubt = true
		}
	}
	if arg < len(hostile) {
		h := hostile[arg]
		p.sendText(h.message)
		p.end(h.reason)
		return
	}
	engine := []struct {
		text   string
		reason socketio.Reason
	}{
		{"x", socketio.ParseError},
		{"7", socketio.ParseError},
		{"", socketio.ParseError},
		{map[int]string{4: "2", 3: "3"}[p.proto], socketio.TransportError}, // a heartbeat of the wrong direction
	}[arg%4]
	switch {
	case !p.polling():
		p.end(engine.reason)
		p.ws.frame(opText, []byte(engine.text))
	case p.proto == 4:
		p.awaitPost()
		if p.usable() {
			p.end(engine.reason)
			w.net.begin(http.MethodPost, p.query("polling"), "", engine.text)
		}
	}
}

// requests are queries that must be refused, or answered, without a session.
var requests = []string{
	"", "EIO=4", "EIO=5&transport=polling", "EIO=4&transport=x", "transport=polling&EIO=4&sid=__proto__",
	"EIO=4&transport=websocket", "EIO=4&transport=polling&sid=", "EIO=4&transport=polling&sid=%00",
	"EIO=4&transport=websocket&sid=x", "EIO=%34&transport=poll%69ng&sid=a&sid=b", "EIO=4&EIO=3&transport=polling&sid=+",
}

// stepRequest sends a request that belongs to no session (C-08, C-11).
func stepRequest(w *world, s step) {
	method := []string{http.MethodGet, http.MethodPost, http.MethodPut, "X"}[s.arg>>4]
	query := requests[s.arg%16%len(requests)]
	x := w.net.begin(method, query, "", "")
	w.settle()
	if status, _, body, ok := x.take(); !ok || !refusals[status] || status == 0 {
		w.fail("%s %q was answered by %d %q", method, query, status, body)
	}
}

// stepStray sends a request that names the session, but not as it is: it is refused, and
// the session goes on.
func stepStray(w *world, p *peer, arg int, _ []byte) {
	method := []string{http.MethodGet, http.MethodPost}[arg&1]
	query := p.query("polling")
	if p.polling() {
		query = strings.Replace(query, fmt.Sprintf("EIO=%d", p.proto), fmt.Sprintf("EIO=%d", 7-p.proto), 1)
	}
	x := w.net.begin(method, query, "", "4")
	w.settle()
	if status, _, body, ok := x.take(); !ok || status != http.StatusBadRequest {
		w.fail("%s: a stray request was answered by %d %q", p.tag, status, body)
	}
}

// stepRawText sends any message.
func stepRawText(_ *world, p *peer, _ int, data []byte) {
	p.doubt = true
	p.send(message{data: data})
}

func stepRawBinary(_ *world, p *peer, _ int, data []byte) {
	p.doubt = true
	p.send(message{data: data, binary: true})
}

var contentTypes = []string{
	"", "Content-Type: text/plain;charset=UTF-8\r\n", "Content-Type: application/octet-stream\r\n",
	"Content-Type: application/x-www-form-urlencoded\r\n",
}

// stepRawBody sends any body.
func stepRawBody(w *world, p *peer, arg int, data []byte) {
	p.awaitPost()
	if !p.usable() || !p.polling() {
		return
	}
	p.doubt = true
	p.post = w.net.begin(http.MethodPost, p.query("polling"), contentTypes[arg%4], string(data))
}

// stepRawBytes sends any bytes on a websocket, if there is none yet right behind the
// request for one (C-09).
func stepRawBytes(w *world, p *peer, arg int, data []byte) {
	if arg&1 != 0 { // a frame with the first byte of data in front, the rest masked
		first := byte(0x81)
		if len(data) > 0 {
			first, data = data[0], data[1:]
		}
		data = appendFrame(nil, first, data)
	}
	if !p.polling() {
		p.doubt = true
		p.ws.raw(data)
		return
	}
	p.spoiled = true
	known := !p.doubt
	p.doubt = true // until it is known what came of it
	if p.probe != nil {
		p.probe.raw(data)
	} else {
		p.probe = w.net.openSocket(p.query("websocket"), data)
	}
	w.settle()
	s, there := w.sio.Engine().Session(p.sid)
	if there && s.Transport() == "polling" && !p.over {
		p.doubt = !known
		return
	}
	p.unordered = true
	p.ws, p.probe = p.probe, nil
	p.over = p.over || p.ws == nil
}

// ping is the heartbeat of protocol 3.
func (p *peer) ping() { p.sendPackets(packet.Packet{Type: packet.Ping}) }
