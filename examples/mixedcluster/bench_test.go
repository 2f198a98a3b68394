package mixedcluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a round of the benchmark sends. Each message crosses from one node to
// another, which has benchClients clients.
const (
	benchRounds  = 3
	benchClients = 5
	benchBurst   = 5000 // messages as fast as the node takes them
	benchSteady  = 500  // messages at a pace, for latency
	benchGap     = 2    // ms between those
)

// BenchmarkCluster measures broadcasts from one node to the clients of another: two
// nodes of ours and two official servers take turns on a Redis of their own. For NATS
// there are no official servers. The processor time is that of the nodes, not that of
// the bus.
//
//	go test -run '^$' -bench Cluster -benchtime 1x ./mixedcluster
func BenchmarkCluster(b *testing.B) {
	for _, adapter := range slices.Concat(adapters, []string{"nats", "jetstream"}) {
		b.Run(adapter, func(b *testing.B) {
			for b.Loop() {
				benchCluster(b, adapter)
			}
		})
	}
}

// figures is what one round measured.
type figures struct {
	rate     float64 // messages/s
	cpu      float64 // µs of both nodes for a delivered message
	p50, p99 float64 // ms from Emit to the client's handler
}

func benchCluster(b *testing.B, adapter string) {
	all := map[string][]figures{}
	kinds := []string{"js", "go"}
	if onNATS(adapter) {
		kinds = kinds[1:]
	}
	for round := range benchRounds {
		for _, kind := range kinds {
			f := newFleet(b, adapter, kind+"1", kind+"2")
			for i := range benchClients {
				f.open(b, fmt.Sprint("client ", i), kind+"2", "")
			}
			f.flood(b, kind+"1", fields{"count": 500}) // warm up
			got := f.measure(b, kind)
			all[kind] = append(all[kind], got)
			b.Logf("round %d %s: %.0f messages/s, %.1f µs CPU per delivery, latency p50 %.2f ms p99 %.2f ms", round, kind, got.rate, got.cpu, got.p50, got.p99)
			f.end()
		}
	}
	for kind, list := range all {
		m := median(list)
		b.ReportMetric(m.rate, kind+"-msg/s")
		b.ReportMetric(m.cpu, kind+"-cpu-us/delivery")
		b.ReportMetric(m.p50, kind+"-p50-ms")
		b.ReportMetric(m.p99, kind+"-p99-ms")
	}
}

func median(list []figures) figures {
	pick := func(of func(figures) float64) float64 {
		var values []float64
		for _, f := range list {
			values = append(values, of(f))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figures{
		rate: pick(func(f figures) float64 { return f.rate }), cpu: pick(func(f figures) float64 { return f.cpu }),
		p50: pick(func(f figures) float64 { return f.p50 }), p99: pick(func(f figures) float64 { return f.p99 }),
	}
}

// flood has a node send and waits until all clients got everything.
func (f *fleet) flood(b *testing.B, from string, what fields) (took time.Duration) {
	b.Helper()
	f.clients.do(b, "reset", nil)
	what["filler"] = strings.Repeat("x", 100)
	began := time.Now()
	f.members[from].do(b, "flood", what)
	want := what["count"].(int) * benchClients
	for end := began.Add(patience); ; time.Sleep(time.Millisecond) {
		if got := ask[int](b, f.clients, "received", nil); got == want {
			return time.Since(began)
		} else if time.Now().After(end) {
			b.Fatalf("%d of %d messages arrived", got, want)
		}
	}
}

func (f *fleet) measure(b *testing.B, kind string) (got figures) {
	b.Helper()
	used := f.usage(b)
	took := f.flood(b, kind+"1", fields{"count": benchBurst})
	got.cpu = float64(f.usage(b)-used) / float64(benchBurst*benchClients)
	got.rate = benchBurst / took.Seconds()
	f.flood(b, kind+"1", fields{"count": benchSteady, "gap": benchGap})
	floods := ask[struct{ Latencies []float64 }](b, f.clients, "floods", nil)
	slices.Sort(floods.Latencies)
	got.p50 = floods.Latencies[len(floods.Latencies)/2]
	got.p99 = floods.Latencies[len(floods.Latencies)*99/100]
	return got
}

// usage is the processor time of all nodes, in microseconds.
func (f *fleet) usage(b *testing.B) (sum int64) {
	for _, m := range f.members {
		sum += ask[int64](b, m.program, "usage", nil)
	}
	return sum
}

// end ends all programs of the fleet.
func (f *fleet) end() {
	for _, m := range f.members {
		m.kill()
	}
	f.clients.kill()
	if f.redis != nil {
		f.redis.Kill()
	}
}
