//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// pollScen: n clients on HTTP long-polling, one acknowledged message in
// flight each. Every client has two keep-alive connections, one on which a
// poll is always waiting and one for its POSTs, as a browser would.
type pollScen struct {
	g       *gen
	n       int
	clients []*pollClient
	opening int
	opened  int
	ready   int
	started bool
	stop    bool
	out     int
	sent    uint64
	got     uint64
	slow    uint64
	scratch []byte
	redials int
}

type pollClient struct {
	s       *pollScen
	id      int
	sid     string
	get     pollConn
	post    pollConn
	queue   []byte // packets for the next POST
	p       payload
	ack     uint32
	busy    bool
	at      int64
	ready   bool
	leaving bool
}

// pollConn is one keep-alive HTTP connection of a client.
type pollConn struct {
	pc   *pollClient
	c    *conn
	busy bool
	post bool
}

func (s *pollScen) run() {
	g := s.g
	s.clients = make([]*pollClient, s.n)
	s.fill()
	g.lp.run(func() bool { return g.failed() || s.ready == s.n || g.late(g.openLimit, "opening") })
	if g.failed() {
		return
	}
	s.started = true
	for _, pc := range s.clients {
		pc.next()
	}
	g.measure(nil)
	s.stop = true
	g.drain(func() bool { return s.out == 0 })
	if s.sent != s.got {
		g.errf("sent %d, answered %d", s.sent, s.got)
	}
	g.res.SlowVerify = s.slow
	if s.redials > 0 {
		g.res.Note += fmt.Sprintf("%d keep-alive connections were reopened; ", s.redials)
	}
	// goodbye: Socket.IO disconnect and Engine.IO close
	for _, pc := range s.clients {
		pc.leaving = true
		pc.queue = append(pc.queue[:0], "41\x1e1"...)
		pc.flushPost()
	}
	end := g.lp.clock() + 500e6
	g.lp.run(func() bool { return g.lp.now > end })
	for _, pc := range s.clients {
		for _, k := range []*pollConn{&pc.get, &pc.post} {
			if k.c != nil {
				k.c.kill()
			}
		}
	}
}

func (s *pollScen) fill() {
	for s.opening < 16 && s.opened < s.n {
		pc := &pollClient{s: s, id: s.opened, p: newPayload(s.opened)}
		pc.get = pollConn{pc: pc}
		pc.post = pollConn{pc: pc, post: true}
		s.clients[s.opened] = pc
		s.opened++
		s.opening++
		pc.poll()
	}
}

func (k *pollConn) ensure() bool {
	if k.c != nil && k.c.st != stDead && !k.c.httpGone {
		return true
	}
	if k.c != nil {
		if k.c.st != stDead {
			k.c.kill()
		}
		k.pc.s.redials++
	}
	c, err := k.pc.s.g.lp.dial(k, "")
	if err != nil {
		k.pc.s.g.errf("dial: %v", err)
		return false
	}
	k.c = c
	return true
}

func (pc *pollClient) poll() {
	if pc.get.busy || !pc.get.ensure() {
		return
	}
	pc.get.busy = true
	pc.get.c.get(pc.sid)
	pc.get.c.flush()
}

func (pc *pollClient) flushPost() {
	if pc.post.busy || len(pc.queue) == 0 || !pc.post.ensure() {
		return
	}
	pc.post.busy = true
	pc.post.c.post(pc.sid, pc.queue)
	pc.queue = pc.queue[:0]
	pc.post.c.flush()
}

func (pc *pollClient) say(p []byte) {
	if len(pc.queue) > 0 {
		pc.queue = append(pc.queue, 0x1e)
	}
	pc.queue = append(pc.queue, p...)
	pc.flushPost()
}

// next sends the next message: the one before is answered, and its POST too.
func (pc *pollClient) next() {
	s := pc.s
	if s.stop || !s.started || pc.busy || pc.post.busy {
		return
	}
	pc.busy = true
	pc.ack++
	s.out++
	s.sent++
	b := append(s.scratch[:0], "42"...)
	b = strconv.AppendUint(b, uint64(pc.ack), 10)
	b = append(b, `["echo",`...)
	b = pc.p.append(b, pc.ack)
	b = append(b, ']')
	s.scratch = b
	pc.at = s.g.lp.clock()
	pc.say(b)
}

func (k *pollConn) onUpgraded(c *conn)         {}
func (k *pollConn) onText(c *conn, p []byte)   {}
func (k *pollConn) onBinary(c *conn, p []byte) {}

func (k *pollConn) onClosed(c *conn, err error) {
	if k.busy && !k.pc.leaving {
		k.pc.s.g.errf("client %d: HTTP connection lost with a request in flight (post %v): %v", k.pc.id, k.post, err)
	}
}

func (k *pollConn) onHTTP(c *conn, status int, body []byte) {
	pc := k.pc
	s := pc.s
	if !k.busy {
		s.g.errf("response without a request")
		return
	}
	k.busy = false
	if pc.leaving {
		return
	}
	if status != 200 {
		s.g.errf("client %d: HTTP %d %q", pc.id, status, clip(body))
		return
	}
	if k.post {
		if !eqFold(body, "ok") {
			s.g.errf("POST answered %q", clip(body))
		}
		pc.flushPost()
		if pc.ready && !pc.busy {
			pc.next()
		}
		return
	}
	for len(body) > 0 {
		p := firstPacket(body)
		body = body[min(len(body), len(p)+1):]
		pc.packet(p)
	}
	if pc.sid != "" {
		pc.poll()
	}
	if pc.ready && !pc.busy {
		pc.next()
	}
}

func (pc *pollClient) packet(p []byte) {
	s := pc.s
	if len(p) == 0 {
		s.g.errf("empty packet")
		return
	}
	switch {
	case p[0] == '0' && pc.sid == "":
		if pc.sid = sidOf(p[1:]); pc.sid == "" {
			s.g.errf("bad handshake %q", clip(p))
			return
		}
		pc.say(pktConnect)
	case p[0] == '2':
		pc.say(pktPong)
	case p[0] == '6':
	case p[0] == '4' && len(p) > 1 && p[1] == '0' && !pc.ready:
		if sidOf(p[2:]) == "" {
			s.g.errf("connect packet without a sid %q", clip(p))
		}
		s.ready++
		s.opening--
		pc.ready = true
		s.fill()
	case p[0] == '4' && len(p) > 1 && p[1] == '3':
		id, rest, ok := leadingUint(p[2:])
		if !ok || !pc.busy || uint32(id) != pc.ack || len(rest) < 2 {
			s.g.errf("unexpected ack %q", clip(p))
			return
		}
		if rest[0] != '[' || !pc.p.match(rest[1:len(rest)-1], pc.ack) {
			s.slow++
			if !sameJSON(rest, append(pc.p.append([]byte{'['}, pc.ack), ']')) {
				s.g.errf("ack carries %q", clip(p))
				return
			}
		}
		pc.busy = false
		s.out--
		s.got++
		s.g.done(s.g.lp.now - pc.at)
	default:
		s.g.errf("unexpected packet %q", clip(p))
	}
}
