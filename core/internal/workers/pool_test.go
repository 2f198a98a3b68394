package workers_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/internal/workers"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

type task func()

func (t task) Work() { t() }

func TestGo(t *testing.T) {
	var p workers.Pool
	p.Hold()
	defer p.Release()
	var wg sync.WaitGroup
	var n atomic.Int32
	for range 4 {
		for range 500 {
			wg.Add(1)
			p.Go(task(func() { n.Add(1); wg.Done() }))
		}
		wg.Wait()
	}
	if n.Load() != 2000 {
		t.Errorf("%d tasks were run", n.Load())
	}
}

// A task never waits for another one, not even one that runs for ever.
func TestTasksDoNotWait(t *testing.T) {
	var p workers.Pool
	p.Hold()
	defer p.Release()
	const n = 1000
	var all sync.WaitGroup
	all.Add(n)
	for range n {
		p.Go(task(func() { all.Done(); all.Wait() }))
	}
	all.Wait()
}

// A task that ends its goroutine, as a failing test does, takes only itself along.
func TestGoexit(t *testing.T) {
	var p workers.Pool
	p.Hold()
	defer p.Release()
	for range 100 {
		done := make(chan bool)
		p.Go(task(func() { defer close(done); runtime.Goexit() }))
		<-done
	}
	done := make(chan bool)
	p.Go(task(func() { close(done) }))
	<-done
}

// Goroutines are used again, and go when they are not.
func TestReap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p workers.Pool
		p.Hold()
		count := func() int {
			synctest.Wait()
			return p.Idle()
		}
		burst := func(n int) {
			release := make(chan bool)
			for range n {
				p.Go(task(func() { <-release }))
			}
			close(release)
			synctest.Wait()
		}
		burst(50)
		if n := count(); n != 50 {
			t.Errorf("%d goroutines wait after 50 tasks", n)
		}
		for range 10 { // a load of 20 keeps 20
			time.Sleep(500 * time.Millisecond)
			burst(20)
		}
		if n := count(); n != 20 {
			t.Errorf("%d goroutines wait beside a load of 20", n)
		}
		time.Sleep(2 * time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d goroutines are left", n)
		}
		burst(600)
		if n := count(); n > 256 {
			t.Errorf("%d goroutines wait", n)
		}
		p.Release()
		if n := count(); n != 0 {
			t.Errorf("%d goroutines are left after Release", n)
		}
		burst(3)
		if n := count(); n != 0 {
			t.Errorf("%d goroutines wait though nobody holds the pool", n)
		}
	})
}

func BenchmarkGo(b *testing.B) {
	deep := func(done chan bool) task {
		var f func(int) byte
		f = func(n int) byte {
			var pad [200]byte
			pad[n] = 1
			if n == 0 {
				return pad[len(pad)-1]
			}
			return f(n-1) + pad[0]
		}
		return func() { f(10); done <- true }
	}
	b.Run("pool", func(b *testing.B) {
		var p workers.Pool
		p.Hold()
		defer p.Release()
		done := make(chan bool)
		t := deep(done)
		for b.Loop() {
			p.Go(t)
			<-done
		}
	})
	b.Run("go", func(b *testing.B) {
		done := make(chan bool)
		t := deep(done)
		for b.Loop() {
			go t()
			<-done
		}
	})
}
