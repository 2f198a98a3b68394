//go:build linux

package main

import (
	"fmt"
	"math"
	"time"
)

// idleScen opens n connections that do nothing but answer pings, waits until
// the server's memory has settled, and compares it with what it was before.
type idleScen struct {
	g       *gen
	n       int
	conc    int
	settle  time.Duration // at least
	hold    time.Duration // measured idle time (CPU)
	clients []*client
	opening int
	opened  int
	ready   int
	warmN   int
	gone    int
	checks  int
	closing bool
	phase   int
}

func (s *idleScen) run() {
	g := s.g
	// A few connections first, so that code, pools and allocator arenas that
	// every server touches once are not counted per connection.
	full := s.n
	s.n = 200
	s.clients = make([]*client, s.n)
	s.fill()
	g.lp.run(func() bool { return g.failed() || s.ready == s.n || g.late(g.openLimit, "warm-up opening") })
	if g.failed() {
		return
	}
	s.closing = true
	for _, cl := range s.clients {
		cl.leave()
	}
	g.drain(func() bool { return s.gone == s.n })
	if g.failed() {
		return
	}
	s.pause(2 * time.Second)
	g.before()

	s.closing, s.n, s.opened, s.opening, s.ready, s.gone = false, full, 0, 0, 0, 0
	s.clients = make([]*client, s.n)
	g.ops = 0
	t0 := g.lp.clock()
	g.t0 = t0
	pr := startProbe(g.probeCPU)
	s0 := sampleCPU(g.pids, t0)
	g.measuring = true
	s.fill()
	g.lp.run(func() bool { return g.failed() || s.ready == s.n || g.late(5*time.Minute, "opening") })
	g.measuring = false
	g.res.ProbeUs = round(pr.end(), 3)
	if g.failed() {
		return
	}
	g.res.OpenS = round(float64(g.lp.clock()-t0)/1e9, 2)
	s1 := sampleCPU(g.pids, g.lp.now)
	g.account(s0, s1)
	g.res.Unit = "connections"

	// settle: at least `settle`, then until RSS moved under 0.5 % in 4 s
	t1 := g.lp.clock()
	var seen []float64
	for {
		s.pause(time.Second)
		if g.failed() {
			return
		}
		rss, pss := memKiB(g.pids)
		seen = append(seen, rss)
		g.res.RSSAfter, g.res.PSSAfter = rss, pss
		el := time.Duration(g.lp.now - t1)
		if k := len(seen); el >= s.settle && k > 4 && math.Abs(seen[k-1]-seen[k-5]) < 0.005*seen[k-1] {
			break
		}
		if el > s.settle+30*time.Second {
			g.res.Note += "RSS still moving; "
			break
		}
	}
	g.res.SettleS = round(float64(g.lp.now-t1)/1e9, 1)
	g.res.RSSPerConn = round((g.res.RSSAfter-g.res.RSSBefore)/float64(s.n), 2)
	g.res.PSSPerConn = round((g.res.PSSAfter-g.res.PSSBefore)/float64(s.n), 2)

	if s.hold > 0 {
		h0 := sampleCPU(g.pids, g.lp.clock())
		s.pause(s.hold)
		h1 := sampleCPU(g.pids, g.lp.clock())
		seconds, used := float64(h1.at-h0.at)/1e9, h1.user+h1.sys-h0.user-h0.sys
		g.res.HoldS, g.res.IdlePercent = round(seconds, 1), round(100*used/seconds, 3)
		g.res.Note += fmt.Sprintf("%.2f %% of a core over %.0f s, %.2f us per connection and second; ",
			100*used/seconds, seconds, used*1e6/float64(s.n)/seconds)
	}

	// every 50th connection must still work
	want := 0
	for i := 0; i < s.n; i += 50 {
		want++
		s.clients[i].c.text([]byte(`427["echo",{"alive":true}]`))
		s.clients[i].c.flush()
	}
	g.drain(func() bool { return s.checks == want })
	if s.gone != 0 {
		g.errf("%d of %d connections were lost", s.gone, s.n)
	}
	s.closing = true
}

func (s *idleScen) pause(d time.Duration) {
	end := s.g.lp.clock() + int64(d)
	s.g.lp.run(func() bool { return s.g.lp.now >= end || s.g.failed() })
}

func (s *idleScen) fill() {
	for s.opening < s.conc && s.opened < s.n {
		cl, err := s.g.wsClient(s, s.opened)
		if err != nil {
			s.g.errf("dial: %v", err)
			return
		}
		s.clients[s.opened] = cl
		s.opened++
		s.opening++
	}
}

func (s *idleScen) onReady(cl *client) {
	s.ready++
	s.opening--
	s.g.done(s.g.lp.now - cl.startAt)
	s.fill()
}

func (s *idleScen) onPacket(cl *client, p []byte) {
	if string(p) == `37[{"alive":true}]` {
		s.checks++
		return
	}
	s.g.errf("unexpected packet %q", clip(p))
}

func (s *idleScen) onBinary(cl *client, p []byte) { s.g.errf("unexpected attachment") }

func (s *idleScen) onGone(cl *client, err error) {
	s.gone++
	if err != nil || !s.closing {
		s.g.errf("connection %d: %v", cl.id, err)
	}
}
