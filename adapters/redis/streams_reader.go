package sioredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// entryID is the position of an entry in a stream: the time of the Redis server in
// milliseconds, and a number within that.
type entryID struct{ ms, seq uint64 }

// parseEntryID takes only ids as Redis writes them.
func parseEntryID(s string) (entryID, bool) {
	ms, seq, _ := strings.Cut(s, "-")
	var id entryID
	var err1, err2 error
	id.ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.seq, err2 = strconv.ParseUint(seq, 10, 64)
	return id, err1 == nil && err2 == nil && id.String() == s
}

// String returns the id in the form of Redis.
func (id entryID) String() string {
	b := make([]byte, 0, 41)
	b = strconv.AppendUint(b, id.ms, 10)
	b = append(b, '-')
	return string(strconv.AppendUint(b, id.seq, 10))
}

func (id entryID) less(other entryID) bool {
	return id.ms < other.ms || id.ms == other.ms && id.seq < other.seq
}

// next is the smallest id after id. (Exclusive ranges came with Redis 6.2.)
func (id entryID) next() entryID {
	if id.seq++; id.seq == 0 {
		id.ms++
	}
	return id
}

// streamReader reads a stream for all nodes and namespaces of a process that are in
// it, on a connection of its own.
type streamReader struct {
	name   string
	opts   *StreamsOptions
	client redis.UniversalClient
	cancel context.CancelFunc
	ready  chan struct{} // closed once the position is known
	ended  chan struct{}

	mu    sync.Mutex
	links map[string][]*streamsLink // by namespace; the slices are replaced, not changed
	count int
	pos   entryID       // of the latest entry that the links have got
	moved chan struct{} // closed and replaced when pos changes; nil if nobody waits
}

// lastEntry returns the position of the latest entry of a stream.
func lastEntry(ctx context.Context, rdb redis.Cmdable, stream string) (entryID, error) {
	entries, err := rdb.XRevRangeN(ctx, stream, "+", "-", 1).Result()
	if err != nil || len(entries) == 0 {
		return entryID{}, err
	}
	id, _ := parseEntryID(entries[0].ID)
	return id, nil
}

// startStreamReader starts to read at the end of a stream.
func startStreamReader(stream string, b *Streams) *streamReader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &streamReader{
		name: stream, opts: &b.opts, client: newOwnClient(b.hub.rdb, 1, b.opts.Timeout), cancel: cancel,
		ready: make(chan struct{}), ended: make(chan struct{}), links: map[string][]*streamsLink{},
	}
	go r.run(ctx)
	return r
}

// wait waits until nothing that is added to the stream is missed.
func (r *streamReader) wait(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sioredis: %w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// run reads until ctx ends.
func (r *streamReader) run(ctx context.Context) {
	defer close(r.ended)
	var wait backoff
	for !r.begin(ctx) {
		if wait.sleep(ctx); ctx.Err() != nil {
			return
		}
	}
	for ctx.Err() == nil {
		entries, err := r.read(ctx)
		if err == nil {
			wait.reset()
			r.deliver(entries)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if wait.next == 0 {
			r.opts.OnError(fmt.Errorf("sioredis: read stream %s: %w", r.name, err))
		}
		reload(ctx, r.client)
		wait.sleep(ctx)
		r.rewind(ctx)
	}
}

// begin finds out where the stream ends.
func (r *streamReader) begin(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	last, err := lastEntry(ctx, r.client, r.name)
	if err == nil {
		r.move(last)
		close(r.ready)
	}
	return err == nil
}

// read waits for entries. It returns none if there are none for a while.
func (r *streamReader) read(ctx context.Context) ([]redis.XMessage, error) {
	streams, err := r.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{r.name}, ID: r.position().String(), Count: r.opts.ReadCount, Block: r.opts.BlockTime,
	}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return streams[0].Messages, nil
}

// rewind goes back to the end of the stream if that is behind the position, as
// after the loss of a Redis server: what comes would never be read.
func (r *streamReader) rewind(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	if last, err := lastEntry(ctx, r.client, r.name); err == nil && last != (entryID{}) && last.less(r.position()) {
		r.move(last)
	}
}

func (r *streamReader) deliver(entries []redis.XMessage) {
	for i := range entries {
		e := &entries[i]
		if namespace, _ := e.Values["nsp"].(string); namespace != "" {
			r.hand(e, r.linksOf(namespace))
		}
		if id, ok := parseEntryID(e.ID); ok {
			r.move(id)
		}
	}
}

// hand gives an entry to the links, and only its position to the one whose node has
// written it.
func (r *streamReader) hand(e *redis.XMessage, links []*streamsLink) {
	uid, _ := e.Values["uid"].(string)
	var m *cluster.Message
	for _, l := range links {
		if l.node == uid {
			l.echo(e)
			continue
		}
		if m == nil {
			var err error
			if m, err = decodeEntry(e); err != nil {
				r.opts.OnError(fmt.Errorf("sioredis: entry %s of stream %s: %w", e.ID, r.name, err))
				return
			}
		}
		l.deliver(m)
	}
}

func (r *streamReader) linksOf(namespace string) []*streamsLink {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[namespace]
}

func (r *streamReader) position() entryID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pos
}

func (r *streamReader) move(id entryID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pos = id
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}

// reach waits until the links have got the entry with an id. It fails if ctx ends
// before that.
func (r *streamReader) reach(ctx context.Context, id entryID) error {
	for {
		r.mu.Lock()
		if !r.pos.less(id) {
			r.mu.Unlock()
			return nil
		}
		if r.moved == nil {
			r.moved = make(chan struct{})
		}
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// add lets a link have what comes from now on.
func (r *streamReader) add(l *streamsLink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[l.namespace] = append(slices.Clip(r.links[l.namespace]), l)
	r.count++
}

// remove reports how many links are left.
func (r *streamReader) remove(l *streamsLink) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(r.links[l.namespace]), func(o *streamsLink) bool { return o == l })
	if r.links[l.namespace] = rest; len(rest) == 0 {
		delete(r.links, l.namespace)
	}
	r.count--
	return r.count
}

// close ends the reader and waits for it.
func (r *streamReader) close() {
	r.cancel()
	r.client.Close()
	<-r.ended
}
