package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// soaking is a run of the program.
type soaking struct {
	plan
	server *child
	r      *report
	out    io.Writer

	visitors int
	drains   []status // what the server said when all clients had left
	own      []int    // goroutines of this process then
}

// run runs cycles until the time is over, and then shuts the server down among its
// clients.
func (s *soaking) run(ctx context.Context) (last status, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	for n := 1; ctx.Err() == nil; n++ {
		if err := s.cycleOnce(ctx, n); err != nil {
			return last, err
		}
		if err := s.drain(); err != nil {
			return last, err
		}
	}
	return s.shutdown()
}

// cycleOnce has clients come and go until the next drain.
func (s *soaking) cycleOnce(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, s.cycle)
	defer cancel()
	bad, err := newProxy(s.server.url[len("http://"):])
	if err != nil {
		return err
	}
	var clients sync.WaitGroup
	s.start(ctx, &clients, n, bad)
	for ctx.Err() == nil {
		pause(ctx, s.line)
		now, askErr := s.server.ask(cmdStatus)
		if askErr != nil {
			err = askErr
			cancel()
			break
		}
		s.take(now)
		s.r.line(s.out, now)
	}
	clients.Wait()
	bad.close()
	for f := range faultKinds {
		s.r.faults[f].Add(bad.faults[f].Load())
	}
	return err
}

// writeInterval is how often a writer writes, about.
const writeInterval = 60 * time.Millisecond

// share is how many of something there are.
func (s *soaking) share(n int) int { return max(1, int(float64(n)*s.size)) }

// start starts the clients of a cycle.
func (s *soaking) start(ctx context.Context, clients *sync.WaitGroup, n int, bad *proxy) {
	write := func(i int, url, kind string, steady bool) {
		w, err := newWriter(s.r, url, fmt.Sprintf("%s writer %d of cycle %d", kind, i, n), i, steady)
		if err != nil {
			s.r.finding("%v", err)
			return
		}
		clients.Go(func() { w.run(ctx, writeInterval) })
	}
	for i := range s.share(30) {
		write(i, s.server.url, "steady", true)
	}
	for i := range s.share(60) {
		write(i, bad.url(), "unlucky", false)
	}
	for range s.share(4) {
		first := s.visitors
		s.visitors += 1_000_000
		clients.Go(func() {
			for i := first; pause(ctx, rand.N(500*time.Millisecond)); i++ {
				visit(ctx, s.r, s.server.url, i)
			}
		})
	}
	for range s.share(3) {
		a := newAttacker(s.r, s.server.url)
		clients.Go(func() { a.run(ctx, time.Second) })
	}
	a := newAttacker(s.r, s.server.url)
	clients.Go(func() {
		for wait := s.cycle / 10; pause(ctx, wait); wait = 2*time.Second + rand.N(10*time.Second) {
			a.storm(ctx, s.share(200))
		}
	})
}

// take takes over what the server has found.
func (s *soaking) take(now status) {
	for _, f := range now.Findings {
		s.r.finding("%s", f)
	}
}

// What may be left after a drain, beyond what was left after the first one.
const (
	spareGoroutines = 5
	spareFiles      = 3
	spareHeap       = 2 << 20
)

// drainPatience is for what the server keeps for a minute, and a busy machine.
const drainPatience = 90 * time.Second

// drain waits until the server has forgotten all clients, which have left, and is as it
// was at the first drain.
func (s *soaking) drain() error {
	deadline := time.Now().Add(pingInterval + pingTimeout + closeTimeout + s.recovery + drainPatience)
	if _, err := s.server.ask(cmdForget); err != nil {
		return err
	}
	for {
		now, err := s.server.ask(cmdCollect)
		if err != nil {
			return err
		}
		s.take(now)
		own := runtime.NumGoroutine()
		left := s.left(now, own)
		if left == "" {
			s.drains, s.own = append(s.drains, now), append(s.own, own)
			fmt.Fprintf(s.out, "%6s  drained: %d goroutines, %d files, %.2f MiB\n",
				time.Since(s.r.began).Round(time.Second), now.Goroutines, now.Files, float64(now.Heap)/(1<<20))
			return nil
		}
		if time.Now().After(deadline) {
			s.r.finding("after all clients had left: %s", left)
			s.drains, s.own = append(s.drains, now), append(s.own, own)
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// namespacesAtRest are "/" and the private one.
const namespacesAtRest = 2

// left says what is left of the clients, "" if nothing.
func (s *soaking) left(now status, own int) string {
	switch {
	case now.Sessions != 0:
		return fmt.Sprintf("%d sessions are open", now.Sessions)
	case now.Sockets != 0 || now.Opened != now.Ended:
		return fmt.Sprintf("%d sockets are connected; OnConnect ran %d times, OnDisconnect %d times", now.Sockets, now.Opened, now.Ended)
	case now.Namespaces != namespacesAtRest:
		return fmt.Sprintf("%d namespaces exist", now.Namespaces)
	case len(s.drains) == 0:
		return ""
	}
	first := s.drains[0]
	switch {
	case now.Goroutines > first.Goroutines+spareGoroutines:
		return fmt.Sprintf("the server has %d goroutines, not %d", now.Goroutines, first.Goroutines)
	case now.Files > first.Files+spareFiles:
		return fmt.Sprintf("the server has %d files open, not %d", now.Files, first.Files)
	case now.Heap > first.Heap+first.Heap/10+spareHeap:
		return fmt.Sprintf("the server has %d bytes alive, not %d", now.Heap, first.Heap)
	case own > s.own[0]+spareGoroutines:
		return fmt.Sprintf("the clients have %d goroutines, not %d", own, s.own[0])
	}
	return ""
}

// shutdown has the server shut down while writers are connected.
func (s *soaking) shutdown() (status, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients, writing sync.WaitGroup
	for i := range s.share(10) {
		w, err := newWriter(s.r, s.server.url, fmt.Sprintf("last writer %d", i), i, true)
		if err != nil {
			return status{}, err
		}
		writing.Add(1)
		clients.Go(func() {
			defer w.leave()
			call, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if err := w.sock.Connect(call); err != nil {
				s.r.finding("%s cannot connect: %v", w.name, err)
				writing.Done()
				return
			}
			w.write(call, 1)
			w.leaving.Store(true)
			writing.Done()
			<-ctx.Done()
		})
	}
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(100 * time.Millisecond) {
		now, err := s.server.ask(cmdStatus)
		if err != nil {
			return now, err
		}
		s.take(now)
		if now.Sockets == s.share(10) {
			break
		}
	}
	writing.Wait() // a server that shuts down may lose what it has not acknowledged
	last, err := s.server.ask(cmdEnd)
	cancel()
	clients.Wait()
	return last, err
}
