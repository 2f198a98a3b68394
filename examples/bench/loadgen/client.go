//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// scenario is what a load scenario does with its Socket.IO clients.
type scenario interface {
	onReady(cl *client)            // the namespace is connected
	onPacket(cl *client, p []byte) // a Socket.IO packet, its Engine.IO '4' taken off
	onBinary(cl *client, p []byte) // a binary attachment
	onGone(cl *client, err error)  // the connection ended
}

const (
	csOpen = iota // waiting for the Engine.IO open packet
	csNs          // waiting for the namespace's connect packet
	csReady
	csProbe   // upgrade: probe sent
	csClosing // we asked for the close
	csGone
)

// client is one Socket.IO client over WebSocket.
type client struct {
	g  *gen
	s  scenario
	c  *conn
	id int
	st uint8

	startAt int64
	readyAt int64
	nextID  uint32
	echo    *echoState
	up      *upgrader
	pings   int
}

func wsPath(sid string) string {
	if sid == "" {
		return "/socket.io/?EIO=4&transport=websocket"
	}
	return "/socket.io/?EIO=4&transport=websocket&sid=" + sid
}

func (g *gen) wsClient(s scenario, id int) (*client, error) {
	cl := &client{g: g, s: s, id: id}
	c, err := g.lp.dial(cl, wsPath(""))
	if err != nil {
		return nil, err
	}
	cl.c = c
	cl.startAt = c.dialAt
	return cl, nil
}

func (cl *client) onUpgraded(c *conn) {
	if cl.up != nil {
		c.text(pktProbe)
	}
}

func (cl *client) onHTTP(c *conn, st int, body []byte) {}

func (cl *client) onText(c *conn, p []byte) {
	if len(p) == 0 {
		cl.g.errf("empty message")
		return
	}
	switch p[0] {
	case '4':
		if cl.st == csNs && len(p) > 1 && p[1] == '0' {
			if sidOf(p[2:]) == "" {
				cl.g.errf("connect packet without a sid: %q", clip(p))
			}
			cl.st = csReady
			cl.readyAt = cl.g.lp.now
			cl.s.onReady(cl)
			return
		}
		if cl.st == csClosing {
			return
		}
		if cl.st != csReady {
			cl.g.errf("early packet %q", clip(p))
			return
		}
		cl.s.onPacket(cl, p[1:])
	case '0':
		if cl.st != csOpen || sidOf(p[1:]) == "" {
			cl.g.errf("unexpected open packet %q", clip(p))
			return
		}
		cl.st = csNs
		c.text(pktConnect)
	case '2':
		cl.pings++
		c.text(pktPong)
	case '6':
	case '3':
		if cl.up != nil {
			cl.up.onProbe(p)
		}
	case '1':
		c.fail(errors.New("Engine.IO close packet"))
	default:
		cl.g.errf("unknown packet %q", clip(p))
	}
}

var (
	pktConnect = []byte("40")
	pktPong    = []byte("3")
	pktProbe   = []byte("2probe")
	pktUpgrade = []byte("5")
)

func (cl *client) onBinary(c *conn, p []byte) {
	if cl.st == csReady {
		cl.s.onBinary(cl, p)
	}
}

func (cl *client) onClosed(c *conn, err error) {
	if cl.st == csGone {
		return
	}
	was := cl.st
	cl.st = csGone
	if was == csClosing && (err == errClosed || errors.Is(err, errEOF)) {
		err = nil
	}
	cl.s.onGone(cl, err)
}

// leave says goodbye as a client library does: Socket.IO disconnect, then
// the WebSocket close frame.
func (cl *client) leave() {
	if cl.st == csGone {
		return
	}
	cl.st = csClosing
	cl.c.text([]byte("41"))
	cl.c.frame(opClose, []byte{0x03, 0xe8})
	cl.c.flush()
}

// sidOf takes "sid" out of {"sid":"..."...}; it is fast where sid comes first.
func sidOf(p []byte) string {
	if bytes.HasPrefix(p, []byte(`{"sid":"`)) {
		q := p[8:]
		if i := bytes.IndexByte(q, '"'); i > 0 {
			return string(q[:i])
		}
	}
	var v struct {
		Sid string `json:"sid"`
	}
	if json.Unmarshal(p, &v) != nil {
		return ""
	}
	return v.Sid
}

// sameJSON compares two JSON texts by meaning: the slow path for servers
// whose encoder orders or spaces things in its own way.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// leadingUint reads the digits p begins with.
func leadingUint(p []byte) (v uint64, rest []byte, ok bool) {
	i := 0
	for i < len(p) && i < 19 && p[i] >= '0' && p[i] <= '9' {
		v = v*10 + uint64(p[i]-'0')
		i++
	}
	return v, p[i:], i > 0
}

// The test payload: 100 bytes of JSON, keys in alphabetical order so that an
// encoder that sorts keys gives the same bytes as one that keeps their order.
const idBase = 100000000

type payload struct{ pre, post []byte }

func newPayload(user int) payload {
	p := payload{pre: []byte(fmt.Sprintf(`{"at":1700000000000,"from":"user-%06d","id":`, user))}
	tail := `,"ok":true,"text":"`
	n := 100 - len(p.pre) - 9 - len(tail) - 2
	p.post = []byte(tail + "the quick brown fox jumps over it"[:n] + `"}`)
	return p
}

func (p *payload) append(b []byte, id uint32) []byte {
	b = append(b, p.pre...)
	b = strconv.AppendUint(b, uint64(idBase)+uint64(id), 10)
	return append(b, p.post...)
}

// match tells whether b is exactly this payload with this id.
func (p *payload) match(b []byte, id uint32) bool {
	if len(b) != len(p.pre)+9+len(p.post) {
		return false
	}
	v, ok := p.idIn(b)
	return ok && v == id && bytes.Equal(b[:len(p.pre)], p.pre) && bytes.Equal(b[len(p.pre)+9:], p.post)
}

func (p *payload) idIn(b []byte) (uint32, bool) {
	if len(b) < len(p.pre)+9 {
		return 0, false
	}
	v, _, ok := leadingUint(b[len(p.pre) : len(p.pre)+9])
	if !ok || v < idBase {
		return 0, false
	}
	return uint32(v - idBase), true
}
