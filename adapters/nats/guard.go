package sionats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gosocketio/sio/core/cluster"
)

// guard has what needs NATS fail fast: each time it has a deadline, and once there was
// no answer, all fails at once until probe finds that there are answers again. That
// is done by a goroutine that exists only meanwhile.
type guard struct {
	timeout time.Duration
	report  func(error)
	probe   func(context.Context) error

	mu     sync.Mutex
	down   error // why; nil if NATS answers, as far as known
	closed bool
	end    context.CancelFunc // of the goroutine
	wg     sync.WaitGroup
}

// do runs something that needs NATS.
func (g *guard) do(ctx context.Context, run func(context.Context) error) error {
	if err := g.state(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // NATS might answer before run sees that
		return fmt.Errorf("sionats: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	err := run(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && unreachable(err):
		return g.lost(err)
	}
	return fmt.Errorf("sionats: %w", err)
}

// state returns why nothing can be done now; nil if it can.
func (g *guard) state() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return cluster.ErrClosed
	}
	return g.down
}

// unreachable reports whether an error says that NATS did not answer.
func unreachable(err error) bool {
	for _, e := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionClosed,
		nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, nats.ErrNoServers,
		jetstream.ErrNoStreamResponse, jetstream.ErrAsyncPublishTimeout, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code >= 500
}

// lost notes that NATS is away, and has it watched until it is back.
func (g *guard) lost(cause error) error {
	err := fmt.Errorf("sionats: %w: %w", ErrUnavailable, cause)
	g.mu.Lock()
	if g.closed || g.down != nil {
		g.mu.Unlock()
		return err
	}
	g.down = err
	ctx, cancel := context.WithCancel(context.Background())
	g.end = cancel
	g.wg.Go(func() { g.watch(ctx) })
	g.mu.Unlock()
	g.report(err)
	return err
}

// watch waits until NATS answers.
func (g *guard) watch(ctx context.Context) {
	for wait := (backoff{}); ctx.Err() == nil; wait.sleep(ctx) {
		limited, cancel := context.WithTimeout(ctx, g.timeout)
		err := g.probe(limited)
		cancel()
		if err == nil {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = nil
	g.end()
}

// close has everything fail from now on, and waits for the goroutine.
func (g *guard) close() {
	g.mu.Lock()
	g.closed = true
	if g.end != nil {
		g.end()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

// backoff is how long to wait before the next attempt: longer each time.
type backoff struct{ next time.Duration }

// Attempts are made at least that often, and at most.
const (
	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second
)

func (b *backoff) reset() { b.next = 0 }

// sleep waits, or until ctx ends.
func (b *backoff) sleep(ctx context.Context) {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
