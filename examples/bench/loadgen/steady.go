//go:build linux

package main

import (
	"fmt"
	"time"
)

// memory watches the server's RSS during the measured time.
type memory struct {
	every time.Duration // 0: not at all
	next  int64
	at    []float64 // minutes
	rss   []float64 // KiB
}

// look takes a sample if one is due.
func (m *memory) look(now int64, pids []int) {
	if m.every == 0 || now < m.next {
		return
	}
	m.next = now + int64(m.every)
	rss, _ := memKiB(pids)
	m.at = append(m.at, float64(now)/float64(time.Minute))
	m.rss = append(m.rss, rss)
}

// slope is that of the straight line that fits the samples best, in KiB per minute.
func (m *memory) slope() float64 {
	n := float64(len(m.at))
	var t, r float64
	for i := range m.at {
		t += m.at[i] / n
		r += m.rss[i] / n
	}
	var up, down float64
	for i := range m.at {
		up += (m.at[i] - t) * (m.rss[i] - r)
		down += (m.at[i] - t) * (m.at[i] - t)
	}
	if down == 0 {
		return 0
	}
	return up / down
}

// tell writes what was seen into the result: the slope, and the medians of the first and
// of the last quarter, which a sawtooth of the garbage collector cannot hide a leak in.
func (m *memory) tell(r *result) {
	n := len(m.rss)
	quarter := n / 4
	if quarter == 0 {
		return
	}
	r.RSSSamples, r.RSSSlope = n, round(m.slope(), 2)
	r.RSSFirst, r.RSSLast = median(m.rss[:quarter]), median(m.rss[n-quarter:])
	r.Note += fmt.Sprintf("RSS %.1f MiB in the first quarter, %.1f in the last, slope %+.0f KiB per minute over %.1f minutes; ",
		r.RSSFirst/1024, r.RSSLast/1024, r.RSSSlope, m.at[n-1]-m.at[0])
}
