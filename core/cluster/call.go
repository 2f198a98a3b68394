package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"
)

// Call is a question to many, whose answers come one by one. It ends when all have
// answered, when the others are gone, when its time is over, or with Close; then
// nothing of it is left in the [Node]. Its methods may be called concurrently.
type Call struct {
	n      *Node
	id     string
	want   Type // of the responses that answer for a node
	single bool // one answer is enough
	ctx    context.Context
	cancel context.CancelFunc
	stop   func() bool   // detaches the call from ctx
	wake   chan struct{} // holds a token if there is something new
	done   chan struct{} // closed at the end

	mu      sync.Mutex
	nodes   quorum
	clients map[string]*poll // by node
	acks    int
	queue   []answer
	sockets []SocketInfo
	fault   error // of the bus
	ended   bool
	err     error
}

type answer struct {
	from string
	args Payload
}

// poll is how the clients of one node answer.
type poll struct {
	asked, answered int
	open            map[string]bool // by id, as far as known: whether an answer is awaited
	gone            bool
}

// newCall registers a call for which responses of type want answer for a node. It
// ends at the deadline of ctx or after the timeout of flags, whichever is earlier;
// without both, after RequestTimeout.
func (n *Node) newCall(ctx context.Context, want Type, flags Flags) *Call {
	timeout := flags.Timeout
	if _, ok := ctx.Deadline(); !ok && timeout <= 0 {
		timeout = n.opts.RequestTimeout
	}
	c := &Call{
		n: n, id: NewNodeID(), want: want, single: flags.ExpectSingleResponse,
		clients: map[string]*poll{},
		wake:    make(chan struct{}, 1), done: make(chan struct{}),
	}
	if timeout > 0 {
		c.ctx, c.cancel = context.WithTimeout(ctx, timeout)
	} else {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	if !c.register() {
		c.end(ErrClosed)
	}
	return c
}

// register makes the call known to those who may end it. None of them gets through
// before all is in place.
func (c *Call) register() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = context.AfterFunc(c.ctx, func() { c.end(context.Cause(c.ctx)) })
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if c.n.closed {
		return false
	}
	c.n.calls[c.id] = c
	return true
}

// Call sends an event to the selected sockets of all nodes, this one included (by
// [Local.DeliverAck]), and asks each for an acknowledgement. It returns when the
// others were asked, which may block until ctx ends; what goes wrong is told by
// [Call.Err]. The local sockets are asked first and in any case.
func (n *Node) Call(ctx context.Context, sel Selector, flags Flags, payload Payload) *Call {
	c := n.newCall(ctx, BroadcastClientCount, flags)
	deadline, _ := c.ctx.Deadline()
	flags.Timeout = max(time.Until(deadline), time.Millisecond)
	c.asked(n.local.DeliverAck(c.ctx, sel, flags, payload, c.answerLocally))
	if flags.Local || n.Alone() {
		c.open(census{})
		return c
	}
	c.ask(&Message{Type: Broadcast, Selector: sel, Flags: flags, Payload: payload})
	return c
}

// ServerSideCall sends an event to the servers of the other nodes and asks each for
// an answer; a node that leaves is no longer waited for. It returns when they were
// asked, which may block until ctx ends; what goes wrong is told by [Call.Err].
func (n *Node) ServerSideCall(ctx context.Context, payload Payload) *Call {
	c := n.newCall(ctx, ServerSideEmitResponse, Flags{})
	if n.Alone() {
		c.open(census{})
		return c
	}
	c.ask(&Message{Type: ServerSideEmit, Payload: payload})
	return c
}

// Fetch describes the selected sockets of the other nodes. It blocks until all
// nodes have answered, ctx ended or, if ctx has no deadline,
// [Options.RequestTimeout] is over. If nodes did not answer, the error is a
// [*MissingError] and what the others answered is returned with it.
func (n *Node) Fetch(ctx context.Context, sel Selector) ([]SocketInfo, error) {
	if n.Alone() {
		return nil, nil
	}
	c := n.newCall(ctx, FetchSocketsResponse, Flags{})
	defer c.Close()
	c.ask(&Message{Type: FetchSockets, Selector: sel})
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.sockets, fmt.Errorf("cluster: fetch sockets: %w", c.err)
	}
	return c.sockets, nil
}

// ask finds out who the other nodes are and sends them the question. It does so
// even if there are none that are known: one that is about to become known may have
// clients that want the event. The call cannot be complete before it is sent.
func (c *Call) ask(m *Message) {
	if err := c.n.reachable(c.ctx); err != nil {
		c.abandon(census{}, err)
		return
	}
	nodes, err := c.n.census(c.ctx)
	if err != nil {
		c.abandon(nodes, fmt.Errorf("cluster: count nodes: %w", err))
		return
	}
	m.RequestID = c.id
	if _, err := c.n.publish(c.ctx, m); err != nil {
		c.abandon(nodes, err)
		return
	}
	c.open(nodes)
}

// open sets which nodes are waited for.
func (c *Call) open(nodes census) {
	c.mu.Lock()
	c.nodes.open(nodes)
	c.unlock()
}

// abandon does not wait for the other nodes, because they were not reached. Some
// may have been, so that answers are still taken as long as the call lasts.
func (c *Call) abandon(nodes census, err error) {
	c.mu.Lock()
	c.fault = err
	c.nodes.open(nodes)
	c.nodes.abandoned = true
	c.unlock()
}

// unlock releases the mutex, and ends the call if nobody is waited for.
func (c *Call) unlock() {
	complete := c.completeLocked()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	if complete {
		c.end(nil)
	}
}

func (c *Call) completeLocked() bool {
	if c.single && c.acks > 0 {
		return true
	}
	if !c.nodes.complete() {
		return false
	}
	for _, p := range c.clients {
		if !p.gone && p.asked > p.answered {
			return false
		}
	}
	return true
}

// response takes the message of another node.
func (c *Call) response(m *Message) {
	c.mu.Lock()
	defer c.unlock()
	if c.ended {
		return
	}
	if m.Type == BroadcastAck && c.want == BroadcastClientCount {
		c.ackLocked(m.From, m.Client, m.Payload)
		return
	}
	if m.Type != c.want || !c.nodes.answer(m.From) {
		return
	}
	switch m.Type {
	case BroadcastClientCount:
		c.countLocked(m.From, m.Count, m.Clients)
	case ServerSideEmitResponse:
		c.queue = append(c.queue, answer{m.From, m.Payload})
	case FetchSocketsResponse:
		c.sockets = append(c.sockets, m.Sockets...)
	}
}

// asked ends the local part, before open.
func (c *Call) asked(clients []string) {
	c.mu.Lock()
	c.countLocked(c.n.id, len(clients), clients)
	c.unlock()
}

// answerLocally takes the answer of a local socket.
func (c *Call) answerLocally(client string, args Payload) {
	c.mu.Lock()
	if !c.ended {
		c.ackLocked(c.n.id, client, args)
	}
	c.unlock()
}

func (c *Call) pollLocked(node string) *poll {
	p := c.clients[node]
	if p == nil {
		p = &poll{open: map[string]bool{}}
		c.clients[node] = p
	}
	return p
}

// countLocked notes that a node asked its clients. Some may have answered already.
func (c *Call) countLocked(node string, count int, clients []string) {
	p := c.pollLocked(node)
	p.asked += count
	for _, id := range clients {
		if _, ok := p.open[id]; !ok {
			p.open[id] = true
		}
	}
}

// ackLocked takes the answer of a client, unless it has answered before.
func (c *Call) ackLocked(node, client string, args Payload) {
	p := c.pollLocked(node)
	if client != "" {
		if open, ok := p.open[client]; ok && !open {
			return
		}
		p.open[client] = false
	}
	p.answered++
	c.acks++
	c.queue = append(c.queue, answer{client, args})
}

// leave stops waiting for a node and its clients.
func (c *Call) leave(node string) {
	c.mu.Lock()
	c.nodes.leave(node)
	if p := c.clients[node]; p != nil {
		p.gone = true
	}
	c.unlock()
}

// end ends the call, for a reason or because all is said.
func (c *Call) end(reason error) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	c.err = c.missingLocked(reason)
	close(c.done)
	c.mu.Unlock()

	c.n.mu.Lock()
	delete(c.n.calls, c.id)
	c.n.mu.Unlock()
	c.stop()
	c.cancel()
}

// missingLocked says who did not answer, and why it was not waited longer.
func (c *Call) missingLocked(reason error) error {
	if c.single && c.acks > 0 {
		return nil
	}
	e := &MissingError{Err: reason}
	if c.fault != nil {
		e.Err = errors.Join(reason, c.fault)
	}
	e.Nodes, e.NodeCount = c.nodes.missing()
	for _, p := range c.clients {
		e.ClientCount += max(p.asked-p.answered, 0)
		for id, open := range p.open {
			if open {
				e.Clients = append(e.Clients, id)
			}
		}
	}
	if e.Err == nil && e.NodeCount == 0 && e.ClientCount == 0 {
		return nil
	}
	slices.Sort(e.Clients)
	return e
}

// Answers yields each answer once: who answered and the arguments. Who is the id of
// a socket or, for [Node.ServerSideCall], the name of a node; empty if the bus does
// not tell. It blocks for the next answer and returns when the call has ended; then
// Err says whether any are missing. Breaking out of the loop ends the call.
func (c *Call) Answers() iter.Seq2[string, Payload] {
	return func(yield func(string, Payload) bool) {
		for {
			batch, more := c.next()
			for _, a := range batch {
				if !yield(a.from, a.args) {
					c.Close()
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// next waits for answers. It reports whether more can come.
func (c *Call) next() (batch []answer, more bool) {
	for {
		c.mu.Lock()
		batch, more = c.queue, !c.ended
		c.queue = nil
		c.mu.Unlock()
		if len(batch) > 0 || !more {
			return batch, more
		}
		select {
		case <-c.wake:
		case <-c.done:
		}
	}
}

// Done returns a channel that is closed when the call has ended. Answers may still
// be waiting in Answers then.
func (c *Call) Done() <-chan struct{} { return c.done }

// Err returns nil while the call is under way and if everybody answered who was
// asked; otherwise a [*MissingError]. A node that left before it answered was not
// asked; clients that it asked before are missing.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the call, if it has not ended. Err says what was missing by then, with
// [context.Canceled].
func (c *Call) Close() { c.end(context.Canceled) }
