package sioredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// ErrUnavailable is what methods fail with while Redis cannot be reached.
var ErrUnavailable = errors.New("redis is not reachable")

// defaultTimeout is how long Redis may take to answer.
const defaultTimeout = 2 * time.Second

// orDefault sets an option that is not set.
func orDefault[T ~int | ~int64 | ~string](v *T, def T) {
	var zero T
	if *v <= zero {
		*v = def
	}
}

// logError is the hook for errors where there is none.
func logError(err error) { slog.Default().Warn(err.Error()) }

// newOwnClient returns a client with connections of its own, made as those of rdb.
// It does what it is told at most once, since a message that is sent again arrives
// twice, and gives up when the context ends or Redis is silent for the timeout. Size
// is how many connections it may have to a server, if it is not 0. Close interrupts
// what waits. A client of a kind that is not known is used as it is.
//
// When to dial again is for the guard and the subscribers to say, not for the pool.
func newOwnClient(rdb redis.UniversalClient, size int, timeout time.Duration) redis.UniversalClient {
	switch rdb := rdb.(type) {
	case *redis.Client:
		opts := *rdb.Options()
		opts.MaxRetries, opts.DialerRetries, opts.ContextTimeoutEnabled = -1, 1, true
		opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = timeout, timeout, timeout
		opts.PushNotificationProcessor = nil // belongs to rdb
		opts.Dialer = inTime(patient(opts.Addr, opts.Dialer), timeout)
		if size > 0 {
			opts.PoolSize, opts.MinIdleConns, opts.MaxActiveConns = size, 0, 0
		}
		return redis.NewClient(&opts)
	case *redis.ClusterClient:
		opts := *rdb.Options()
		opts.MaxRetries, opts.DialerRetries, opts.ContextTimeoutEnabled = -1, 1, true
		opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = timeout, timeout, timeout
		if size > 0 {
			opts.PoolSize, opts.MinIdleConns, opts.MaxActiveConns = size, 0, 0
		}
		return redis.NewClusterClient(&opts)
	}
	return borrowed{rdb}
}

// borrowed is a client that is not closed by who uses it.
type borrowed struct{ redis.UniversalClient }

// Close does nothing.
func (borrowed) Close() error { return nil }

// guard has commands fail fast: each has a deadline, and once one failed because
// Redis was not reached, all do so at once until Redis answers again. A goroutine
// finds that out; it exists only meanwhile.
type guard struct {
	client  redis.UniversalClient
	timeout time.Duration
	report  func(error)

	mu     sync.Mutex
	down   error // why; nil if Redis is there, as far as known
	closed bool
	end    context.CancelFunc // of the goroutine
	wg     sync.WaitGroup
}

func newGuard(rdb redis.UniversalClient, timeout time.Duration, report func(error)) *guard {
	return &guard{client: newOwnClient(rdb, 0, timeout), timeout: timeout, report: report}
}

// do runs a command.
func (g *guard) do(ctx context.Context, command func(context.Context) error) error {
	if err := g.state(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	err := command(limited)
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	if ctx.Err() == nil && unreachable(err) {
		return g.lost(err)
	}
	return fmt.Errorf("sioredis: %w", err)
}

func (g *guard) state() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return cluster.ErrClosed
	}
	return g.down
}

// unreachable reports whether an error says that Redis did not answer, or only that
// it is no use.
func unreachable(err error) bool {
	var answer redis.Error
	return !errors.As(err, &answer) || redis.HasErrorPrefix(err, "LOADING") || redis.HasErrorPrefix(err, "CLUSTERDOWN")
}

// lost notes that Redis is away, and has it watched until it is back.
func (g *guard) lost(cause error) error {
	err := fmt.Errorf("sioredis: %w: %w", ErrUnavailable, cause)
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

// watch waits until Redis answers.
func (g *guard) watch(ctx context.Context) {
	for wait := (backoff{}); ctx.Err() == nil; wait.sleep(ctx) {
		reload(ctx, g.client)
		limited, cancel := context.WithTimeout(ctx, g.timeout)
		err := g.client.Ping(limited).Err()
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

// reload has the servers of a Redis Cluster asked who is in charge.
func reload(ctx context.Context, rdb redis.UniversalClient) {
	if nodes, ok := rdb.(*redis.ClusterClient); ok {
		nodes.ReloadState(ctx)
	}
}

// close has all commands fail, those that run too, and closes the client.
func (g *guard) close() {
	g.mu.Lock()
	g.closed = true
	if g.end != nil {
		g.end()
	}
	g.mu.Unlock()
	g.client.Close()
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

// countSubscribers returns how many connections have subscribed to a channel, in the
// whole of a Redis Cluster.
func countSubscribers(ctx context.Context, rdb redis.UniversalClient, sharded bool, channel string) (int, error) {
	count := func(ctx context.Context, c redis.Cmdable) (int, error) {
		ask := c.PubSubNumSub
		if sharded {
			ask = c.PubSubShardNumSub
		}
		counts, err := ask(ctx, channel).Result()
		return int(counts[channel]), err
	}
	nodes, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return count(ctx, rdb)
	}
	var mu sync.Mutex
	total := 0
	err := nodes.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		n, err := count(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		total += n
		return err
	})
	return total, err
}

// at runs a command on the server that a key belongs to. In a Redis Cluster it goes
// there directly: the client of the cluster sends a command again whose answer is
// lost. It is only asked for the way if the key has moved.
func (g *guard) at(ctx context.Context, key string, command func(context.Context, redis.Cmdable) error) error {
	return g.do(ctx, func(ctx context.Context) error {
		nodes, ok := g.client.(*redis.ClusterClient)
		if !ok {
			return command(ctx, g.client)
		}
		master, err := nodes.MasterForKey(ctx, key)
		if err != nil {
			return err
		}
		if err = command(ctx, master); moved(err) {
			return command(ctx, nodes)
		}
		return err
	})
}

// moved reports whether a server of a Redis Cluster says that a key is on another.
func moved(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
}
