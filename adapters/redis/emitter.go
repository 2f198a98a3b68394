package sioredis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/emitter"
)

// Emitter sends to the clients of a cluster from a process that runs no server, such
// as a job or a command. What it has in common with a server is the Redis and the
// options of the backend.
//
//	emitter := sioredis.NewEmitter(rdb, nil)
//	defer emitter.Close()
//	err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "hello")
//
// Methods that send block at most for the Timeout of the options. They fail with
// [ErrUnavailable] if Redis is not reached, at once if that is known.
type Emitter = emitter.Emitter

// Selection is sockets of one namespace, to which an [Emitter] sends.
type Selection = emitter.Selection

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
	return emitter.New(&wayOut{g, command})
}

// wayOut is the way of an emitter to Redis. It implements [emitter.Bus].
type wayOut struct {
	guard   *guard
	command func(*cluster.Message) *command
}

// Send implements [emitter.Bus].
func (w *wayOut) Send(ctx context.Context, m *cluster.Message) error {
	c := w.command(m)
	w.guard.run(ctx, c)
	return c.err
}

// Close implements [emitter.Bus].
func (w *wayOut) Close() error {
	w.guard.close()
	return nil
}
