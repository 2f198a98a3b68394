package sionats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// log is the stream of the messages that are kept, and the bucket of the sessions, as
// seen from one connection.
type log struct {
	conn     *conn
	opts     *Recovery
	subjects string // of the stream
	js       jetstream.JetStream
	sessions jetstream.KeyValue
	guard    *guard        // JetStream can be away although the connection is not
	latest   atomic.Uint64 // sequence number of the latest message that was added by this connection

	mu     sync.Mutex
	stream jetstream.Stream
	epoch  string // tells this stream from others that had its name before
}

// openLog finds the stream and the bucket, or makes them.
func openLog(ctx context.Context, c *conn, o *Options) (*log, error) {
	l := &log{conn: c, opts: o.Recovery, subjects: logSubjects(o.Prefix)}
	l.guard = &guard{timeout: o.Timeout, report: c.guard.report, probe: l.find}
	var err error
	l.js, err = jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(o.Timeout), jetstream.WithDefaultTimeout(o.Timeout))
	if err != nil {
		return nil, fmt.Errorf("sionats: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err = l.find(ctx); err == nil {
		err = l.findSessions(ctx)
	}
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("sionats: %w: JetStream is not there, or not for this account: %w", ErrUnavailable, err)
	case unreachable(err):
		return nil, fmt.Errorf("sionats: %w: %w", ErrUnavailable, err)
	}
	return nil, fmt.Errorf("sionats: %w", err)
}

// find looks for the stream, or makes it.
func (l *log) find(ctx context.Context) error {
	s, err := l.js.Stream(ctx, l.opts.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = l.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: l.opts.Stream, Description: "Socket.IO: events of the recent past", Subjects: []string{l.subjects},
			MaxAge: l.opts.MaxAge, MaxMsgs: int64(l.opts.MaxMessages), MaxBytes: int64(l.opts.MaxBytes),
			Storage: l.opts.Storage, Replicas: l.opts.Replicas,
		})
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", l.opts.Stream, err)
	}
	info := s.CachedInfo()
	if !slices.Contains(info.Config.Subjects, l.subjects) {
		return fmt.Errorf("stream %s is none of subjects %s", l.opts.Stream, l.subjects)
	}
	epoch := strconv.FormatInt(info.Created.UnixNano(), 36)
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch != l.epoch {
		l.latest.Store(0)
	}
	l.stream, l.epoch = s, epoch
	return nil
}

// findSessions looks for the bucket, or makes it.
func (l *log) findSessions(ctx context.Context) (err error) {
	l.sessions, err = l.js.KeyValue(ctx, l.opts.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		l.sessions, err = l.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: l.opts.Bucket, Description: "Socket.IO: sessions that can be recovered",
			TTL: l.opts.MaxAge, Storage: l.opts.Storage, Replicas: l.opts.Replicas,
		})
	}
	if err != nil {
		return fmt.Errorf("bucket %s: %w", l.opts.Bucket, err)
	}
	return nil
}

// current returns the stream and its epoch.
func (l *log) current() (jetstream.Stream, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream, l.epoch
}

// offset is what clients know of a message with a sequence number.
func (l *log) offset(seq uint64) string {
	_, epoch := l.current()
	return offsetOf(epoch, seq)
}

func offsetOf(epoch string, seq uint64) string { return epoch + "-" + strconv.FormatUint(seq, 36) }

// parseOffset takes only offsets as offsetOf writes them.
func parseOffset(s string) (epoch string, seq uint64, ok bool) {
	epoch, number, _ := strings.Cut(s, "-")
	seq, err := strconv.ParseUint(number, 36, 64)
	return epoch, seq, err == nil && offsetOf(epoch, seq) == s
}

// add adds messages to the stream in order, and waits until it has taken them.
func (l *log) add(ctx context.Context, list []*publication) {
	err := l.conn.guard.state()
	if err == nil {
		err = l.guard.do(ctx, func(ctx context.Context) error { return l.addAll(ctx, list) })
	}
	for _, p := range list {
		if p.err != nil {
			p.err = fmt.Errorf("sionats: %w", p.err)
		} else if p.seq == 0 {
			p.err = err
		}
	}
}

// addAll returns why messages may be missing, if JetStream did not answer.
func (l *log) addAll(ctx context.Context, list []*publication) error {
	acks := make([][]jetstream.PubAckFuture, len(list))
	for i, p := range list {
		for _, data := range p.parts {
			ack, err := l.js.PublishMsgAsync(&nats.Msg{Subject: p.subject, Data: data}, jetstream.WithRetryAttempts(0))
			if err != nil {
				p.err = err
				break
			}
			acks[i] = append(acks[i], ack)
		}
	}
	var silent error
	for i, p := range list {
		for _, ack := range acks[i] {
			select {
			case a := <-ack.Ok():
				p.seq = a.Sequence
				l.advance(p.seq)
				continue
			case err := <-ack.Err():
				p.err = err
			case <-ctx.Done():
				p.err = ctx.Err()
			}
			break
		}
		if p.err != nil && unreachable(p.err) {
			silent, p.err, p.seq = p.err, nil, 0
		}
	}
	return silent
}

// advance notes a sequence number, unless there is a later one.
func (l *log) advance(seq uint64) {
	for {
		old := l.latest.Load()
		if seq <= old || l.latest.CompareAndSwap(old, seq) {
			return
		}
	}
}
