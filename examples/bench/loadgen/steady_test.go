//go:build linux

package main

import (
	"math"
	"testing"
	"time"
)

func TestMemorySlope(t *testing.T) {
	for name, c := range map[string]struct {
		rss         func(i int) float64
		slope       float64
		first, last float64
	}{
		"flat":     {func(int) float64 { return 500 }, 0, 500, 500},
		"sawtooth": {func(i int) float64 { return float64(500 + i%2) }, 0, 500.5, 500.5},
		"leak":     {func(i int) float64 { return float64(500 + 3*i) }, 6, 512, 608},
	} {
		m := memory{every: 30 * time.Second}
		for i := range 41 { // one every half a minute
			m.at, m.rss = append(m.at, float64(i)/2), append(m.rss, c.rss(i))
		}
		var r result
		m.tell(&r)
		if math.Abs(r.RSSSlope-c.slope) > 0.01 || math.Abs(r.RSSFirst-c.first) > 2 || math.Abs(r.RSSLast-c.last) > 2 || r.RSSSamples != 41 {
			t.Errorf("%s: slope %v, %v to %v of %d samples", name, r.RSSSlope, r.RSSFirst, r.RSSLast, r.RSSSamples)
		}
	}
}
