package sioredis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// command is a message in the form of what Redis is told.
type command struct {
	key  string // by which a Redis Cluster knows the server that it is for
	tell func(context.Context, redis.Cmdable) redis.Cmder
	told redis.Cmder // nil if it was not tried
	err  error       // why it has failed, before or after
}

// failed is a command for a message that cannot be encoded.
func failed(err error) *command {
	return &command{err: fmt.Errorf("sioredis: encode: %w", err)}
}

// publishing is the command that publishes on a channel.
func publishing(sharded bool, channel string, payload []byte) *command {
	return &command{key: channel, tell: func(ctx context.Context, c redis.Cmdable) redis.Cmder {
		if sharded {
			return c.SPublish(ctx, channel, payload)
		}
		return c.Publish(ctx, channel, payload)
	}}
}

// adding is the command that adds a message to a stream.
func adding(stream string, maxLen int64, m *cluster.Message) *command {
	fields, err := encodeEntry(m)
	if err != nil {
		return failed(err)
	}
	args := &redis.XAddArgs{Stream: stream, MaxLen: maxLen, Approx: true, ID: "*", Values: fields}
	return &command{key: stream, tell: func(ctx context.Context, c redis.Cmdable) redis.Cmder { return c.XAdd(ctx, args) }}
}

// id returns the position of what was added to a stream; empty if nothing was.
func (c *command) id() string {
	if added, ok := c.told.(*redis.StringCmd); ok {
		return added.Val()
	}
	return ""
}

// run carries out commands in order. What comes of each is in its err. Those that
// follow each other and are for one server take one round trip.
func (g *guard) run(ctx context.Context, commands ...*command) {
	_, spread := g.client.(*redis.ClusterClient)
	for len(commands) > 0 {
		n := 1
		for n < len(commands) && (!spread || commands[n].key == commands[0].key) {
			n++
		}
		g.together(ctx, commands[:n])
		commands = commands[n:]
	}
}

// together carries out commands that are for one server.
func (g *guard) together(ctx context.Context, commands []*command) {
	err := g.at(ctx, commands[0].key, func(ctx context.Context, c redis.Cmdable) error {
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, command := range commands {
				if command.open() {
					command.told = command.tell(ctx, p)
				}
			}
			return nil
		})
		return err
	})
	for _, c := range commands {
		c.settle(err)
	}
}

// open reports whether a command is still to be carried out: it was not yet, or the
// server was the wrong one.
func (c *command) open() bool { return c.err == nil && (c.told == nil || moved(c.told.Err())) }

// settle notes what came of a command, after all that went with it have led to err:
// the first error of any of them, or what kept all from being carried out. The
// library does not always tell the latter to each.
func (c *command) settle(err error) {
	switch {
	case c.err != nil:
	case c.told != nil && c.told.Err() != nil && !unreachable(c.told.Err()):
		c.err = fmt.Errorf("sioredis: %w", c.told.Err())
	case c.told == nil || c.told.Err() != nil || c.id() == "" && err != nil && unreachable(err):
		c.err = err
	}
}
