//go:build linux

package main

import "math/bits"

// hist is a log-linear latency histogram in ns: 64 steps per power of two,
// so a value is kept to better than 1.6 %.
type hist struct {
	n   [64 * 64]uint64
	tot uint64
	max int64
}

func bucket(v int64) int {
	if v < 64 {
		if v < 0 {
			v = 0
		}
		return int(v)
	}
	e := bits.Len64(uint64(v)) - 7
	return (e+1)*64 + int(uint64(v)>>uint(e)) - 64
}

func bucketLow(i int) int64 {
	if i < 64 {
		return int64(i)
	}
	e := i/64 - 1
	return int64(i%64+64) << uint(e)
}

func (h *hist) add(v int64) {
	h.n[bucket(v)]++
	h.tot++
	if v > h.max {
		h.max = v
	}
}

func (h *hist) quantile(q float64) int64 {
	if h.tot == 0 {
		return 0
	}
	want := uint64(q * float64(h.tot))
	if want >= h.tot {
		want = h.tot - 1
	}
	var sum uint64
	for i := range h.n {
		sum += h.n[i]
		if sum > want {
			return (bucketLow(i) + bucketLow(i+1)) / 2
		}
	}
	return h.max
}
