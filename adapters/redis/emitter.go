package sioredis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// Emitter sends to the clients of a cluster from a process that runs no server, such
// as a job or a command. What it has in common with a server is the Redis and the
// options of the backend.
//
//	emitter := sioredis.NewEmitter(rdb, nil)
//	defer emitter.Close()
//	err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "hello")
//
// Its own methods are those of the namespace "/". All methods may be called
// concurrently; what one goroutine sends stays in order.
//
// Methods that send block until Redis took the message, at most for the Timeout of
// the options, or until ctx ends. That no server listens is no error. They fail with
// [ErrUnavailable] if Redis is not reached, at once if that is known, and with
// [cluster.ErrClosed] after Close.
type Emitter struct {
	Selection
}

// NewEmitter returns an emitter to servers with a [PubSub] backend, in the format of
// @socket.io/redis-emitter 5; nil stands for the default options. It does not
// connect before something is sent. What is said of the client at [NewPubSub] holds
// here too.
func NewEmitter(rdb redis.UniversalClient, opts *PubSubOptions) *Emitter {
	o := opts.withDefaults()
	return newEmitter(newGuard(rdb, o.Timeout, o.OnError), func(m *cluster.Message) *command {
		names := classicNames(o.Key, m.Namespace)
		channel, payload, err := names.encode(m)
		if err != nil {
			return failed(err)
		}
		return publishing(false, channel, payload)
	})
}

// NewShardedEmitter returns an emitter to servers with a [Sharded] backend. The
// official emitter has no such format, but official servers understand it.
func NewShardedEmitter(rdb redis.UniversalClient, opts *ShardedOptions) *Emitter {
	o := opts.withDefaults()
	r := &shardedRouter{opts: &o}
	return newEmitter(newGuard(rdb, o.Timeout, o.OnError), r.command)
}

// NewStreamsEmitter returns an emitter to servers with a [Streams] backend, in the
// format of @socket.io/redis-streams-emitter 0.1.
func NewStreamsEmitter(rdb redis.UniversalClient, opts *StreamsOptions) *Emitter {
	o := opts.withDefaults()
	return newEmitter(newGuard(rdb, o.Timeout, o.OnError), func(m *cluster.Message) *command {
		return adding(o.streamOf(m.Namespace), o.MaxLen, m)
	})
}

func newEmitter(g *guard, command func(*cluster.Message) *command) *Emitter {
	return &Emitter{Selection{out: &emitterOut{guard: g, command: command}, namespace: "/"}}
}

// emitterOut is the way out of an emitter.
type emitterOut struct {
	guard   *guard
	command func(*cluster.Message) *command
}

// Of selects a namespace. A missing slash at its beginning is added.
func (e *Emitter) Of(namespace string) Selection {
	s := e.Selection
	if s.namespace = namespace; !strings.HasPrefix(namespace, "/") {
		s.namespace = "/" + namespace
	}
	return s
}

// Close closes the connections of the emitter. What is being sent fails.
func (e *Emitter) Close() error {
	e.out.guard.close()
	return nil
}

// Selection is sockets of one namespace, to which an [Emitter] sends. It is a small
// value that never changes: modifiers return a new one. It can be kept, and used
// concurrently.
type Selection struct {
	out       *emitterOut
	namespace string
	rooms     []string
	except    []string
	flags     cluster.Flags
	to        bool // To was called: without rooms, nobody is selected
}

// To adds rooms: the selection is every socket that is in any of the rooms, once.
// If To is not called it is the whole namespace, but To with an empty list selects
// nobody. A socket's id is a room.
func (s Selection) To(rooms ...string) Selection {
	s.rooms, s.to = slices.Concat(s.rooms, rooms), true
	return s
}

// In is To.
func (s Selection) In(rooms ...string) Selection { return s.To(rooms...) }

// Except takes the sockets that are in any of rooms out of the selection.
func (s Selection) Except(rooms ...string) Selection {
	s.except = slices.Concat(s.except, rooms)
	return s
}

// Volatile lets an event be lost to sockets that cannot take it at once.
func (s Selection) Volatile() Selection {
	s.flags.Volatile = true
	return s
}

// Compress compresses events, or does not; by default it is for the servers to
// decide.
func (s Selection) Compress(on bool) Selection {
	s.flags.NoCompress = !on
	return s
}

// Emit sends an event to the selected sockets. The arguments are encoded as by a
// server: as JSON, with each []byte as binary. It returns an error if they cannot
// be encoded or the name is reserved. For more, see [Emitter].
func (s Selection) Emit(ctx context.Context, event string, args ...any) error {
	if parser.ReservedEvent(event) {
		return fmt.Errorf("sioredis: %q is a reserved event name", event)
	}
	payload, err := encodeEvent(event, args)
	if err != nil {
		return err
	}
	return s.send(ctx, &cluster.Message{Type: cluster.Broadcast, Payload: payload})
}

// SocketsJoin makes the selected sockets join rooms.
func (s Selection) SocketsJoin(ctx context.Context, rooms ...string) error {
	if len(rooms) == 0 {
		return nil
	}
	return s.send(ctx, &cluster.Message{Type: cluster.SocketsJoin, Rooms: rooms})
}

// SocketsLeave makes the selected sockets leave rooms.
func (s Selection) SocketsLeave(ctx context.Context, rooms ...string) error {
	if len(rooms) == 0 {
		return nil
	}
	return s.send(ctx, &cluster.Message{Type: cluster.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the selected sockets, and closes their connections
// too if closeConn is true.
func (s Selection) DisconnectSockets(ctx context.Context, closeConn bool) error {
	return s.send(ctx, &cluster.Message{Type: cluster.DisconnectSockets, Close: closeConn})
}

// ServerSideEmit sends an event to the servers themselves, in the namespace of the
// selection; rooms have no meaning for it. There are no answers. Arguments are as in
// Emit, but servers with another backend than ours may get binary ones changed.
func (s Selection) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	payload, err := encodeEvent(event, args)
	if err != nil {
		return err
	}
	s.to = false
	return s.send(ctx, &cluster.Message{Type: cluster.ServerSideEmit, Payload: payload})
}

func (s Selection) send(ctx context.Context, m *cluster.Message) error {
	if s.to && len(s.rooms) == 0 {
		return nil
	}
	m.From, m.Namespace = cluster.EmitterID, s.namespace
	m.Selector, m.Flags = cluster.Selector{Rooms: s.rooms, Except: s.except}, s.flags
	c := s.out.command(m)
	s.out.guard.run(ctx, c)
	return c.err
}

// canonical is the form in which events travel between nodes.
var canonical = &parser.JSON{MaxAttachments: -1, MaxAttachmentBytes: -1}

func encodeEvent(event string, args []any) (cluster.Payload, error) {
	text, attachments, err := canonical.EncodeArgs(append([]any{event}, args...)...)
	if err != nil {
		return cluster.Payload{}, fmt.Errorf("sioredis: encode: %w", err)
	}
	return cluster.Payload{JSON: text, Attachments: attachments}, nil
}
