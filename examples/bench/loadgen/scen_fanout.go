//go:build linux

package main

import (
	"bytes"
	"encoding/json"
)

// fanoutScen: n subscribers in the room "bench" and one publisher, with at
// most w publishes that have not yet reached every subscriber.
type fanoutScen struct {
	g       *gen
	n, w    int
	subs    []*client
	pub     *client
	opening int
	opened  int
	joined  int
	pubOK   bool
	started bool
	stop    bool
	next    uint32 // id of the next publish
	inAir   int
	p       payload
	bodies  [][]byte // the delivery expected for publish id%len
	sentAt  []int64
	left    []int
	scratch []byte
	got     uint64
	slow    uint64
	rateT0  int64
	rateSnt int64
}

func (f *fanoutScen) run() {
	g := f.g
	f.p = newPayload(424242)
	ring := f.w
	if g.rate > 0 {
		ring = 4096
	}
	f.bodies = make([][]byte, ring)
	f.sentAt = make([]int64, ring)
	f.left = make([]int, ring)
	f.subs = make([]*client, f.n)
	f.fill()
	g.lp.run(func() bool {
		return g.failed() || (f.joined == f.n && f.pubOK) || g.late(g.openLimit, "opening and joining")
	})
	if g.failed() {
		return
	}
	f.started = true
	if g.rate > 0 {
		f.rateT0 = g.lp.clock()
		g.openLoop(func() int64 { return f.rateT0 + int64(float64(f.rateSnt)/g.rate*1e9) })
	} else {
		for i := 0; i < f.w; i++ {
			f.publish(g.lp.clock())
		}
		f.pub.c.flush()
	}
	g.measure(f.pace)
	f.stop = true
	g.lp.nextDue = nil
	g.drain(func() bool { return f.inAir == 0 })
	if want := uint64(f.next) * uint64(f.n); f.got != want {
		g.errf("%d deliveries, expected %d", f.got, want)
	}
	g.res.SlowVerify = f.slow
	for _, cl := range f.subs {
		cl.leave()
	}
	f.pub.leave()
}

func (f *fanoutScen) pace() {
	if f.g.rate == 0 || f.stop {
		return
	}
	due := 1 + int64(float64(f.g.lp.now-f.rateT0)/1e9*f.g.rate)
	for f.rateSnt < due && f.inAir < len(f.left) {
		f.publish(f.rateT0 + int64(float64(f.rateSnt)/f.g.rate*1e9))
		f.rateSnt++
	}
	f.pub.c.flush()
}

func (f *fanoutScen) fill() {
	for f.opening < 64 && f.opened <= f.n {
		cl, err := f.g.wsClient(f, f.opened)
		if err != nil {
			f.g.errf("dial: %v", err)
			return
		}
		if f.opened == f.n {
			f.pub = cl
		} else {
			f.subs[f.opened] = cl
		}
		f.opened++
		f.opening++
	}
}

func (f *fanoutScen) onReady(cl *client) {
	if cl == f.pub {
		f.pubOK = true
	} else {
		cl.c.text([]byte(`420["join","bench"]`))
	}
	f.opening--
	f.fill()
}

func (f *fanoutScen) publish(at int64) {
	k := f.next
	i := int(k) % len(f.left)
	f.next++
	f.inAir++
	f.sentAt[i] = at
	f.left[i] = f.n
	b := append(f.scratch[:0], `42["publish",`...)
	b = f.p.append(b, k)
	b = append(b, ']')
	f.scratch = b
	f.pub.c.text(b)
	e := append(f.bodies[i][:0], `2["msg",`...)
	e = f.p.append(e, k)
	f.bodies[i] = append(e, ']')
}

func (f *fanoutScen) onPacket(cl *client, p []byte) {
	if !f.started {
		if bytes.Equal(p, []byte(`30[]`)) || (p[0] == '3' && p[1] == '0' && json.Valid(p[2:])) {
			f.joined++
		} else {
			f.g.errf("bad join ack %q", clip(p))
		}
		return
	}
	if cl == f.pub {
		f.g.errf("the publisher is not in the room but got %q", clip(p))
		return
	}
	k := cl.nextID
	i := int(k) % len(f.left)
	if k >= f.next || f.left[i] == 0 {
		f.g.errf("subscriber %d: delivery that was not published: %q", cl.id, clip(p))
		return
	}
	if !bytes.Equal(p, f.bodies[i]) {
		f.slow++
		if p[0] != '2' || !sameJSON(p[1:], f.bodies[i][1:]) {
			f.g.errf("subscriber %d: expected publish %d, got %q", cl.id, k, clip(p))
			return
		}
	}
	cl.nextID++
	f.got++
	f.g.done(f.g.lp.now - f.sentAt[i])
	f.left[i]--
	if f.left[i] == 0 {
		f.inAir--
		if !f.stop && f.g.rate == 0 {
			f.publish(f.g.lp.now)
			f.pub.c.flush()
		}
	}
}

func (f *fanoutScen) onBinary(cl *client, p []byte) {
	f.g.errf("unexpected attachment")
}

func (f *fanoutScen) onGone(cl *client, err error) {
	if err != nil {
		f.g.errf("client %d: %v", cl.id, err)
	}
}
