package sioredis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// SubscriptionMode says which rooms have channels of their own, so that what is sent
// to one reaches only the nodes that have members of it.
type SubscriptionMode string

// The subscription modes. All nodes of a cluster must have the same.
const (
	// Dynamic: all rooms but those of sockets' own ids.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate: all rooms.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static: none.
	Static SubscriptionMode = "static"
)

// ShardedOptions configure a [Sharded] backend. The zero value of each field stands
// for its default. All nodes of a cluster must have the same.
type ShardedOptions struct {
	// ChannelPrefix begins the names of the channels. In a Redis Cluster, each channel
	// needs a connection of its own, unless the prefix has a hash tag, as in
	// "{socket.io}". Default: "socket.io".
	ChannelPrefix string
	// SubscriptionMode. Default: Dynamic.
	SubscriptionMode SubscriptionMode
	// Timeout is how long Redis may take to answer. After it did not, all fails at
	// once with [ErrUnavailable] until it does. Default: 2 s.
	Timeout time.Duration
	// OnError is told what no method can return: that Redis is away, and messages
	// that cannot be read. It must not block. Default: log a warning.
	OnError func(error)
}

func (o *ShardedOptions) withDefaults() ShardedOptions {
	var opts ShardedOptions
	if o != nil {
		opts = *o
	}
	orDefault(&opts.ChannelPrefix, "socket.io")
	orDefault(&opts.SubscriptionMode, Dynamic)
	orDefault(&opts.Timeout, defaultTimeout)
	if opts.OnError == nil {
		opts.OnError = logError
	}
	return opts
}

// apart reports whether what is sent to a room goes by a channel of its own. Who
// sends cannot know whether a room is that of a socket's own id, and so all nodes
// tell it by the length.
func (o *ShardedOptions) apart(room string) bool {
	switch o.SubscriptionMode {
	case DynamicPrivate:
		return true
	case Dynamic:
		return len(room) != socketIDLength
	}
	return false
}

// socketIDLength is the length of the ids of sockets.
const socketIDLength = 20

// Sharded is a [cluster.Backend] for Redis 7 and its sharded pub/sub: the format of
// the sharded adapter of @socket.io/redis-adapter 8, with which it can share a
// cluster. Its links are [cluster.Counter] and [cluster.RoomListener].
//
// Where a room has got its first member of a node, that node needs a moment until it
// listens to the channel of the room, and does not hear what is sent to it before.
// What follows a SocketsJoin of the same sender is safe: for a while it goes to all.
type Sharded struct {
	opts   ShardedOptions
	hub    *hub
	router shardedRouter
}

// NewSharded returns a backend for the Redis that rdb is a client of. Rdb itself is
// not used: while links are open, connections of their own are made by its options.
// Nil stands for the default options.
func NewSharded(rdb redis.UniversalClient, opts *ShardedOptions) *Sharded {
	o := opts.withDefaults()
	b := &Sharded{opts: o, hub: newHub(rdb, true, o.Timeout, o.OnError)}
	b.router.opts = &b.opts
	return b
}

// Open implements [cluster.Backend]. It fails if Redis is not reached before ctx
// ends.
func (b *Sharded) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	base, err := b.hub.join(namespace, node, receive)
	if err != nil {
		return nil, err
	}
	l := &shardedLink{link: base, router: &b.router, public: channelOf(b.opts.ChannelPrefix, namespace, "")}
	l.publisher = publisher{base, l.router.command}
	l.rooms.change = l.changeRoom
	if err := l.listen(ctx, channels, l.take, l.public, l.private(node)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// shardedLink is one node in one namespace.
type shardedLink struct {
	*link
	publisher
	router *shardedRouter
	public string // channel
	rooms  roomSubscriptions
}

// private returns the channel of a node or a room.
func (l *shardedLink) private(name string) string { return l.public + name + "#" }

// encodeMessage makes JSON of a message, or msgpack if there are binary values.
func encodeMessage(m *cluster.Message) ([]byte, error) {
	payload := appendMessage(make([]byte, 0, len(m.Payload.JSON)+192), m)
	if len(m.Payload.Attachments) == 0 {
		return payload, nil
	}
	return appendMsgpack(nil, payload, m.Payload.Attachments)
}

// shardedRouter knows which channel a message goes by.
type shardedRouter struct {
	opts   *ShardedOptions
	joined recentRooms // the channels of rooms
}

// command makes the command that publishes a message.
func (r *shardedRouter) command(m *cluster.Message) *command {
	payload, err := encodeMessage(m)
	if err != nil {
		return failed(err)
	}
	return publishing(true, r.channel(m), payload)
}

func (r *shardedRouter) channel(m *cluster.Message) string {
	switch {
	case m.To != "":
		return channelOf(r.opts.ChannelPrefix, m.Namespace, m.To)
	case m.Type == cluster.SocketsJoin:
		for _, room := range m.Rooms {
			r.joined.add(channelOf(r.opts.ChannelPrefix, m.Namespace, room), r.opts.Timeout)
		}
	case m.Type == cluster.Broadcast && m.RequestID == "" && len(m.Selector.Rooms) == 1 && r.opts.apart(m.Selector.Rooms[0]):
		channel := channelOf(r.opts.ChannelPrefix, m.Namespace, m.Selector.Rooms[0])
		if m.Selector.Rooms[0] != "" && !r.joined.has(channel, r.opts.Timeout) {
			return channel
		}
	}
	return channelOf(r.opts.ChannelPrefix, m.Namespace, "")
}

// recentRooms are those that this node has just made sockets of other nodes join:
// these may not listen to the channels of the rooms yet. A room stays for at least
// the time that is said, and at most for twice that.
type recentRooms struct {
	some atomic.Bool // there are any

	mu       sync.Mutex
	now, old map[string]struct{}
	began    time.Time // of now
}

func (r *recentRooms) add(room string, stay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(stay)
	if r.now == nil && r.old == nil {
		r.began = time.Now()
	}
	if r.now == nil {
		r.now = map[string]struct{}{}
	}
	r.now[room] = struct{}{}
	r.some.Store(true)
}

func (r *recentRooms) has(room string, stay time.Duration) bool {
	if !r.some.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(stay)
	_, inNow := r.now[room]
	_, inOld := r.old[room]
	return inNow || inOld
}

// turnLocked forgets what is old.
func (r *recentRooms) turnLocked(stay time.Duration) {
	for age := time.Since(r.began); age > stay && (r.now != nil || r.old != nil); age -= stay {
		r.now, r.old, r.began = nil, r.now, r.began.Add(stay)
	}
	r.some.Store(r.now != nil || r.old != nil)
}

// RoomOpened implements [cluster.RoomListener].
func (l *shardedLink) RoomOpened(room string, _ bool) {
	if l.router.opts.apart(room) {
		l.rooms.set(room, true)
	}
}

// RoomClosed implements [cluster.RoomListener].
func (l *shardedLink) RoomClosed(room string, _ bool) {
	if l.router.opts.apart(room) {
		l.rooms.set(room, false)
	}
}

// changeRoom subscribes to the channel of a room, or no longer.
func (l *shardedLink) changeRoom(room string, open bool) {
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.timeout)
	defer cancel()
	if channel := l.private(room); open {
		l.listener.listen(ctx, channels, channel, l.take)
	} else {
		l.listener.ignore(ctx, channels, channel)
	}
}

// Peers implements [cluster.Counter].
func (l *shardedLink) Peers(ctx context.Context) (int, error) { return l.peers(ctx, l.public) }

// Close implements [cluster.Link].
func (l *shardedLink) Close() error {
	l.close(func() {
		l.ignore(channels, l.public, l.private(l.node))
		for _, room := range l.rooms.close() {
			l.ignore(channels, l.private(room))
		}
	})
	return nil
}

// take handles what was published.
func (l *shardedLink) take(p *redis.Message) {
	m, err := decodeMessage([]byte(p.Payload))
	if err != nil {
		l.malformed(p.Channel, err)
		return
	}
	l.deliver(m)
}

// roomSubscriptions is which rooms have members here. Changes are made on a goroutine
// that exists only while there are some.
type roomSubscriptions struct {
	change func(room string, open bool)
	wg     sync.WaitGroup

	mu      sync.Mutex
	open    map[string]bool
	changed []string // to be made; what the change is says open
	running bool
	closed  bool
}

func (r *roomSubscriptions) set(room string, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.open == nil {
		r.open = map[string]bool{}
	}
	if open {
		r.open[room] = true
	} else {
		delete(r.open, room)
	}
	r.changed = append(r.changed, room)
	if !r.running {
		r.running = true
		r.wg.Go(r.run)
	}
}

func (r *roomSubscriptions) run() {
	for {
		r.mu.Lock()
		if len(r.changed) == 0 || r.closed {
			r.changed, r.running = nil, false
			r.mu.Unlock()
			return
		}
		room := r.changed[0]
		r.changed = r.changed[1:]
		open := r.open[room]
		r.mu.Unlock()
		r.change(room, open)
	}
}

// close ends all changes and returns the rooms that are open.
func (r *roomSubscriptions) close() []string {
	r.mu.Lock()
	r.closed = true
	open := r.open
	r.mu.Unlock()
	r.wg.Wait()
	rooms := make([]string, 0, len(open))
	for room := range open {
		rooms = append(rooms, room)
	}
	return rooms
}

var _ interface {
	cluster.Link
	cluster.Batcher
	cluster.Counter
	cluster.RoomListener
} = (*shardedLink)(nil)
