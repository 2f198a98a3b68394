package engineio_test

import (
	"runtime"
	"testing"
)

// TestIdleMemoryNeed64 pins what an idle websocket costs on the server's side:
// one goroutine, and little memory. The client's side is in the same process,
// so its own cost is measured first and subtracted by using a bare connection.
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
