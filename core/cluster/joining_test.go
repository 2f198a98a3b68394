package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// absent is a bus that is not there until it is.
type absent struct {
	*script
	there    bool
	hangs    bool
	attempts []time.Duration // since start
	start    time.Time
}

func (a *absent) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	a.mu.Lock()
	a.attempts = append(a.attempts, time.Since(a.start))
	there, hangs := a.there, a.hangs
	a.mu.Unlock()
	switch {
	case there:
		return a.script.Open(ctx, namespace, node, receive)
	case hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errBroken
}

func (a *absent) arrive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.there = true
}

// A node whose bus is not there starts at once, and joins when it is.
func TestStartWithoutBus(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			bus := &absent{script: &script{}, start: time.Now(), hangs: hangs}
			var failed int
			var joined []*cluster.Node
			n := cluster.Start(bus, "/", "me", &puppet{}, &cluster.Options{
				OnError: func(error) { failed++ },
				OnJoin:  func(n *cluster.Node) { joined = append(joined, n) },
			})
			defer n.Close()
			if time.Since(bus.start) != 0 {
				t.Errorf("Start took %v", time.Since(bus.start))
			}
			<-n.Attempted()
			synctest.Wait()
			if err := n.Post(event(0)); !errors.Is(err, cluster.ErrNotJoined) {
				t.Errorf("Post: %v", err)
			}
			for what, err := range map[string]error{
				"Broadcast": second(n.Broadcast(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["x"]`))),
				"Fetch":     second(n.Fetch(t.Context(), cluster.Selector{})),
				"Peers":     second(n.Peers(t.Context())),
			} {
				if !errors.Is(err, cluster.ErrNotJoined) {
					t.Errorf("%s: %v", what, err)
				}
			}
			call := n.Call(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["x"]`))
			<-call.Done()
			if !errors.Is(call.Err(), cluster.ErrNotJoined) {
				t.Errorf("Call: %v", call.Err())
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := n.Ready(ctx); err == nil || hangs == errors.Is(err, errBroken) {
				t.Errorf("Ready: %v", err)
			}
			bus.arrive()
			if err := n.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := n.Post(event(1)); err != nil {
				t.Errorf("Post after joining: %v", err)
			}
			if got := texts(bus.take()); !slices.Equal(got, []string{"initial heartbeat", "1"}) && !slices.Contains(got, "1") {
				t.Errorf("published %q", got)
			}
			if len(joined) != 1 || joined[0] != n || failed == 0 {
				t.Errorf("joined %v, failed %d times", joined, failed)
			}
			for i := 2; i < len(bus.attempts); i++ {
				if wait := bus.attempts[i] - bus.attempts[i-1]; wait > 15*time.Second || wait < bus.attempts[i-1]-bus.attempts[i-2] && wait < 10*time.Second {
					t.Errorf("attempts at %v", bus.attempts)
					break
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// What is sent while the first attempt runs is sent when it succeeds.
func TestStartSendsWhatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &counting{script: &script{}}
		gate := make(chan struct{})
		n := cluster.Start(gated{bus, gate}, "/", "me", &puppet{}, nil)
		defer n.Close()
		if err := n.Post(event(0)); err != nil {
			t.Errorf("Post: %v", err)
		}
		fetched := make(chan error)
		go func() {
			_, err := n.Fetch(t.Context(), cluster.Selector{})
			fetched <- err
		}()
		synctest.Wait()
		if got := bus.take(); got != nil {
			t.Errorf("published %v before joining", types(got))
		}
		close(gate)
		if err := <-fetched; err != nil {
			t.Errorf("Fetch: %v", err)
		}
		if got := texts(bus.take()); !slices.Equal(got, []string{"0", "fetch sockets"}) {
			t.Errorf("published %q", got)
		}
	})
}

// gated is a backend that opens when the gate does.
type gated struct {
	cluster.Backend
	gate chan struct{}
}

func (g gated) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	select {
	case <-g.gate:
		return g.Backend.Open(ctx, namespace, node, receive)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Closing ends the attempts.
func TestStartAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &absent{script: &script{}, start: time.Now(), hangs: true}
		n := cluster.Start(bus, "/", "me", &puppet{}, nil)
		n.Post(event(0))
		n.Close()
		if d := time.Since(bus.start); d != 0 {
			t.Errorf("Close took %v", d)
		}
		if err := n.Ready(t.Context()); !errors.Is(err, cluster.ErrClosed) {
			t.Errorf("Ready: %v", err)
		}
		time.Sleep(time.Hour)
		if len(bus.attempts) != 1 {
			t.Errorf("attempts at %v", bus.attempts)
		}
	})
}
