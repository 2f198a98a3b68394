package sioredis

import (
	"context"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// StreamsOptions configure a [Streams] backend. The zero value of each field stands
// for its default. All nodes of a cluster must have the same names and prefixes.
//
// There is no onlyPlaintext: that option saves the Node.js adapter the search for
// binary values, which are known here.
type StreamsOptions struct {
	// StreamName is the key of the stream. Default: "socket.io".
	StreamName string
	// StreamCount is over how many streams the namespaces are spread, so that they
	// can be in different parts of a Redis Cluster. With more than one, the number of
	// each is appended to StreamName. Default: 1.
	StreamCount int
	// ChannelPrefix begins the names of the channels of requests and responses.
	// Default: "socket.io".
	ChannelPrefix string
	// ShardedPubSub has requests and responses use sharded channels (Redis 7), as
	// the useShardedPubSub of the Node.js adapter. Default: off.
	ShardedPubSub bool
	// MaxLen is how many entries a stream keeps, about. A client that was away for
	// longer than they reach back is not recovered. Default: 10,000.
	MaxLen int64
	// ReadCount is how many entries are read at a time. Default: 100.
	ReadCount int64
	// BlockTime is how long a read waits for entries before it is repeated. It costs
	// no latency. Default: 5 s.
	BlockTime time.Duration
	// SessionKeyPrefix begins the keys of the sessions that are kept for recovery.
	// Default: "sio:session:".
	SessionKeyPrefix string
	// MaxDisconnection is how long a session is kept; it should be that of
	// socketio.Recovery. Default: 2 minutes.
	MaxDisconnection time.Duration
	// Timeout is how long Redis may take to answer. After it did not, all fails at
	// once with [ErrUnavailable] until it does. Default: 2 s.
	Timeout time.Duration
	// OnError is told what no method can return: that Redis is away, and messages
	// that cannot be read. It must not block. Default: log a warning.
	OnError func(error)
}

func (o *StreamsOptions) withDefaults() StreamsOptions {
	var opts StreamsOptions
	if o != nil {
		opts = *o
	}
	orDefault(&opts.StreamName, "socket.io")
	orDefault(&opts.StreamCount, 1)
	orDefault(&opts.ChannelPrefix, "socket.io")
	orDefault(&opts.MaxLen, 10_000)
	orDefault(&opts.ReadCount, 100)
	orDefault(&opts.BlockTime, 5*time.Second)
	orDefault(&opts.SessionKeyPrefix, "sio:session:")
	orDefault(&opts.MaxDisconnection, 2*time.Minute)
	orDefault(&opts.Timeout, defaultTimeout)
	if opts.OnError == nil {
		opts.OnError = logError
	}
	return opts
}

// Streams is a [cluster.Backend] that carries events in Redis streams, and requests
// with their responses by pub/sub: the format of @socket.io/redis-streams-adapter
// 0.3, with which it can share a cluster. Its links are [cluster.Batcher],
// [cluster.Counter], [cluster.Recoverer] and [cluster.Echoer].
//
// Since events are kept in a stream, nodes that are cut off for a short time do not
// miss any, and clients are recovered on whichever node they come back to.
//
// A request arrives after the events that its sender published before. The opposite
// is not so: an event may overtake a request.
//
// The stream has room for MaxLen entries of all its namespaces: nodes that read more
// slowly than it fills miss entries.
type Streams struct {
	opts StreamsOptions
	hub  *hub

	mu      sync.Mutex               // before those of readers
	readers map[string]*streamReader // by stream
}

// NewStreams returns a backend for the Redis that rdb is a client of: a
// [*redis.Client], also of Sentinel, or a [*redis.ClusterClient]. Rdb itself is not
// used: while links are open, connections of their own are made by its options, a
// pool for what is sent, one for each stream, and one for each node that listens.
// Nil stands for the default options.
func NewStreams(rdb redis.UniversalClient, opts *StreamsOptions) *Streams {
	o := opts.withDefaults()
	return &Streams{opts: o, hub: newHub(rdb, o.ShardedPubSub, o.Timeout, o.OnError), readers: map[string]*streamReader{}}
}

// Open implements [cluster.Backend]. It fails if Redis is not reached before ctx
// ends.
func (b *Streams) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	base, err := b.hub.join(namespace, node, receive)
	if err != nil {
		return nil, err
	}
	l := &streamsLink{
		link: base, b: b, stream: b.opts.streamOf(namespace),
		public: channelOf(b.opts.ChannelPrefix, namespace, ""), private: channelOf(b.opts.ChannelPrefix, namespace, node),
	}
	l.publisher = publisher{base, l.command}
	b.attach(l)
	err = l.reader.wait(ctx)
	if err == nil {
		err = l.listen(ctx, channels, l.take, l.public, l.private)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// attach has a link get what is in its stream.
func (b *Streams) attach(l *streamsLink) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.reader = b.readers[l.stream]
	if l.reader == nil {
		l.reader = startStreamReader(l.stream, b)
		b.readers[l.stream] = l.reader
	}
	l.reader.add(l)
}

// detach undoes attach.
func (b *Streams) detach(l *streamsLink) {
	b.mu.Lock()
	last := l.reader.remove(l) == 0
	if last {
		delete(b.readers, l.stream)
	}
	b.mu.Unlock()
	if last {
		l.reader.close()
	}
}

// streamOf returns the stream of a namespace. All nodes must agree, so the number is
// that of the Node.js adapter, which can be negative.
func (o *StreamsOptions) streamOf(namespace string) string {
	if o.StreamCount == 1 {
		return o.StreamName
	}
	var hash int32
	for _, c := range utf16.Encode([]rune(namespace)) {
		hash = 31*hash + int32(c)
	}
	return o.StreamName + "-" + strconv.Itoa(int(hash)%o.StreamCount)
}

// channelOf returns the channel of a namespace or, if it is named, of one node in
// it.
func channelOf(prefix, namespace, node string) string {
	if node == "" {
		return prefix + "#" + namespace + "#"
	}
	return prefix + "#" + namespace + "#" + node + "#"
}
