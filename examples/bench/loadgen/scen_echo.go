//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// echoScen: n clients, each with w messages in flight; or, with a rate, an
// open loop in which latency counts from when a message was due.
type echoScen struct {
	g       *gen
	kind    int // ekAck, ekEvent, ekBinary
	n, w    int
	clients []*client
	ready   int
	opening int
	opened  int
	stop    bool
	out     int // in flight
	scratch []byte
	okHead  []byte // the reply's text part, once checked (binary)
	rateT0  int64
	rateSnt int64
	rr      int
	ooo     uint64
	slow    uint64
	sent    uint64
	got     uint64
}

const (
	ekAck = iota
	ekEvent
	ekBinary
)

const binSize = 4096

type slot struct {
	id    uint32
	busy  bool
	at    int64
	order uint32
}

type echoState struct {
	p         payload
	slots     []slot
	sentOrder uint32
	recvOrder uint32
	bin       []byte
	wantBin   bool
}

func (e *echoScen) run() {
	g := e.g
	if g.rate > 0 && e.w < 64 {
		e.w = 64 // slots, not a window, in an open loop
	}
	e.clients = make([]*client, e.n)
	e.fill()
	g.lp.run(func() bool { return g.failed() || e.ready == e.n || g.late(g.openLimit, "opening") })
	if g.failed() {
		return
	}
	if g.rate > 0 {
		e.rateT0 = g.lp.clock()
		g.openLoop(func() int64 { return e.rateT0 + int64(float64(e.rateSnt)/g.rate*1e9) })
	} else {
		for _, cl := range e.clients {
			for i := range cl.echo.slots {
				e.sendSlot(cl, &cl.echo.slots[i], i, g.lp.clock())
			}
			cl.c.flush()
		}
	}
	g.measure(e.pace)
	e.stop = true
	g.lp.nextDue = nil
	g.drain(func() bool { return e.out == 0 })
	if e.sent != e.got {
		g.errf("sent %d, answered %d", e.sent, e.got)
	}
	g.res.OutOfOrder, g.res.SlowVerify = e.ooo, e.slow
	if e.ooo > 0 && e.kind != ekAck {
		g.errf("%d answers out of order", e.ooo)
	}
	for _, cl := range e.clients {
		cl.leave()
	}
}

// pace sends what is due by now in an open loop.
func (e *echoScen) pace() {
	if e.g.rate == 0 || e.stop {
		return
	}
	now := e.g.lp.now
	due := 1 + int64(float64(now-e.rateT0)/1e9*e.g.rate)
	for e.rateSnt < due {
		tried := 0
		for ; tried < e.n; tried++ {
			cl := e.clients[e.rr%e.n]
			e.rr++
			s := -1
			for i := range cl.echo.slots {
				if !cl.echo.slots[i].busy {
					s = i
					break
				}
			}
			if s >= 0 {
				e.sendSlot(cl, &cl.echo.slots[s], s, e.rateT0+int64(float64(e.rateSnt)/e.g.rate*1e9))
				cl.c.flush()
				break
			}
		}
		if tried == e.n {
			return // every slot is taken: the server is behind; latency shows it
		}
		e.rateSnt++
	}
}

func (e *echoScen) fill() {
	for e.opening < 64 && e.opened < e.n {
		cl, err := e.g.wsClient(e, e.opened)
		if err != nil {
			e.g.errf("dial: %v", err)
			return
		}
		cl.echo = &echoState{p: newPayload(cl.id), slots: make([]slot, e.w)}
		if e.kind == ekBinary {
			cl.echo.bin = make([]byte, binSize)
			for i := 0; i < binSize; i += 8 {
				binary.LittleEndian.PutUint64(cl.echo.bin[i:], e.g.lp.rand())
			}
		}
		e.clients[e.opened] = cl
		e.opened++
		e.opening++
	}
}

func (e *echoScen) onReady(cl *client) {
	e.ready++
	e.opening--
	e.fill()
}

func (e *echoScen) sendSlot(cl *client, s *slot, i int, at int64) {
	st := cl.echo
	// ids are unique in a connection and say which slot they belong to
	s.id = st.sentOrder*uint32(e.w) + uint32(i)
	s.busy, s.at, s.order = true, at, st.sentOrder
	st.sentOrder++
	e.sent++
	e.out++
	b := e.scratch[:0]
	switch e.kind {
	case ekAck:
		b = append(b, "42"...)
		b = strconv.AppendUint(b, uint64(s.id), 10)
		b = append(b, `["echo",`...)
		b = st.p.append(b, s.id)
		b = append(b, ']')
		cl.c.text(b)
	case ekEvent:
		b = append(b, `42["echo",`...)
		b = st.p.append(b, s.id)
		b = append(b, ']')
		cl.c.text(b)
	case ekBinary:
		b = append(b, `451-["echo",{"_placeholder":true,"num":0}]`...)
		cl.c.text(b)
		binary.LittleEndian.PutUint64(st.bin, uint64(s.id))
		cl.c.frame(opBin, st.bin)
	}
	e.scratch = b
}

// answer closes the slot's message and, in a closed loop, sends the next.
func (e *echoScen) answer(cl *client, id uint32) {
	st := cl.echo
	i := int(id) % e.w
	s := &st.slots[i]
	if !s.busy || s.id != id {
		e.g.errf("answer to a message that is not in flight: %d", id)
		return
	}
	s.busy = false
	if s.order != st.recvOrder {
		e.ooo++
	}
	st.recvOrder = s.order + 1
	e.got++
	e.out--
	now := e.g.lp.now
	e.g.done(now - s.at)
	if !e.stop && e.g.rate == 0 {
		e.sendSlot(cl, s, i, now)
	}
}

func (e *echoScen) onPacket(cl *client, p []byte) {
	st := cl.echo
	switch {
	case e.kind == ekAck && p[0] == '3':
		v, rest, ok := leadingUint(p[1:])
		id := uint32(v)
		if !ok || len(rest) < 2 || rest[0] != '[' {
			e.g.errf("bad ack %q", clip(p))
			return
		}
		if !st.p.match(rest[1:len(rest)-1], id) {
			e.slow++
			want := append(st.p.append([]byte{'['}, id), ']')
			if !sameJSON(rest, want) {
				e.g.errf("ack %d carries %q", id, clip(rest))
				return
			}
		}
		e.answer(cl, id)
	case e.kind == ekEvent && p[0] == '2':
		const head = `2["echo",`
		if bytes.HasPrefix(p, []byte(head)) {
			body := p[len(head) : len(p)-1]
			if id, ok := st.p.idIn(body); ok && st.p.match(body, id) {
				e.answer(cl, id)
				return
			}
		}
		e.slow++
		var a []json.RawMessage
		var m struct {
			ID int64 `json:"id"`
		}
		if json.Unmarshal(p[1:], &a) != nil || len(a) != 2 || string(a[0]) != `"echo"` || json.Unmarshal(a[1], &m) != nil {
			e.g.errf("bad event %q", clip(p))
			return
		}
		id := uint32(m.ID - idBase)
		if !sameJSON(a[1], st.p.append(nil, id)) {
			e.g.errf("event carries %q", clip(p))
			return
		}
		e.answer(cl, id)
	case e.kind == ekBinary && p[0] == '5':
		if st.wantBin {
			e.g.errf("a second binary event before the attachment")
			return
		}
		if !bytes.Equal(p, e.okHead) {
			if !bytes.HasPrefix(p, []byte("51-")) || !sameJSON(p[3:], []byte(`["echo",{"_placeholder":true,"num":0}]`)) {
				e.g.errf("bad binary event %q", clip(p))
				return
			}
			e.okHead = append([]byte(nil), p...)
		}
		st.wantBin = true
	default:
		e.g.errf("unexpected packet %q", clip(p))
	}
}

func (e *echoScen) onBinary(cl *client, p []byte) {
	st := cl.echo
	if e.kind != ekBinary || !st.wantBin {
		e.g.errf("unexpected attachment of %d bytes", len(p))
		return
	}
	st.wantBin = false
	if len(p) != binSize || !bytes.Equal(p[8:], st.bin[8:]) {
		e.g.errf("attachment damaged (%d bytes)", len(p))
		return
	}
	e.answer(cl, uint32(binary.LittleEndian.Uint64(p)))
}

func (e *echoScen) onGone(cl *client, err error) {
	if err != nil {
		e.g.errf("client %d: %v", cl.id, err)
	}
}
