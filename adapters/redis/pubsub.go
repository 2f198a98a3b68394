package sioredis

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// PubSubOptions configure a [PubSub] backend. The zero value of each field stands for
// its default. All nodes of a cluster must have the same key.
type PubSubOptions struct {
	// Key begins the names of the channels. Default: "socket.io".
	Key string
	// SpecificResponseChannel sends answers only to the node that asked, as the
	// publishOnSpecificResponseChannel of the Node.js adapter: adapters before
	// version 8 do not listen there. Default: off.
	SpecificResponseChannel bool
	// Timeout is how long Redis may take to answer. After it did not, all fails at
	// once with [ErrUnavailable] until it does. Default: 2 s.
	Timeout time.Duration
	// OnError is told what no method can return: that Redis is away, and messages
	// that cannot be read. It must not block. Default: log a warning.
	OnError func(error)
}

func (o *PubSubOptions) withDefaults() PubSubOptions {
	var opts PubSubOptions
	if o != nil {
		opts = *o
	}
	orDefault(&opts.Key, "socket.io")
	orDefault(&opts.Timeout, defaultTimeout)
	if opts.OnError == nil {
		opts.OnError = logError
	}
	return opts
}

// PubSub is a [cluster.Backend] for the classic format: that of
// @socket.io/redis-adapter 8, with which it can share a cluster, and of
// @socket.io/redis-emitter. Its links are [cluster.Batcher],
// [cluster.Counter] and [cluster.RoomListener].
//
// Answers do not tell whose they are: a [cluster.MissingError] can only say how many
// nodes are missing.
type PubSub struct {
	opts PubSubOptions
	hub  *hub
}

// NewPubSub returns a backend for the Redis that rdb is a client of. Rdb itself is
// not used: while links are open, connections of their own are made by its options.
// Nil stands for the default options.
func NewPubSub(rdb redis.UniversalClient, opts *PubSubOptions) *PubSub {
	o := opts.withDefaults()
	return &PubSub{opts: o, hub: newHub(rdb, false, o.Timeout, o.OnError)}
}

// Open implements [cluster.Backend]. It fails if Redis is not reached before ctx
// ends.
func (b *PubSub) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	base, err := b.hub.join(namespace, node, receive)
	if err != nil {
		return nil, err
	}
	l := &pubsubLink{link: base, specific: b.opts.SpecificResponseChannel, names: classicNames(b.opts.Key, namespace), rooms: map[string]struct{}{}}
	l.publisher = publisher{base, l.command}
	l.pattern = escapePattern(l.names.events) + "*"
	l.own = l.names.responses + node + "#"
	err = l.listen(ctx, patterns, l.takeEvent, l.pattern)
	if err == nil {
		err = l.listen(ctx, channels, l.takeResponse, l.names.responses, l.own)
	}
	if err == nil { // at last, since by this the nodes are counted
		err = l.listen(ctx, channels, l.takeRequest, l.names.requests)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// escapePattern makes a pattern that matches only s.
func escapePattern(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `\`, `\\`).Replace(s)
}

// pubsubLink is one node in one namespace.
type pubsubLink struct {
	*link
	publisher
	specific     bool
	names        classic
	pattern, own string

	roomsMu sync.Mutex
	rooms   map[string]struct{} // that have members here
}

// command makes the command that publishes a message.
func (l *pubsubLink) command(m *cluster.Message) *command {
	channel, payload, err := l.names.encode(m)
	if err != nil {
		return failed(err)
	}
	if channel == l.names.responses && l.specific && m.To != "" && m.Type != cluster.ServerSideEmitResponse {
		channel += m.To + "#"
	}
	return publishing(false, channel, payload)
}

// Peers implements [cluster.Counter].
func (l *pubsubLink) Peers(ctx context.Context) (int, error) { return l.peers(ctx, l.names.requests) }

// Close implements [cluster.Link].
func (l *pubsubLink) Close() error {
	l.close(func() {
		l.ignore(channels, l.names.requests, l.names.responses, l.own)
		l.ignore(patterns, l.pattern)
	})
	return nil
}

// RoomOpened implements [cluster.RoomListener].
func (l *pubsubLink) RoomOpened(room string, _ bool) {
	l.roomsMu.Lock()
	defer l.roomsMu.Unlock()
	l.rooms[room] = struct{}{}
}

// RoomClosed implements [cluster.RoomListener].
func (l *pubsubLink) RoomClosed(room string, _ bool) {
	l.roomsMu.Lock()
	defer l.roomsMu.Unlock()
	delete(l.rooms, room)
}

// concerns reports whether a room, if it is not empty, has members here.
func (l *pubsubLink) concerns(room string) bool {
	l.roomsMu.Lock()
	defer l.roomsMu.Unlock()
	_, ok := l.rooms[room]
	return ok || room == ""
}

// takeEvent handles an event. Those for rooms of others are not even decoded.
func (l *pubsubLink) takeEvent(p *redis.Message) {
	room, ok := strings.CutPrefix(p.Channel, l.names.events)
	if !ok || !l.concerns(strings.TrimSuffix(room, "#")) {
		return
	}
	m, err := decodeClassicEvent([]byte(p.Payload))
	l.hand(p, m, err)
}

func (l *pubsubLink) takeResponse(p *redis.Message) {
	m, err := decodeClassic([]byte(p.Payload), classicResponses)
	l.hand(p, m, err)
}

func (l *pubsubLink) takeRequest(p *redis.Message) {
	m, err := decodeClassic([]byte(p.Payload), classicRequests)
	if errors.Is(err, errAllRooms) {
		l.tellRooms(m)
		return
	}
	l.hand(p, m, err)
}

func (l *pubsubLink) hand(p *redis.Message, m *cluster.Message, err error) {
	if err != nil {
		l.malformed(p.Channel, err)
		return
	}
	if m.Namespace == "" {
		m.Namespace = l.namespace
	}
	l.deliver(m)
}

// tellRooms answers the question of an official server for all rooms, which ours do
// not have.
func (l *pubsubLink) tellRooms(question *cluster.Message) {
	l.roomsMu.Lock()
	rooms := make([]string, 0, len(l.rooms))
	for room := range l.rooms {
		rooms = append(rooms, room)
	}
	l.roomsMu.Unlock()
	answer := appendStrings(append(appendRequestID([]byte{'{'}, question, 0), `,"rooms":`...), rooms)
	channel := l.names.responses
	if l.specific {
		channel += question.From + "#"
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.timeout)
	defer cancel()
	if err := l.send(ctx, channel, append(answer, '}')); err != nil {
		l.malformed(channel, err)
	}
}

var _ interface {
	cluster.Link
	cluster.Batcher
	cluster.Counter
	cluster.RoomListener
} = (*pubsubLink)(nil)
