package sionats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// entry is what a reader has found in the log.
type entry struct {
	seq  uint64
	at   time.Time
	data []byte
	old  bool // was there before the node joined

	// If restart is not empty, the entry is none: what is before seq is not there, or
	// belongs to another stream, with that epoch.
	restart string
}

// reader reads the log, all of it, and what comes from then on.
type reader struct {
	log     *log
	entries chan entry // unbuffered: what is not handled yet waits in the log
	report  func(error)
	timeout time.Duration

	cancel context.CancelFunc
	ended  chan struct{}
	last   atomic.Uint64 // number of the last entry that was there before the node joined; 0 in a stream made since
	begun  chan struct{} // closed once last is known

	mu        sync.Mutex
	interrupt context.CancelFunc // has the reader begin anew; nil if it does so anyway
}

func startReader(l *log, o *Options) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{
		log: l, entries: make(chan entry), report: o.OnError, timeout: o.Timeout,
		cancel: cancel, ended: make(chan struct{}), begun: make(chan struct{}),
	}
	go r.run(ctx)
	return r
}

func (r *reader) close() {
	r.cancel()
	<-r.ended
}

// reconnected has the reader find out what became of the stream.
func (r *reader) reconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupt != nil {
		r.interrupt()
	}
}

// place is where in a log the reader is.
type place struct {
	epoch string
	pos   uint64 // of the latest entry that was read
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	defer close(r.ended)
	var at place
	for wait := (backoff{}); ctx.Err() == nil; {
		before := at
		err := r.read(ctx, &at)
		if at != before {
			wait.reset()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && wait.next == 0 {
			r.report(fmt.Errorf("sionats: read stream %s: %w", r.log.opts.Stream, err))
		}
		wait.sleep(ctx)
	}
}

// errLost is why a reader begins anew when JetStream did not send it all entries.
var errLost = errors.New("entries are missing")

// read reads as long as all is well, or the connection is.
func (r *reader) read(ctx context.Context, at *place) error {
	stream, err := r.begin(ctx, at)
	if err != nil {
		return err
	}
	ctx = r.interruptible(ctx)
	consumer, messages, err := consume(ctx, stream, at.pos+1)
	if err != nil {
		return err
	}
	defer r.forget(stream, consumer)
	defer messages.Stop()
	for fresh := true; ; fresh = false {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				return nil // it was interrupted, which is no fault
			}
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		seq := meta.Sequence.Stream
		if seq != at.pos+1 && (!fresh || seq <= at.pos) {
			return errLost
		}
		if seq != at.pos+1 && !r.pass(ctx, entry{restart: at.epoch, seq: seq - 1}) {
			return nil
		}
		if !r.pass(ctx, entry{seq: seq, at: meta.Timestamp, data: m.Data(), old: seq <= r.last.Load()}) {
			return nil
		}
		at.pos = seq
	}
}

// interruptible returns a context that ends when the connection was made anew.
func (r *reader) interruptible(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupt != nil {
		r.interrupt()
	}
	r.interrupt = cancel
	return ctx
}

// pass hands an entry on, unless ctx ends.
func (r *reader) pass(ctx context.Context, e entry) bool {
	select {
	case r.entries <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin finds out where to read on. If the stream does not go on where it ended, the
// beginning of what there is is passed on.
func (r *reader) begin(ctx context.Context, at *place) (jetstream.Stream, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if err := r.log.find(limited); err != nil {
		return nil, err
	}
	stream, epoch := r.log.current()
	state := stream.CachedInfo().State
	first := max(state.FirstSeq, 1)
	if epoch != at.epoch || at.pos > state.LastSeq || at.pos+1 < first {
		if !r.pass(ctx, entry{restart: epoch, seq: first - 1}) {
			return nil, ctx.Err()
		}
		if at.epoch != "" {
			if epoch != at.epoch {
				r.last.Store(0)
			}
			r.report(fmt.Errorf("sionats: read stream %s: %w", r.log.opts.Stream, errLost))
		}
		*at = place{epoch, first - 1}
	}
	select {
	case <-r.begun:
	default:
		r.last.Store(state.LastSeq)
		close(r.begun)
	}
	return stream, nil
}

const (
	// readHeartbeat is how often JetStream tells a reader that has nothing to read that
	// it is there. A reader that hears nothing for twice as long begins anew.
	readHeartbeat = 5 * time.Second
	// forgetAfter is when JetStream forgets a reader that went away without a word.
	forgetAfter = time.Minute
)

// consume has JetStream send what is in the stream from a number on.
func consume(ctx context.Context, stream jetstream.Stream, from uint64) (jetstream.Consumer, jetstream.MessagesContext, error) {
	limited, cancel := context.WithTimeout(ctx, readHeartbeat)
	defer cancel()
	consumer, err := stream.CreateConsumer(limited, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: forgetAfter, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return nil, nil, err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(readHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	return consumer, messages, err
}

// forget has JetStream forget a consumer now, rather than in a while.
func (r *reader) forget(stream jetstream.Stream, consumer jetstream.Consumer) {
	if !r.log.conn.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) // else it goes by itself
}

// caughtUp waits until the node has got as far as the log was when it joined.
func (r *reader) caughtUp(ctx context.Context, recent *recent) error {
	select {
	case <-r.begun:
		recent.wait(ctx, r.last.Load())
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return fmt.Errorf("sionats: %w: %w", ErrUnavailable, context.Cause(ctx))
	}
	return nil
}
