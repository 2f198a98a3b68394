//go:build linux

package hardening_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// untilAll waits for n results, none of which may be an error.
func untilAll(t *testing.T, results chan error, n int, began time.Time) time.Duration {
	t.Helper()
	failed := 0
	for range n {
		if err := <-results; err != nil {
			if failed++; failed < 10 {
				t.Error(err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d failed", failed, n)
	}
	return time.Since(began)
}

// crowd connects n clients, by the transports in turn. The tag of each begins with that
// given, if any.
func (p *process) crowd(t testing.TB, n int, tag string, transports ...string) []*peer {
	t.Helper()
	return p.crowdOver(t, p.dial, n, tag, transports...)
}

// crowdOver is crowd with connections that dial makes.
func (p *process) crowdOver(t testing.TB, dial func() (*wire, error), n int, tag string, transports ...string) []*peer {
	t.Helper()
	clients := make([]*peer, n)
	t.Cleanup(func() {
		for _, c := range clients {
			c.reset()
		}
	})
	failed := inParallel(n, func(i int) (err error) {
		if clients[i], err = p.openOver(dial, transports[i%len(transports)]); err != nil {
			return err
		}
		a := auth{}
		if tag != "" {
			a.Tag = fmt.Sprint(tag, i)
		}
		if err := clients[i].join(a); err != nil {
			return err
		}
		return clients[i].echo() // OnConnect has returned
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return clients
}

// inParallel calls do with 0 … n-1, some at a time, and returns the first error.
func inParallel(n int, do func(i int) error) (first error) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var once sync.Once
	var group sync.WaitGroup
	for range min(n, 64) {
		group.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					once.Do(func() { first = fmt.Errorf("client %d: %w", i, err) })
				}
			}
		})
	}
	group.Wait()
	return first
}
