// Package pace has goroutines that do the same work go in step where a processor is
// busy: first all of them read and handle, then all of them write. The code of each step
// stays in the processor's caches then, which is worth more than what it costs to switch.
// Where no processor is busy it would cost more: GiveWay finds out.
package pace

import (
	"math"
	"runtime"
	"sync"
)

const (
	// patience is how often in a row it is in vain to give way, before rest calls go
	// without. Two batches of work that follow each other have a call or two between them
	// that nobody else is there for; with less patience the next batch goes without.
	patience, rest = 8, 64
	// mostProcs is the largest GOMAXPROCS with which anybody gives way. The runtime has one
	// queue for all who do, and a lock for that, held for about 0.1 µs: on 8 busy processors
	// a tenth of the time.
	mostProcs = 8
)

// processor is what is known of how busy a processor is.
type processor struct {
	calls uint64 // of GiveWay
	skip  int    // so many more go without
	vain  int    // so often in a row nobody came by
}

// processors has one for each, as a sync.Pool does: without locks, and by and large.
var processors = sync.Pool{New: func() any { return newProcessor() }}

func newProcessor() *processor {
	p := new(processor)
	if runtime.GOMAXPROCS(0) > mostProcs {
		p.skip = math.MaxInt
	}
	return p
}

// GiveWay lets the goroutines go first that are ready to run, if that is worth it. It
// returns when they have had their turn.
//
// The runtime wakes an idle processor, if it has one, for each goroutine that gives way:
// 20 µs, a fifth of what a message costs where 4,000 come in a second and two processors
// are there for them. So it is done on trial: as long as nobody else calls GiveWay
// meanwhile, 1 call in 65 gives way.
func GiveWay() {
	p := processors.Get().(*processor)
	gives, calls := p.call()
	processors.Put(p)
	if !gives {
		return
	}
	runtime.Gosched()
	now := processors.Get().(*processor)
	if now == p { // or another processor goes on, and nothing is known
		now.resume(calls)
	}
	processors.Put(now)
}

// call counts a call, and reports whether it gives way.
func (p *processor) call() (gives bool, calls uint64) {
	p.calls++
	if p.skip > 0 {
		p.skip--
		return false, 0
	}
	return true, p.calls
}

// resume is called when those have had their turn that a call gave way to; calls is what
// call returned.
func (p *processor) resume(calls uint64) {
	if p.calls != calls {
		p.vain = 0
		return
	}
	if p.vain++; p.vain >= patience {
		p.skip = rest
	}
}
