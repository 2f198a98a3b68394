package serial_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/internal/serial"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestOrderAndExclusion(t *testing.T) {
	var mu sync.Mutex // fails the race detector's and TryLock's test if two tasks overlap
	got := map[int]int{}
	var all sync.WaitGroup
	q := serial.Queue[[2]int]{}
	q.Run = func(t2 [2]int) {
		defer all.Done()
		if !mu.TryLock() {
			t.Error("two tasks at once")
			return
		}
		defer mu.Unlock()
		if got[t2[0]] != t2[1] {
			t.Errorf("pusher %d: task %d came in place of %d", t2[0], t2[1], got[t2[0]])
		}
		got[t2[0]]++
	}
	for p := range 8 {
		all.Add(1000)
		go func() {
			for i := range 1000 {
				q.Push([2]int{p, i})
			}
		}()
	}
	all.Wait()
}

func TestPushWaitBlocksUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		ran := 0
		q := serial.Queue[int]{Run: func(int) { <-gate; ran++ }}
		q.Push(0)
		synctest.Wait() // the first task has been started and holds the queue
		q.Push(1)
		q.Push(2)
		pushed := false
		go func() { pushed = q.PushWait(3, 2, nil) }()
		synctest.Wait()
		if pushed || q.Len() != 2 {
			t.Fatalf("pushed %v with %d waiting", pushed, q.Len())
		}
		gate <- struct{}{}
		synctest.Wait()
		if !pushed {
			t.Fatal("still waits although there is room")
		}
		close(gate)
		synctest.Wait()
		if ran != 4 {
			t.Fatalf("%d tasks ran", ran)
		}
	})
}

func TestPushWaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, done := make(chan struct{}), make(chan struct{})
		q := serial.Queue[int]{Run: func(int) { <-gate }}
		q.Push(0)
		q.Push(1)
		synctest.Wait()
		result := make(chan bool, 1)
		go func() { result <- q.PushWait(2, 1, done) }()
		synctest.Wait()
		close(done)
		if <-result {
			t.Error("pushed although it was to give up")
		}
		close(gate)
		synctest.Wait()
	})
}

func TestTaskMayPush(t *testing.T) {
	done := make(chan struct{})
	q := serial.Queue[int]{}
	q.Run = func(n int) {
		if n == 0 {
			close(done)
			return
		}
		q.Push(n - 1)
	}
	q.Push(100)
	<-done
}

// The limit is lifted for who waits already and for who comes, up to a point.
func TestLift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		q := serial.Queue[int]{Run: func(int) { <-gate }}
		q.Push(0)
		q.Push(1)
		synctest.Wait()
		pushed := make(chan bool, 1)
		go func() { pushed <- q.PushWait(2, 1, nil) }()
		synctest.Wait()
		q.Lift(true)
		if !<-pushed {
			t.Error("who waited was not let in")
		}
		n := q.Len()
		for q.PushWait(n, 1, nil) {
			n++
		}
		if n != 4096 {
			t.Errorf("%d tasks wait", n)
		}
		q.Lift(false)
		close(gate)
		if !q.PushWait(n, 1, nil) {
			t.Error("not pushed")
		}
		synctest.Wait()
	})
}

// A task that ends its goroutine ends neither the queue nor the order.
func TestTaskMayExit(t *testing.T) {
	for range 100 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		next := 0
		q := serial.Queue[int]{Run: func(n int) {
			defer wg.Done()
			if !mu.TryLock() {
				t.Error("two tasks at once")
				return
			}
			defer mu.Unlock()
			if n != next {
				t.Errorf("task %d came in place of %d", n, next)
			}
			if next++; n%3 == 0 {
				runtime.Goexit()
			}
		}}
		wg.Add(50)
		for n := range 50 {
			q.Push(n)
		}
		wg.Wait()
	}
}

func BenchmarkPush(b *testing.B) {
	var wg sync.WaitGroup
	q := serial.Queue[int]{Run: func(int) { wg.Done() }}
	b.ReportAllocs()
	for b.Loop() {
		wg.Add(1)
		q.Push(1)
	}
	wg.Wait()
}

// Weight makes PushWait wait as numbers do: at the limit there is room, one beyond
// there is none, and something alone always fits.
func TestWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		q := serial.Queue[int]{Run: func(int) { <-gate }, Weigh: func(n int) int { return n }, MaxWeight: 10}
		q.Push(1)
		synctest.Wait() // it runs, and counts no more
		if !q.PushWait(99, 0, nil) {
			t.Fatal("what is alone was not let in")
		}
		pushed := make(chan bool, 1)
		push := func(n int) { pushed <- q.PushWait(n, 0, nil) }
		go push(1)
		synctest.Wait()
		if len(pushed) > 0 {
			t.Fatal("let in beside what is too heavy already")
		}
		gate <- struct{}{}
		synctest.Wait()
		if len(pushed) != 1 || !<-pushed || !q.PushWait(9, 0, nil) {
			t.Fatal("not let in although it fits the limit")
		}
		go push(1)
		synctest.Wait()
		if len(pushed) > 0 {
			t.Fatal("let in beyond the limit")
		}
		gate <- struct{}{}
		synctest.Wait()
		if len(pushed) != 1 {
			t.Fatal("not let in although there is room again")
		}
		close(gate)
		synctest.Wait()
		if q.Len() != 0 {
			t.Error("not all has run")
		}
	})
}

// Lifted limits hold for weight as well.
func TestLiftedWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		q := serial.Queue[int]{Run: func(int) { <-gate }, Weigh: func(n int) int { return n }, MaxWeight: 10}
		q.Push(1)
		synctest.Wait()
		q.Lift(true)
		if !q.PushWait(10, 1, nil) || !q.PushWait(10, 1, nil) {
			t.Error("the lifted limit is too low")
		}
		if q.PushWait(1, 1, nil) {
			t.Error("the lifted limit is too high")
		}
		close(gate)
		synctest.Wait()
	})
}
