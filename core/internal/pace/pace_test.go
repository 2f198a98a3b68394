package pace

import (
	"runtime"
	"sync"
	"testing"
)

// TestInStep has goroutines on one processor do two steps of work.
func TestInStep(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const workers = 20
	var mu sync.Mutex
	var steps []int
	step := func(n int) {
		mu.Lock()
		steps = append(steps, n)
		mu.Unlock()
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			step(1)
			GiveWay()
			step(2)
		})
	}
	wg.Wait()
	together, longest := 0, 0
	for _, n := range steps {
		if n == 1 {
			together++
			longest = max(longest, together)
		} else {
			together = 0
		}
	}
	// Not all of them: the runtime looks at those who gave way now and then, and they may be
	// the next to go on.
	if longest < workers/4 {
		t.Fatalf("at most %d did their first step together: %v", longest, steps)
	}
}

// TestTrials has one goroutine call, with others or without them.
func TestTrials(t *testing.T) {
	p := new(processor)
	given := 0
	call := func(company bool) {
		gives, calls := p.call()
		if !gives {
			return
		}
		given++
		if company {
			p.call()
		}
		p.resume(calls)
	}
	for range 1000 {
		call(true)
	}
	if given != 1000 {
		t.Fatalf("of 1000 calls in company, %d gave way", given)
	}
	given = 0
	for range patience + 10*(rest+1) {
		call(false)
	}
	if given != patience+10 {
		t.Fatalf("%d calls gave way to nobody, want %d", given, patience+10)
	}
	for p.skip > 0 {
		call(true)
	}
	given = 0
	for range 1000 {
		call(true)
	}
	if given != 1000 {
		t.Fatalf("of 1000 calls in company again, %d gave way", given)
	}
}

// TestManyProcessors: the queue of those who give way would be the bottleneck.
func TestManyProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(mostProcs))
	if gives, _ := newProcessor().call(); !gives {
		t.Errorf("nobody gives way on %d", mostProcs)
	}
	runtime.GOMAXPROCS(mostProcs + 1)
	p := newProcessor()
	for range 10 * rest {
		if gives, _ := p.call(); gives {
			t.Fatalf("somebody gives way on %d", mostProcs+1)
		}
	}
}

func BenchmarkGiveWay(b *testing.B) {
	for b.Loop() {
		GiveWay()
	}
}
