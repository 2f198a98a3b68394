// Package serial runs tasks one at a time and in order, on a goroutine that
// exists only while there are tasks.
package serial

import "sync"

// Queue is a queue of tasks and the goroutine that runs them. The zero value is
// not usable: set Run first. All methods may be called concurrently, also from
// within a task.
type Queue[T any] struct {
	// Run runs one task. It must not panic.
	Run func(T)

	mu      sync.Mutex
	tasks   []T // waiting; the runner takes all of them at once
	pending int // waiting or taken by the runner, but not started
	running bool
	room    chan struct{} // non-nil while somebody waits in PushWait; closed when there is room
	limit   int           // of the one who waits
}

// Push appends a task. It never blocks.
func (q *Queue[T]) Push(t T) {
	q.mu.Lock()
	q.pushLocked(t)
	q.mu.Unlock()
}

// PushWait appends a task as soon as fewer than limit wait, and reports whether
// it did: it gives up when done is closed.
func (q *Queue[T]) PushWait(t T, limit int, done <-chan struct{}) bool {
	for {
		q.mu.Lock()
		if q.pending < limit {
			q.pushLocked(t)
			q.mu.Unlock()
			return true
		}
		if q.room == nil {
			q.room, q.limit = make(chan struct{}), limit
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-done:
			return false
		}
	}
}

// Len returns the number of tasks that have not been started.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}

func (q *Queue[T]) pushLocked(t T) {
	q.tasks = append(q.tasks, t)
	q.pending++
	if !q.running {
		q.running = true
		go q.drain()
	}
}

// drain runs tasks until there are none.
func (q *Queue[T]) drain() {
	var batch []T
	for {
		q.mu.Lock()
		if len(q.tasks) == 0 {
			q.running = false
			q.tasks = nil
			q.mu.Unlock()
			return
		}
		batch, q.tasks = q.tasks, batch[:0]
		q.mu.Unlock()
		for i := range batch {
			t := batch[i]
			var zero T
			batch[i] = zero // what is done need not wait for the rest to be freed
			q.start()
			q.Run(t)
		}
	}
}

// start counts a task as started and wakes those who wait for room.
func (q *Queue[T]) start() {
	q.mu.Lock()
	q.pending--
	if q.room != nil && q.pending < q.limit {
		close(q.room)
		q.room = nil
	}
	q.mu.Unlock()
}
