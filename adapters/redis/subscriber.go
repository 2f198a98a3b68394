package sioredis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// pingInterval is after which silence a subscriber asks whether its connection is
// still there. After as long again it makes another.
const pingInterval = 5 * time.Second

// subscriber receives what is published on channels, or on all that match patterns.
// When its connection breaks it makes another; what is published meanwhile is lost.
// It takes one message after the other, and does not read on before one is handled:
// unlike the channels of the client library it drops none.
type subscriber struct {
	client  redis.UniversalClient
	sharded bool
	handle  func(*redis.Message)
	report  func(error)
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	received atomic.Int64 // how often something was
	handling atomic.Bool  // handle runs

	mu      sync.Mutex
	conn    *redis.PubSub
	names   [2]map[string]chan struct{} // channels and patterns; closed once subscribed to
	leaving map[string]int              // how often a sharded channel is being unsubscribed from
	err     error                       // the last one
}

// Kinds of names.
const (
	channels = 0
	patterns = 1
)

func newSubscriber(client redis.UniversalClient, sharded bool, handle func(*redis.Message), report func(error)) *subscriber {
	s := &subscriber{client: client, sharded: sharded, handle: handle, report: report}
	s.names = [2]map[string]chan struct{}{{}, {}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// subscribe adds a channel or pattern. It does not wait for Redis: that is what the
// channel that it returns is for, which is closed once messages arrive. If Redis is
// away it is made up for when it is back.
func (s *subscriber) subscribe(ctx context.Context, kind int, name string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.names[kind][name]
	if done == nil {
		done = make(chan struct{})
		s.names[kind][name] = done
	}
	switch {
	case s.ctx.Err() != nil:
	case s.conn == nil:
		s.connectLocked(ctx)
		s.wg.Go(s.run)
		s.wg.Go(s.watch)
	default:
		s.askLocked(ctx, kind, name)
	}
	return done
}

// askLocked sends a command. Should it fail, receiving fails too, which is seen to.
func (s *subscriber) askLocked(ctx context.Context, kind int, names ...string) {
	switch {
	case kind == patterns:
		s.conn.PSubscribe(ctx, names...)
	case s.sharded:
		s.conn.SSubscribe(ctx, names...)
	default:
		s.conn.Subscribe(ctx, names...)
	}
}

// connectLocked makes a connection for all names.
func (s *subscriber) connectLocked(ctx context.Context) {
	if s.sharded {
		s.conn = s.client.SSubscribe(ctx)
	} else {
		s.conn = s.client.Subscribe(ctx)
	}
	s.leaving = map[string]int{}
	for kind, names := range s.names {
		if len(names) > 0 {
			s.askLocked(ctx, kind, slices.Collect(maps.Keys(names))...)
		}
	}
}

// unsubscribe drops a channel or pattern.
func (s *subscriber) unsubscribe(ctx context.Context, kind int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names[kind], name)
	switch {
	case s.conn == nil:
	case kind == patterns:
		s.conn.PUnsubscribe(ctx, name)
	case s.sharded:
		s.leaving[name]++
		s.conn.SUnsubscribe(ctx, name)
	default:
		s.conn.Unsubscribe(ctx, name)
	}
}

// run receives until the subscriber is closed.
//
// After an error the library makes another connection by itself, which may be there
// already and have messages waiting: it is only replaced if Redis has refused
// something. In a Redis Cluster, another server may be in charge.
func (s *subscriber) run() {
	var wait backoff
	refused := false
	for s.ctx.Err() == nil {
		conn := s.current()
		message, err := conn.Receive(s.ctx)
		if err == nil {
			s.received.Add(1)
			err = s.take(message)
		}
		if err == nil {
			// What Redis takes of several subscriptions says nothing of the others.
			if _, ok := message.(*redis.Subscription); !ok || !refused {
				wait.reset()
			}
			continue
		}
		if s.ctx.Err() != nil {
			return
		}
		if s.failed(err); wait.next == 0 {
			s.report(fmt.Errorf("sioredis: subscriptions: %w", err))
		}
		wait.sleep(s.ctx)
		if refused = !unreachable(err); refused {
			s.reconnect(conn)
		} else {
			reload(s.ctx, s.client)
		}
	}
}

// watch finds out that the connection is gone where nobody says so.
func (s *subscriber) watch() {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	seen, asked := int64(-1), false
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		conn, received := s.current(), s.received.Load()
		switch {
		case received != seen || s.handling.Load():
			seen, asked = received, false
		case !asked:
			asked = conn.Ping(s.ctx) == nil
		default:
			asked = false
			s.reconnect(conn)
		}
	}
}

func (s *subscriber) current() *redis.PubSub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

func (s *subscriber) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// lastError returns the last error, if there was one.
func (s *subscriber) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// reconnect replaces a connection, unless that has been done.
func (s *subscriber) reconnect(old *redis.PubSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.conn != old {
		return
	}
	old.Close()
	ctx, cancel := context.WithTimeout(s.ctx, defaultTimeout)
	defer cancel()
	reload(s.ctx, s.client)
	s.connectLocked(ctx)
}

// take handles what was received. An error says that the connection is no use any
// longer.
func (s *subscriber) take(message any) error {
	switch m := message.(type) {
	case *redis.Message:
		s.handling.Store(true)
		s.handle(m)
		s.handling.Store(false)
	case *redis.Subscription:
		return s.confirm(m)
	}
	return nil
}

// errMoved: a server that is no longer in charge of a sharded channel ends the
// subscriptions to it.
var errMoved redis.Error = movedError{errors.New("channel has moved")}

type movedError struct{ error }

// RedisError makes it an answer of Redis.
func (movedError) RedisError() {}

func (s *subscriber) confirm(m *redis.Subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := channels
	switch m.Kind {
	case "subscribe", "ssubscribe":
	case "psubscribe":
		kind = patterns
	case "sunsubscribe":
		return s.leftLocked(m.Channel)
	default:
		return nil
	}
	if c := s.names[kind][m.Channel]; c != nil {
		select {
		case <-c:
		default:
			close(c)
		}
	}
	return nil
}

// leftLocked notes that a subscription to a sharded channel has ended.
func (s *subscriber) leftLocked(channel string) error {
	switch n := s.leaving[channel]; {
	case n > 1:
		s.leaving[channel] = n - 1
	case n == 1:
		delete(s.leaving, channel)
	case s.names[channels][channel] != nil:
		return errMoved
	}
	return nil
}

// close ends the subscriber and waits for the message that is being handled.
func (s *subscriber) close() {
	s.cancel()
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	s.wg.Wait()
}
