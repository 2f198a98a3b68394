package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Post sends a message to the other nodes without waiting for the bus, unless the
// backend is an [Immediate]. Its type is Broadcast (without RequestID), SocketsJoin,
// SocketsLeave, DisconnectSockets or ServerSideEmit (without RequestID); the other
// fields are those that belong to the type. The message, and all that it refers to,
// must not be changed afterwards.
//
// It fails with [ErrQueueFull] if the bus is too slow, with [ErrNotJoined] or with
// [ErrClosed]. That the bus did not take the message is told to [Options.OnError].
func (n *Node) Post(m *Message) error {
	if n.Alone() {
		return nil
	}
	if n.immediate && n.links.Load() != nil {
		_, err := n.publishNow(n.ctx, m)
		return err
	}
	return n.push(&outgoing{m: m})
}

// push queues a message.
func (n *Node) push(out *outgoing) error {
	if err := n.out.push(out); err != nil {
		return fmt.Errorf("cluster: publish %s: %w", out.m.Type, err)
	}
	return nil
}

// publish queues a message and waits until the bus took it.
func (n *Node) publish(ctx context.Context, m *Message) (offset string, err error) {
	if n.immediate && n.links.Load() != nil {
		return n.publishNow(ctx, m)
	}
	done := make(chan PublishResult, 1)
	err = n.push(&outgoing{m: m, ctx: ctx, done: func(offset string, err error) { done <- PublishResult{offset, err} }})
	if err != nil {
		return "", err
	}
	select {
	case r := <-done:
		err = r.Err
		offset = r.Offset
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return offset, fmt.Errorf("cluster: publish %s: %w", m.Type, err)
	}
	return offset, nil
}

// publishNow stamps a message and hands it to the link.
func (n *Node) publishNow(ctx context.Context, m *Message) (offset string, err error) {
	offset, err = n.links.Load().Publish(ctx, n.stamp(m))
	if err != nil {
		return offset, fmt.Errorf("cluster: publish %s: %w", m.Type, err)
	}
	return offset, nil
}

func (n *Node) stamp(m *Message) *Message {
	m.From, m.Namespace = n.id, n.namespace
	m.Flags.Local = false
	m.Seq = n.seq.Add(1)
	return m
}

// reply queues an answer to another node.
func (n *Node) reply(m *Message) {
	if err := n.push(&outgoing{m: m}); err != nil {
		n.log.Debug("cluster: answer dropped", "namespace", n.namespace, "type", m.Type.String(), "to", m.To, "error", err)
	}
}

// send publishes for the outbox.
func (n *Node) send(batch []*outgoing) {
	c := n.links.Load()
	if slices.ContainsFunc(batch, func(out *outgoing) bool { return out.echo }) {
		n.echo.begin()
		defer n.echo.end()
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.RequestTimeout)
	defer cancel()
	if len(batch) == 1 {
		offset, err := c.Publish(ctx, n.stamp(batch[0].m))
		n.sent(batch[0], offset, err)
		return
	}
	messages := make([]*Message, len(batch))
	for i, out := range batch {
		messages[i] = n.stamp(out.m)
	}
	for i, r := range c.batcher.PublishBatch(ctx, messages) {
		n.sent(batch[i], r.Offset, r.Err)
	}
}

func (n *Node) lost(out *outgoing, err error) { n.sent(out, "", err) }

// sent tells those who are concerned what became of a message.
func (n *Node) sent(out *outgoing, offset string, err error) {
	if err != nil && n.ctx.Err() != nil {
		err = ErrClosed
	}
	n.outages.note(n, out.m, err)
	if out.ctx == nil && err != nil && !errors.Is(err, ErrClosed) {
		n.failed(fmt.Errorf("cluster: publish %s: %w", out.m.Type, err))
	}
	out.finish(offset, err)
}

func (n *Node) failed(err error) {
	if n.opts.OnError != nil {
		n.opts.OnError(err)
	}
}

// outages has the log say once that the bus does not take messages, and once that
// it does again.
type outages struct {
	mu   sync.Mutex
	err  error // of the latest message
	lost int   // messages since it is there
}

func (o *outages) note(n *Node, m *Message, err error) {
	if errors.Is(err, ErrClosed) {
		return
	}
	o.mu.Lock()
	began, lost := o.err == nil && err != nil, o.lost
	over := o.err != nil && err == nil
	o.err = nil
	o.lost = 0
	if err != nil {
		o.err = fmt.Errorf("cluster: publish %s: %w", m.Type, err)
		o.lost = lost + 1
	}
	o.mu.Unlock()
	switch {
	case began:
		n.log.Warn("cluster: message lost; further ones are counted", "namespace", n.namespace, "type", m.Type.String(), "to", m.To, "error", err)
	case over:
		n.log.Warn("cluster: messages get through again", "namespace", n.namespace, "lost", lost)
	}
}
