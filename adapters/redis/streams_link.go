package sioredis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// streamsLink is one node in one namespace.
type streamsLink struct {
	*link
	b               *Streams
	stream          string
	reader          *streamReader
	public, private string // channels
}

// durable reports whether a message goes to the stream.
func durable(m *cluster.Message) bool {
	switch m.Type {
	case cluster.Broadcast:
		return m.RequestID == ""
	case cluster.SocketsJoin, cluster.SocketsLeave, cluster.DisconnectSockets:
		return true
	}
	return false
}

// Publish implements [cluster.Link].
func (l *streamsLink) Publish(ctx context.Context, m *cluster.Message) (offset string, err error) {
	if l.isClosed() {
		return "", cluster.ErrClosed
	}
	if !durable(m) {
		return "", l.publish(ctx, m)
	}
	id, err := addEntry(ctx, l.guard, l.stream, l.b.opts.MaxLen, m)
	if err != nil || !m.Recoverable() {
		return "", err
	}
	return id, nil
}

// addEntry adds a message to a stream.
func addEntry(ctx context.Context, g *guard, stream string, maxLen int64, m *cluster.Message) (id string, err error) {
	fields, err := encodeEntry(m)
	if err != nil {
		return "", fmt.Errorf("sioredis: encode: %w", err)
	}
	err = g.at(ctx, stream, func(ctx context.Context, c redis.Cmdable) (err error) {
		id, err = c.XAdd(ctx, &redis.XAddArgs{Stream: stream, MaxLen: maxLen, Approx: true, ID: "*", Values: fields}).Result()
		return err
	})
	return id, err
}

// publish sends a message that is not kept: a request to all, or a response.
func (l *streamsLink) publish(ctx context.Context, m *cluster.Message) error {
	channel := l.public
	if m.To != "" {
		channel = channelOf(l.b.opts.ChannelPrefix, l.namespace, m.To)
	}
	payload, err := appendMessageMsgpack(nil, m)
	if err != nil {
		return fmt.Errorf("sioredis: encode: %w", err)
	}
	return l.send(ctx, channel, payload)
}

// Peers implements [cluster.Counter].
func (l *streamsLink) Peers(ctx context.Context) (int, error) { return l.peers(ctx, l.public) }

// Close implements [cluster.Link].
func (l *streamsLink) Close() error {
	l.close(func() {
		l.ignore(channels, l.public, l.private)
		l.b.detach(l)
	})
	return nil
}

// take handles what was published. A request waits until the events that were added
// to the stream before it have been delivered.
func (l *streamsLink) take(p *redis.Message) {
	m, err := decodeMessage([]byte(p.Payload))
	if err != nil {
		l.malformed(p.Channel, err)
		return
	}
	if p.Channel == l.public && m.From != l.node {
		l.catchUp()
	}
	l.deliver(m)
}

// catchUp waits until all that is in the stream has been delivered.
func (l *streamsLink) catchUp() {
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.timeout)
	defer cancel()
	var last entryID
	err := l.guard.do(ctx, func(ctx context.Context) (err error) {
		last, err = lastEntry(ctx, l.guard.client, l.stream)
		return err
	})
	if err == nil {
		l.reader.reach(ctx, last)
	}
}
