// Package workers runs tasks on goroutines that are used again. A goroutine begins with
// a stack that is too small for a handler or a write to a socket, and growing it costs
// more than all else that starting one does: about 1 µs of the 10 that a small message
// takes.
package workers

import (
	"slices"
	"sync"
	"time"
)

// Task is something to do. Work must not panic. It may end its goroutine.
type Task interface{ Work() }

// Pool has goroutines that wait for the next task, as long as anybody holds the pool.
// How many run is not bounded. Its zero value is ready to use; all methods may be called
// concurrently.
type Pool struct {
	mu      sync.Mutex
	start   func()      // work, made once
	fresh   []Task      // for goroutines that have just been started: one for each
	idle    []chan Task // one for each goroutine that waits; the last to come is the first to go
	unused  int         // how many of them, from the front, nobody has needed since the last reap
	reaper  *time.Timer
	reaping bool
	holders int
}

const (
	maxIdle = 256
	// reapInterval is how long a goroutine waits for a task, or up to twice that.
	reapInterval = time.Second
)

// Go runs a task on a goroutine of its own. It does not block.
func (p *Pool) Go(t Task) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		if p.start == nil {
			p.start = p.work
		}
		start := p.start
		p.fresh = append(p.fresh, t)
		p.mu.Unlock()
		go start() // with an argument, it would be allocated each time
		return
	}
	tasks := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	p.unused = min(p.unused, last)
	p.mu.Unlock()
	tasks <- t // has room
}

// Hold says that tasks are to be expected until Release is called.
func (p *Pool) Hold() {
	p.mu.Lock()
	p.holders++
	p.mu.Unlock()
}

// Release takes back a Hold. With the last one the goroutines go that wait.
func (p *Pool) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders--
	if p.holders == 0 {
		p.dismissLocked(len(p.idle))
	}
}

func (p *Pool) work() {
	p.takeFresh().Work()
	var tasks chan Task
	for p.rest(&tasks) {
		t := <-tasks
		if t == nil {
			return
		}
		t.Work()
	}
}

func (p *Pool) takeFresh() Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.fresh) - 1
	t := p.fresh[last]
	p.fresh[last] = nil
	p.fresh = p.fresh[:last]
	return t
}

// rest makes a goroutine one that waits. It reports false if it is not needed.
func (p *Pool) rest(tasks *chan Task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders == 0 || len(p.idle) >= maxIdle {
		return false
	}
	if *tasks == nil {
		*tasks = make(chan Task, 1)
	}
	p.idle = append(p.idle, *tasks)
	if !p.reaping {
		p.reapLaterLocked()
	}
	return true
}

func (p *Pool) reapLaterLocked() {
	p.reaping = true
	if p.reaper == nil {
		p.reaper = time.AfterFunc(reapInterval, p.reap)
		return
	}
	p.reaper.Reset(reapInterval)
}

// reap lets go of those that were not needed since it ran last.
func (p *Pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaping = false
	p.dismissLocked(p.unused)
	if len(p.idle) > 0 {
		p.reapLaterLocked()
	}
}

// dismissLocked ends the first n goroutines that wait, which have waited longest.
func (p *Pool) dismissLocked(n int) {
	for _, tasks := range p.idle[:n] {
		tasks <- nil
	}
	p.idle = slices.Delete(p.idle, 0, n)
	p.unused = len(p.idle)
}
