package sionats

import (
	"context"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
	"github.com/gosocketio/sio/core/cluster"
)

// outlet publishes what one sender has to say in one namespace.
type outlet struct {
	subjects
	conn *conn
}

// durable reports whether a message goes to the log, if there is one: events that are
// replayed, and what changes sockets, so that nodes that are cut off for a short time
// do not miss it.
func durable(m *cluster.Message) bool {
	switch m.Type {
	case cluster.SocketsJoin, cluster.SocketsLeave, cluster.DisconnectSockets:
		return true
	}
	return m.Recoverable()
}

// publish publishes messages in order. Those that follow each other and go the same
// way take one round trip.
func (o *outlet) publish(ctx context.Context, messages []*cluster.Message) []cluster.PublishResult {
	results := make([]cluster.PublishResult, 0, len(messages))
	for len(messages) > 0 {
		logged, n := o.logs(messages[0]), 1
		for n < len(messages) && o.logs(messages[n]) == logged {
			n++
		}
		if logged {
			results = o.add(ctx, messages[:n], results)
		} else {
			results = o.send(ctx, messages[:n], results)
		}
		messages = messages[n:]
	}
	return results
}

// logs reports whether a message goes to the log.
func (o *outlet) logs(m *cluster.Message) bool { return o.conn.log != nil && durable(m) }

// send publishes messages that are not kept.
func (o *outlet) send(ctx context.Context, messages []*cluster.Message, results []cluster.PublishResult) []cluster.PublishResult {
	list := make([]*publication, len(messages))
	var after uint64
	if o.conn.log != nil {
		after = o.conn.log.latest.Load()
	}
	for i, m := range messages {
		subject := o.all
		if m.To != "" {
			subject = o.node(m.To)
		}
		list[i] = o.conn.prepare(subject, wire.Frame{Message: m, After: after})
	}
	o.conn.publish(ctx, list)
	for _, p := range list {
		results = append(results, cluster.PublishResult{Err: p.err})
	}
	return results
}

// add adds messages to the log.
func (o *outlet) add(ctx context.Context, messages []*cluster.Message, results []cluster.PublishResult) []cluster.PublishResult {
	list := make([]*publication, len(messages))
	for i, m := range messages {
		list[i] = o.conn.prepare(o.log, wire.Frame{Message: m})
	}
	o.conn.log.add(ctx, list)
	for i, p := range list {
		r := cluster.PublishResult{Err: p.err}
		if p.err == nil {
			if messages[i].Recoverable() {
				r.Offset = o.conn.log.offset(p.seq)
			}
		}
		results = append(results, r)
	}
	return results
}
