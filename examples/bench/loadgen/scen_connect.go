//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// connectScen opens connections as fast as conc slots allow, each through
// the whole life of a client: handshake, namespace connect, goodbye. With
// upgrade it begins with HTTP long-polling and moves to WebSocket as the
// official client does.
type connectScen struct {
	g       *gen
	conc    int
	upgrade bool
	stop    bool
	active  map[*client]int64 // start times
	opened  uint64
	ready   uint64
	gone    uint64
	scan    int64
}

func (s *connectScen) run() {
	g := s.g
	g.tolerate = 50
	s.active = map[*client]int64{}
	for i := 0; i < s.conc; i++ {
		s.open()
	}
	g.measure(s.expire)
	s.stop = true
	g.drain(func() bool { s.expire(); return len(s.active) == 0 })
	if s.opened != s.ready || s.opened != s.gone {
		g.errf("opened %d, connected %d, closed %d", s.opened, s.ready, s.gone)
	}
}

func (s *connectScen) open() {
	if s.stop {
		return
	}
	if s.upgrade {
		cl := &client{g: s.g, s: s}
		u := &upgrader{g: s.g, cl: cl, s: s}
		cl.up = u
		s.opened++
		s.active[cl] = s.g.lp.clock()
		u.start()
		return
	}
	cl, err := s.g.wsClient(s, 0)
	if err != nil {
		s.g.errf("dial: %v", err)
		return
	}
	s.opened++
	s.active[cl] = s.g.lp.now
}

// expire fails what hangs.
func (s *connectScen) expire() {
	now := s.g.lp.now
	if now < s.scan {
		return
	}
	s.scan = now + 250e6
	var old []*client
	for cl, at := range s.active {
		if now-at > 8e9 {
			old = append(old, cl)
		}
	}
	for _, cl := range old {
		where := fmt.Sprintf("state %d", cl.st)
		if cl.up != nil {
			where += fmt.Sprintf(", upgrade step %d", cl.up.step)
			cl.up.drop()
		}
		if cl.c != nil {
			cl.c.kill()
		}
		cl.st = csGone
		s.finish(cl, errors.New("a connection hung for 8 s: "+where))
	}
}

func (s *connectScen) finish(cl *client, err error) {
	if _, ok := s.active[cl]; !ok {
		return
	}
	delete(s.active, cl)
	s.gone++
	if err != nil {
		s.g.errf("%v", err)
		if s.g.failed() {
			return
		}
	}
	s.open()
}

func (s *connectScen) connected(cl *client) {
	s.ready++
	s.g.done(s.g.lp.now - s.active[cl])
	cl.leave()
}

func (s *connectScen) onReady(cl *client)            { s.connected(cl) }
func (s *connectScen) onBinary(cl *client, p []byte) { s.g.errf("unexpected attachment") }

func (s *connectScen) onPacket(cl *client, p []byte) {
	if cl.up == nil {
		s.g.errf("unexpected packet %q", clip(p))
		return
	}
	if cl.up.step != upEcho || !bytes.Equal(p, []byte(`30[{"up":true}]`)) {
		s.g.errf("after the upgrade: unexpected packet %q at step %d", clip(p), cl.up.step)
		return
	}
	cl.up.step = upDone
	s.connected(cl)
}

func (s *connectScen) onGone(cl *client, err error) {
	if cl.up != nil {
		cl.up.drop()
	}
	s.finish(cl, err)
}

// upgrader walks the polling -> WebSocket upgrade. Two TCP connections: one
// for the HTTP requests, one for the WebSocket. The last poll is in flight
// while the probe runs, and the server must answer it before the client
// sends the upgrade packet.
type upgrader struct {
	g        *gen
	cl       *client
	s        *connectScen
	http     *conn
	sid      string
	step     int
	probed   bool
	pollBack bool
	over     bool
}

const (
	upOpen    = iota // GET handshake
	upPost           // POST 40
	upConnect        // GET the namespace's connect packet
	upProbing        // poll in flight, WebSocket probing
	upEcho           // upgraded; one acknowledged message over the WebSocket
	upDone
)

func (u *upgrader) start() {
	c, err := u.g.lp.dial(u, "")
	if err != nil {
		u.s.finish(u.cl, fmt.Errorf("dial: %w", err))
		return
	}
	u.http = c
	u.get("")
}

func (u *upgrader) get(sid string) {
	u.http.get(sid)
	u.http.flush()
}

func (c *conn) get(sid string) {
	c.out = append(c.out, "GET /socket.io/?EIO=4&transport=polling"...)
	if sid != "" {
		c.out = append(c.out, "&sid="...)
		c.out = append(c.out, sid...)
	}
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.lp.host...)
	c.out = append(c.out, "\r\nAccept: */*\r\n\r\n"...)
}

func (c *conn) post(sid string, body []byte) {
	c.out = append(c.out, "POST /socket.io/?EIO=4&transport=polling&sid="...)
	c.out = append(c.out, sid...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.lp.host...)
	c.out = append(c.out, "\r\nAccept: */*\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
}

func (u *upgrader) drop() {
	u.over = true
	if u.http != nil {
		u.http.kill()
	}
}

func (u *upgrader) fail(err error) {
	if u.over {
		return
	}
	u.drop()
	if u.cl.c != nil {
		u.cl.c.kill()
	}
	u.cl.st = csGone
	u.s.finish(u.cl, err)
}

func (u *upgrader) onUpgraded(c *conn)         {}
func (u *upgrader) onText(c *conn, p []byte)   {}
func (u *upgrader) onBinary(c *conn, p []byte) {}
func (u *upgrader) onClosed(c *conn, err error) {
	if u.step < upEcho {
		u.fail(fmt.Errorf("upgrade step %d: HTTP connection: %w", u.step, err))
	}
}

func (u *upgrader) onHTTP(c *conn, status int, body []byte) {
	if status != 200 {
		u.fail(fmt.Errorf("upgrade step %d: HTTP %d %q", u.step, status, clip(body)))
		return
	}
	if c.httpGone && u.step < upProbing {
		u.fail(fmt.Errorf("upgrade step %d: the server does not keep the connection alive", u.step))
		return
	}
	switch u.step {
	case upOpen:
		if len(body) > 0 && body[0] == '0' {
			u.sid = sidOf(firstPacket(body)[1:])
		}
		if u.sid == "" || !bytes.Contains(body, []byte("websocket")) {
			u.fail(fmt.Errorf("bad handshake %q", clip(body)))
			return
		}
		u.step = upPost
		u.http.post(u.sid, pktConnect)
	case upPost:
		if !eqFold(body, "ok") {
			u.fail(fmt.Errorf("POST answered %q", clip(body)))
			return
		}
		u.step = upConnect
		u.http.get(u.sid)
	case upConnect:
		if len(body) < 3 || body[0] != '4' || body[1] != '0' || sidOf(firstPacket(body)[2:]) == "" {
			u.fail(fmt.Errorf("bad connect packet %q", clip(body)))
			return
		}
		u.step = upProbing
		u.http.get(u.sid)
		ws, err := u.g.lp.dial(u.cl, wsPath(u.sid))
		if err != nil {
			u.fail(fmt.Errorf("dial: %w", err))
			return
		}
		u.cl.c = ws
		u.cl.st = csProbe
	case upProbing:
		if string(body) != "6" {
			u.fail(fmt.Errorf("the last poll answered %q", clip(body)))
			return
		}
		u.pollBack = true
		u.maybeUpgrade()
	default:
		u.fail(fmt.Errorf("unexpected response %q", clip(body)))
	}
}

// onProbe: the server answered the probe over the WebSocket.
func (u *upgrader) onProbe(p []byte) {
	if string(p) != "3probe" || u.cl.st != csProbe {
		u.fail(fmt.Errorf("bad probe answer %q", clip(p)))
		return
	}
	u.probed = true
	u.maybeUpgrade()
}

func (u *upgrader) maybeUpgrade() {
	if !u.probed || !u.pollBack || u.over {
		return
	}
	u.step = upEcho
	u.cl.st = csReady
	u.cl.c.text(pktUpgrade)
	u.cl.c.text([]byte(`420["echo",{"up":true}]`))
	u.cl.c.flush()
}

func firstPacket(b []byte) []byte {
	if i := bytes.IndexByte(b, 0x1e); i >= 0 {
		return b[:i]
	}
	return b
}
