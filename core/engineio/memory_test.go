package engineio_test

import (
	"runtime"
	"testing"
)

// BenchmarkIdleWebSocket measures what idle websockets cost: the server's side,
// and the buffers of gorilla's client, which are in the same process.
func BenchmarkIdleWebSocket(b *testing.B) {
	f, session := benchFixture(b, false)
	var conns []*conn
	before, goroutines := heap(), runtime.NumGoroutine()
	for b.Loop() {
		c := f.dial(b, "")
		session()
		conns = append(conns, c)
	}
	n := float64(len(conns))
	b.ReportMetric(float64(heap()-before)/n, "B/conn(both-sides)")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/conn")
	runtime.KeepAlive(conns)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
