package cluster

import (
	"context"
	"fmt"
	"time"
)

// How long to wait before the next attempt to reach the bus: longer each time.
const (
	minRejoin = 250 * time.Millisecond
	maxRejoin = 10 * time.Second
)

// Ready waits until the node has joined. It fails if ctx ends before that, with the
// error of the latest attempt if there is one, or with [ErrClosed].
func (n *Node) Ready(ctx context.Context) error {
	select {
	case <-n.joined:
		return nil
	case <-n.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
	}
	if err := n.joinError(); err != nil {
		return err
	}
	return fmt.Errorf("cluster: join %s: %w", n.namespace, context.Cause(ctx))
}

// Attempted returns a channel that is closed when the first attempt to join is over,
// however it went.
func (n *Node) Attempted() <-chan struct{} { return n.attempted }

// reachable waits until the first attempt to join is over. It fails if the node has
// not joined then.
func (n *Node) reachable(ctx context.Context) error {
	if n.links.Load() != nil {
		return nil
	}
	select {
	case <-n.attempted:
	case <-ctx.Done():
	}
	switch {
	case n.links.Load() != nil:
		return nil
	case n.joinError() != nil:
		return fmt.Errorf("%w: %w", ErrNotJoined, n.joinError())
	}
	return ErrNotJoined
}

func (n *Node) joinError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.joinErr
}

// join makes one attempt.
func (n *Node) join(ctx context.Context, b Backend) error {
	link, err := b.Open(ctx, n.namespace, n.id, n.receive)
	if err != nil {
		return fmt.Errorf("cluster: join %s: %w", n.namespace, err)
	}
	n.attach(newConnection(link))
	return nil
}

// attempt makes one attempt for Start, and reports whether it is the last.
func (n *Node) attempt(b Backend) bool {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.RequestTimeout)
	defer cancel()
	err := n.join(ctx, b)
	if err == nil {
		n.joinedLate()
		return true
	}
	if n.ctx.Err() != nil {
		return true
	}
	n.joinFailed(err)
	return false
}

// attach starts what needs the link.
func (n *Node) attach(c *connection) {
	n.links.Store(c)
	if n.opts.OnJoin != nil {
		n.opts.OnJoin(n)
	}
	batch := 1
	if c.batcher != nil {
		batch = batchSize
	}
	n.out.start(batch)
	if c.lister == nil && c.counter == nil {
		n.reply(&Message{Type: InitialHeartbeat})
		n.startHeartbeats()
	}
	close(n.joined)
	n.attemptOver()
}

func (n *Node) attemptOver() {
	select {
	case <-n.attempted:
	default:
		close(n.attempted)
	}
}

// keepJoining makes attempts until one succeeds, or the node is closed.
func (n *Node) keepJoining(b Backend) {
	for wait := minRejoin; !n.attempt(b); wait = min(2*wait, maxRejoin) {
		select {
		case <-time.After(wait):
		case <-n.ctx.Done():
			return
		}
	}
}

// joinFailed notes that an attempt failed: from the first on, nothing waits any
// longer.
func (n *Node) joinFailed(err error) {
	n.mu.Lock()
	first := n.joinErr == nil
	n.joinErr = err
	n.mu.Unlock()
	n.out.refuse(fmt.Errorf("%w: %w", ErrNotJoined, err))
	n.attemptOver()
	if first {
		n.log.Warn("cluster: the bus cannot be reached, the node goes on alone and tries again", "namespace", n.namespace, "error", err)
	}
	n.failed(err)
}

// joinedLate tells the log, if it was told that the node goes on alone.
func (n *Node) joinedLate() {
	n.mu.Lock()
	late := n.joinErr != nil
	n.joinErr = nil
	n.mu.Unlock()
	if late {
		n.log.Warn("cluster: the bus was reached, the node has joined", "namespace", n.namespace)
	}
}
