// Package serial runs tasks one at a time and in order, on a goroutine that
// exists only while there are tasks.
package serial

import (
	"sync"

	"github.com/gosocketio/sio/core/internal/workers"
)

// Queue is a queue of tasks and the goroutine that runs them. The zero value is
// not usable: set Run first. All methods may be called concurrently, also from
// within a task.
type Queue[T any] struct {
	// Run runs one task. It must not panic.
	Run func(T)
	// Weigh, if set, tells the weight of a task, always the same one. It must be fast.
	Weigh func(T) int
	// MaxWeight is how much the tasks may weigh that wait before PushWait waits: 0 or
	// less means no limit. A task that would be alone is let in whatever it weighs.
	MaxWeight int
	// Pool has the goroutines. Nil: a new one is started whenever there are tasks.
	Pool *workers.Pool

	// first is the task that Start begins with, which counts as started. It belongs to the
	// one who was told to call that: most often there is no other, and nothing to lock for.
	first    T
	hasFirst bool

	mu      sync.Mutex
	tasks   []T // waiting; the runner takes all of them at once
	pending int // waiting or taken by the runner, but not started
	weight  int // of those
	running bool
	room    chan struct{} // non-nil while somebody waits in PushWait; closed when there is room
	limit   int           // of the one who waits
	wanted  int           // weight of what that one has
	lifted  bool          // PushWait does not wait
}

// Push appends a task. It never blocks.
func (q *Queue[T]) Push(t T) {
	if q.Add(t) {
		q.Start(false)
	}
}

// Add is Push, but if no task is running it leaves that to the caller, who has to call
// Start: first is true then.
func (q *Queue[T]) Add(t T) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pushLocked(t)
}

// While PushWait must not wait, it accepts this many times its limit, and at least
// liftedLimit, and this many times MaxWeight.
const (
	liftedFactor = 16
	liftedLimit  = 4096
	liftedWeight = 2
)

// PushWait appends a task as soon as fewer than limit wait (0 or less means no
// limit), and no more than MaxWeight, and reports whether it did: it gives up when
// done is closed. While the limits are lifted (see Lift) it never waits, and gives up
// if 16 times as many wait, and at least 4096, or twice as much weight.
func (q *Queue[T]) PushWait(t T, limit int, done <-chan struct{}) bool {
	pushed, first := q.Offer(t, limit, done)
	if first {
		q.Start(false)
	}
	return pushed
}

// Offer is to PushWait what Add is to Push.
func (q *Queue[T]) Offer(t T, limit int, done <-chan struct{}) (pushed, first bool) {
	weight := -1
	for {
		q.mu.Lock()
		if weight < 0 && q.running {
			weight = q.weigh(t)
		}
		if q.fitsLocked(weight, limit) {
			first = q.pushLocked(t)
			q.mu.Unlock()
			return true, first
		}
		if q.lifted {
			q.mu.Unlock()
			return false, false
		}
		if q.room == nil {
			q.room, q.limit, q.wanted = make(chan struct{}), limit, weight
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-done:
			return false, false
		}
	}
}

// fitsLocked reports whether PushWait may append a task.
func (q *Queue[T]) fitsLocked(weight, limit int) bool {
	most := q.MaxWeight
	if q.lifted {
		most *= liftedWeight
		if limit > 0 {
			limit = max(liftedFactor*limit, liftedLimit)
		}
	}
	return (limit <= 0 || q.pending < limit) && (most <= 0 || q.pending == 0 || q.weight+weight <= most)
}

// Lift says whether the limits of PushWait are lifted, because the running task
// depends on what the pusher does next. It wakes one that waits.
func (q *Queue[T]) Lift(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lifted = on
	if on && q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// Len returns the number of tasks that have not been started.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}

// pushLocked reports whether somebody has to run the tasks.
func (q *Queue[T]) pushLocked(t T) (first bool) {
	if !q.running {
		q.running = true
		q.first, q.hasFirst = t, true
		return true
	}
	q.tasks = append(q.tasks, t)
	q.pending++
	q.weight += q.weigh(t)
	return false
}

func (q *Queue[T]) weigh(t T) int {
	if q.Weigh == nil {
		return 0
	}
	return q.Weigh(t)
}

// Start runs the tasks, which Add or Offer has left to the caller, until there are none: in
// the caller's goroutine if here is true, or else in another one.
func (q *Queue[T]) Start(here bool) {
	switch {
	case here:
		q.drain()
	case q.Pool == nil:
		go q.drain()
	default:
		q.Pool.Go((*runner[T])(q))
	}
}

// runner is a queue as the task of a pool.
type runner[T any] Queue[T]

// Work implements workers.Task.
func (r *runner[T]) Work() { (*Queue[T])(r).drain() }

// drain runs tasks until there are none. A task may end its goroutine, as the
// Fatal of package testing does: another one takes over then.
func (q *Queue[T]) drain() {
	var batch []T
	next, done := 0, false // next is in batch
	defer func() {
		if done {
			return
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.tasks = append(batch[next:], q.tasks...)
		q.Start(false)
	}()
	var none T
	if q.hasFirst {
		t := q.first
		q.first, q.hasFirst = none, false // what is done need not wait for the rest to be freed
		q.Run(t)
	}
	for {
		q.mu.Lock()
		if len(q.tasks) == 0 {
			q.running, done = false, true
			q.tasks = spare(q.tasks, batch)
			q.mu.Unlock()
			return
		}
		batch, q.tasks = q.tasks, batch[:0]
		q.mu.Unlock()
		for i := range batch {
			t := batch[i]
			batch[i] = none // as above
			next = i + 1
			q.start(t)
			q.Run(t)
		}
	}
}

// keptTasks is how large a slice an empty queue keeps: a client that waits for each
// answer needs no more.
const keptTasks = 4

// spare returns one of the two slices of an empty queue to be used again, or nil.
func spare[T any](a, b []T) []T {
	switch {
	case 0 < cap(b) && cap(b) <= keptTasks:
		return b[:0]
	case 0 < cap(a) && cap(a) <= keptTasks:
		return a[:0]
	}
	return nil
}

// start counts a task as started and wakes those who wait for room.
func (q *Queue[T]) start(t T) {
	q.mu.Lock()
	q.pending--
	q.weight -= q.weigh(t)
	if q.room != nil && q.fitsLocked(q.wanted, q.limit) {
		close(q.room)
		q.room = nil
	}
	q.mu.Unlock()
}
