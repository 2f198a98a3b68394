//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"syscall"
	"time"
)

var errEOF = io.EOF

// result is the JSON line of one scenario.
type result struct {
	Scenario   string   `json:"scenario"`
	Server     string   `json:"server"`
	Round      int      `json:"round"`
	Time       string   `json:"time"`
	Pass       bool     `json:"pass"`
	Errors     int      `json:"errors"`
	ErrorTexts []string `json:"error_texts,omitempty"`

	Clients   int     `json:"clients"`
	Window    int     `json:"window,omitempty"`
	Rate      float64 `json:"rate,omitempty"`
	DurationS float64 `json:"duration_s"`
	Ops       uint64  `json:"ops"` // messages, deliveries or connections, in the measured time
	Unit      string  `json:"unit"`
	PerS      float64 `json:"per_s"`
	P50us     float64 `json:"p50_us,omitempty"`
	P99us     float64 `json:"p99_us,omitempty"`
	MaxUs     float64 `json:"max_us,omitempty"`

	CPUus      float64 `json:"cpu_us_per_op"` // server, user+system
	UserUs     float64 `json:"user_us_per_op"`
	SysUs      float64 `json:"sys_us_per_op"`
	ServerCPUs float64 `json:"server_cpu_s"`
	ServerUtil float64 `json:"server_cores"`
	GenUtil    float64 `json:"gen_cores"`
	GenBusy    float64 `json:"gen_busy"`    // share of the time in which the generator had work
	OtherCores float64 `json:"other_cores"` // processor time of everything else on the machine
	StealCores float64 `json:"steal_cores"`
	GenBound   bool    `json:"gen_bound"`
	ProbeUs    float64 `json:"probe_us,omitempty"` // processor time of a fixed piece of work on the server's processor, meanwhile

	RSSBefore  float64 `json:"rss_before_kib"`
	RSSAfter   float64 `json:"rss_after_kib"`
	PSSBefore  float64 `json:"pss_before_kib"`
	PSSAfter   float64 `json:"pss_after_kib"`
	RSSPerConn float64 `json:"rss_kib_per_conn,omitempty"`
	PSSPerConn float64 `json:"pss_kib_per_conn,omitempty"`

	// with -sample: of the server's RSS in the measured time
	RSSSamples int     `json:"rss_samples,omitempty"`
	RSSSlope   float64 `json:"rss_slope_kib_per_min,omitempty"`
	RSSFirst   float64 `json:"rss_first_quarter_kib,omitempty"` // medians
	RSSLast    float64 `json:"rss_last_quarter_kib,omitempty"`

	// idle with -hold: what the idle connections cost meanwhile
	HoldS       float64 `json:"hold_s,omitempty"`
	IdlePercent float64 `json:"idle_percent_of_core,omitempty"`

	OutOfOrder uint64  `json:"out_of_order,omitempty"`
	SlowVerify uint64  `json:"slow_verify,omitempty"`
	SettleS    float64 `json:"settle_s,omitempty"`
	OpenS      float64 `json:"open_s,omitempty"`
	Note       string  `json:"note,omitempty"`
	GenReads   float64 `json:"gen_reads_per_op"`
	GenWrites  float64 `json:"gen_writes_per_op"`
	BytesIn    float64 `json:"bytes_in_per_op"`
	BytesOut   float64 `json:"bytes_out_per_op"`
}

type gen struct {
	lp        *loop
	pid       int
	pids      []int
	res       result
	h         hist
	ops       uint64
	allOps    uint64
	measuring bool
	tolerate  int // errors after which a scenario stops
	rate      float64
	warm, dur time.Duration
	openLimit time.Duration
	t0        int64
	probeCPU  int
	memory    memory
}

func (g *gen) errf(f string, a ...any) {
	g.res.Errors++
	if len(g.res.ErrorTexts) < 5 {
		g.res.ErrorTexts = append(g.res.ErrorTexts, fmt.Sprintf(f, a...))
	}
}

func (g *gen) failed() bool { return g.res.Errors > g.tolerate }

// late ends a stage that takes longer than it may.
func (g *gen) late(limit time.Duration, what string) bool {
	if g.lp.now-g.t0 > int64(limit) {
		g.errf("%s took longer than %v", what, limit)
		g.res.Errors += g.tolerate
		return true
	}
	return false
}

// openLoop makes the event loop wake when the next message is due.
func (g *gen) openLoop(due func() int64) {
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, timerSlackNs, 0)
	g.lp.nextDue = due
}

func (g *gen) done(lat int64) {
	g.allOps++
	if g.measuring {
		g.ops++
		g.h.add(lat)
	}
}

func (g *gen) before() {
	g.pids = tree(g.pid)
	g.res.RSSBefore, g.res.PSSBefore = memKiB(g.pids)
	g.t0 = g.lp.clock()
}

// measure runs the warm-up and then the measured time.
func (g *gen) measure(pace func()) {
	lp := g.lp
	stage := func(d time.Duration) {
		end := lp.clock() + int64(d)
		last, lastAt := g.allOps, lp.now
		lp.run(func() bool {
			if pace != nil {
				pace()
			}
			if g.measuring {
				g.memory.look(lp.now, g.pids)
			}
			if g.allOps != last {
				last, lastAt = g.allOps, lp.now
			} else if lp.now-lastAt > 8e9 {
				g.errf("no progress for 8 s")
				g.res.Errors += g.tolerate
			}
			return g.failed() || lp.now >= end
		})
	}
	stage(g.warm)
	if g.failed() {
		return
	}
	g.pids = tree(g.pid)
	runtime.GC()
	b0, r0, w0, i0, o0 := lp.busyNs, lp.reads, lp.writes, lp.bytesIn, lp.bytesOut
	pr := startProbe(g.probeCPU)
	s0 := sampleCPU(g.pids, lp.clock())
	g.measuring = true
	stage(g.dur)
	s1 := sampleCPU(g.pids, lp.clock())
	g.measuring = false
	g.res.ProbeUs = round(pr.end(), 3)
	g.account(s0, s1)
	ops := math.Max(float64(g.ops), 1)
	g.res.GenBusy = round(float64(lp.busyNs-b0)/float64(s1.at-s0.at), 3)
	g.res.GenReads = round(float64(lp.reads-r0)/ops, 3)
	g.res.GenWrites = round(float64(lp.writes-w0)/ops, 3)
	g.res.BytesIn = round(float64(lp.bytesIn-i0)/ops, 1)
	g.res.BytesOut = round(float64(lp.bytesOut-o0)/ops, 1)
	g.res.GenBound = g.res.GenBusy > 0.9 && g.res.ServerUtil < 0.9
	g.res.RSSAfter, g.res.PSSAfter = memKiB(g.pids)
	g.memory.tell(&g.res)
}

func (g *gen) account(s0, s1 cpuSample) {
	r := &g.res
	wall := float64(s1.at-s0.at) / 1e9
	srv := s1.user + s1.sys - s0.user - s0.sys
	own := s1.gen - s0.gen
	ops := math.Max(float64(g.ops), 1)
	r.DurationS = round(wall, 3)
	r.Ops = g.ops
	r.PerS = round(float64(g.ops)/wall, 1)
	r.P50us = round(float64(g.h.quantile(0.50))/1e3, 1)
	r.P99us = round(float64(g.h.quantile(0.99))/1e3, 1)
	r.MaxUs = round(float64(g.h.max)/1e3, 1)
	r.ServerCPUs = round(srv, 3)
	r.CPUus = round(srv*1e6/ops, 3)
	r.UserUs = round((s1.user-s0.user)*1e6/ops, 3)
	r.SysUs = round((s1.sys-s0.sys)*1e6/ops, 3)
	r.ServerUtil = round(srv/wall, 3)
	r.GenUtil = round(own/wall, 3)
	r.OtherCores = round(math.Max(0, s1.busy-s0.busy-srv-own)/wall, 3)
	r.StealCores = round((s1.steal-s0.steal)/wall, 3)
}

// drain waits for what is still under way.
func (g *gen) drain(ok func() bool) {
	if g.failed() {
		return
	}
	g.lp.clock()
	end := g.lp.now + 10e9
	g.lp.run(func() bool { return ok() || g.failed() || g.lp.now > end })
	if !ok() && !g.failed() {
		g.errf("not all answers came within 10 s")
	}
}

func round(v float64, d int) float64 {
	m := math.Pow(10, float64(d))
	return math.Round(v*m) / m
}

func die(f string, a ...any) {
	fmt.Fprintf(os.Stderr, f+"\n", a...)
	os.Exit(2)
}
