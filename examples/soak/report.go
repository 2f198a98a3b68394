package main

import (
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// maxFindings bounds what is kept: more of the same says nothing.
const maxFindings = 50

// report is what the clients have seen.
type report struct {
	began time.Time

	mu       sync.Mutex // guards findings
	findings []string

	sent, acknowledged, blobs atomic.Int64 // notes, and those that are answered with the same bytes
	news                      atomic.Int64 // that came in order
	connects, recovered       atomic.Int64 // of clients on bad lines, but the first of each
	visits, refusals          atomic.Int64
	storms, attacks           atomic.Int64
	faults                    [faultKinds]atomic.Int64

	latency histogram // of notes, over lines without faults
	recent  histogram // since the last line of the report
}

func newReport() *report { return &report{began: time.Now()} }

// finding notes what must not be.
func (r *report) finding(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.findings) < maxFindings {
		r.findings = append(r.findings, fmt.Sprintf("%7s ", time.Since(r.began).Round(time.Second))+fmt.Sprintf(format, args...))
	}
}

func (r *report) found() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.findings...)
}

// took notes how long a note took to be acknowledged.
func (r *report) took(d time.Duration) {
	r.latency.add(d)
	r.recent.add(d)
}

// histogram counts durations in buckets that are 10 % apart.
type histogram struct{ buckets [256]atomic.Int64 }

const bucketBase = 10 * time.Microsecond

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > bucketBase {
		i = int(math.Log(float64(d)/float64(bucketBase)) / math.Log(1.1))
	}
	h.buckets[min(i, len(h.buckets)-1)].Add(1)
}

// quantile returns the upper end of the bucket that a share of the durations is within.
func (h *histogram) quantile(q float64) time.Duration {
	var total, sum int64
	for i := range h.buckets {
		total += h.buckets[i].Load()
	}
	for i := range h.buckets {
		if sum += h.buckets[i].Load(); total > 0 && float64(sum) >= q*float64(total) {
			return time.Duration(float64(bucketBase) * math.Pow(1.1, float64(i+1))).Round(10 * time.Microsecond)
		}
	}
	return 0
}

func (h *histogram) reset() {
	for i := range h.buckets {
		h.buckets[i].Store(0)
	}
}

// line prints what is going on.
func (r *report) line(out io.Writer, s status) {
	fmt.Fprintf(out, "%6s  sessions %4d  notes %7d/%7d  news %8d  recovered %5d/%5d  p50 %7s p99 %7s  heap %5.1f MiB  goroutines %5d  files %4d  findings %d\n",
		time.Since(r.began).Round(time.Second), s.Sessions, r.acknowledged.Load(), r.sent.Load(), r.news.Load(),
		r.recovered.Load(), r.connects.Load(), r.recent.quantile(0.5), r.recent.quantile(0.99),
		float64(s.Heap)/(1<<20), s.Goroutines, s.Files, len(r.found()))
	r.recent.reset()
}

// table prints what was done in all, and the verdict.
func (r *report) table(out io.Writer, s status, drains []status, cpu time.Duration) {
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(out, "  %-58s %s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "\nafter %s:\n", time.Since(r.began).Round(time.Second))
	row("notes sent / acknowledged", "%d / %d", r.sent.Load(), r.acknowledged.Load())
	row("notes handled, of which sent again since unacknowledged", "%d, %d", s.Notes, s.Again)
	row("binary notes that came back the same", "%d", r.blobs.Load())
	row("news received in order", "%d", r.news.Load())
	row("connections made again / recovered with all they missed", "%d / %d", r.connects.Load(), r.recovered.Load())
	row("questions of the server: answered / not in time", "%d / %d", s.Answers, s.Unanswered)
	row("visits / refused logins", "%d / %d", r.visits.Load(), r.refusals.Load())
	row("connections of storms / attacks", "%d / %d", r.storms.Load(), r.attacks.Load())
	for f := range faultKinds {
		row("lines: "+faultNames[f], "%d", r.faults[f].Load())
	}
	row("sockets: connected / disconnected", "%d / %d", s.Opened, s.Ended)
	row("acknowledgement, over good lines: p50 / p99 / p99.9", "%s / %s / %s", r.latency.quantile(0.5), r.latency.quantile(0.99), r.latency.quantile(0.999))
	row("processor time of the server", "%s (%.2f cores)", cpu.Round(time.Millisecond), cpu.Seconds()/time.Since(r.began).Seconds())
	for i, d := range drains {
		row(fmt.Sprintf("drain %d: sessions, goroutines, files, heap", i+1), "%d, %d, %d, %.2f MiB", d.Sessions, d.Goroutines, d.Files, float64(d.Heap)/(1<<20))
	}
	findings := r.found()
	for _, f := range findings {
		fmt.Fprintf(out, "FINDING %s\n", f)
	}
	if len(findings) == 0 {
		fmt.Fprintln(out, "no findings")
	}
}
