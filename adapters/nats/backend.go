package sionats

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/core/cluster"
)

// Backend is a [cluster.Backend] for NATS. Its links are [cluster.Batcher] and, with
// [Options.Recovery], [cluster.Recoverer] and [cluster.Echoer]. Nodes find each other
// by heartbeats.
type Backend struct {
	nats nats.Options
	opts Options

	mu      sync.Mutex
	members map[string]*member // by the names of the nodes
}

// New returns a backend for the NATS that nc is connected to; nil stands for the
// default options. Nc itself is not used, and may be closed: while links are open,
// each node has a connection of its own, made by the options of nc, apart from its
// callbacks.
func New(nc *nats.Conn, opts *Options) *Backend {
	return &Backend{nats: nc.Opts, opts: opts.withDefaults(), members: map[string]*member{}}
}

// member is a node of this process, and its connection. All its namespaces share it.
type member struct {
	backend *Backend
	node    string
	links   map[string]bool // by namespace; guarded by the backend

	opening chan struct{} // has a value while nobody connects
	conn    *conn         // nil until connected, as all that follows
	inbox   *inbox
	reader  *reader // nil without recovery, as recent
	recent  *recent
}

// enter makes room for a link.
func (b *Backend) enter(namespace, node string) (*member, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[node]
	if m == nil {
		m = &member{backend: b, node: node, links: map[string]bool{}, opening: make(chan struct{}, 1)}
		m.opening <- struct{}{}
		b.members[node] = m
	}
	if m.links[namespace] {
		return nil, fmt.Errorf("sionats: node %s exists", node)
	}
	m.links[namespace] = true
	return m, nil
}

// leave undoes enter. With the last link, the connection ends.
func (b *Backend) leave(l *link) {
	m := l.member
	b.mu.Lock()
	delete(m.links, l.namespace)
	last := len(m.links) == 0
	if last {
		delete(b.members, m.node)
	}
	b.mu.Unlock()
	if last {
		m.close()
	}
}

// connect makes the connection if there is none yet.
func (m *member) connect(ctx context.Context) (err error) {
	select {
	case <-m.opening:
	case <-ctx.Done():
		return fmt.Errorf("sionats: %w: %w", ErrUnavailable, context.Cause(ctx))
	}
	defer func() { m.opening <- struct{}{} }()
	if m.conn != nil {
		return nil
	}
	o := &m.backend.opts
	reconnected := make(chan struct{}) // closed when there is who can be told
	defer close(reconnected)
	m.conn, err = dial(ctx, m.backend.nats, o, func() {
		<-reconnected
		if m.reader != nil {
			m.reader.reconnected()
		}
	})
	if err != nil {
		return err
	}
	var entries chan entry
	if m.conn.log != nil {
		m.recent = &recent{limits: o.Recovery}
		m.reader = startReader(m.conn.log, o)
		entries = m.reader.entries
	}
	m.inbox = startInbox(o, m.recent, entries)
	return nil
}

// close ends what connect has begun. There are no links any more.
func (m *member) close() {
	<-m.opening
	if m.conn == nil {
		return
	}
	if m.reader != nil {
		m.reader.close()
	}
	m.conn.close()
	m.inbox.close()
}

// Open implements [cluster.Backend]. It fails with [ErrUnavailable] if NATS is not
// reached before ctx ends, and if the namespace has a node of that name in this
// process.
func (b *Backend) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	m, err := b.enter(namespace, node)
	if err != nil {
		return nil, err
	}
	l := &link{backend: b, member: m, namespace: namespace, receive: receive, ended: make(chan struct{})}
	if err = m.connect(ctx); err == nil {
		l.outlet = &outlet{subjectsOf(b.opts.Prefix, namespace), m.conn}
		err = l.listen(ctx)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	if m.recent != nil {
		return recoveringLink{l}, nil
	}
	return l, nil
}

// link is one node in one namespace.
type link struct {
	*outlet
	backend   *Backend
	member    *member
	namespace string
	receive   func(*cluster.Message)
	subs      []*nats.Subscription

	closing sync.Once
	ended   chan struct{} // closed by Close
	mu      sync.Mutex    // held while receive runs
}

// node is the subject of messages to this node.
func (l *link) node() string { return l.outlet.node(l.member.node) }

// listen has messages arrive. It waits until they do, or ctx ends.
func (l *link) listen(ctx context.Context) error {
	l.member.inbox.add(l)
	before := l.conn.nc.LastError()
	for _, subject := range []string{l.all, l.node()} {
		sub, err := l.conn.nc.ChanSubscribe(subject, l.member.inbox.ch)
		if err != nil {
			return fmt.Errorf("sionats: subscribe: %w", err)
		}
		l.subs = append(l.subs, sub)
	}
	if err := l.conn.guard.do(ctx, l.conn.flush); err != nil {
		return err
	}
	if err := l.conn.nc.LastError(); err != before && errors.Is(err, nats.ErrPermissionViolation) {
		return fmt.Errorf("sionats: subscribe: %w", err)
	}
	if l.member.reader != nil {
		return l.member.reader.caughtUp(ctx, l.member.recent)
	}
	return nil
}

// Publish implements [cluster.Link].
func (l *link) Publish(ctx context.Context, m *cluster.Message) (offset string, err error) {
	r := l.PublishBatch(ctx, []*cluster.Message{m})[0]
	return r.Offset, r.Err
}

// PublishBatch implements [cluster.Batcher].
func (l *link) PublishBatch(ctx context.Context, messages []*cluster.Message) []cluster.PublishResult {
	if !l.isClosed() {
		return l.publish(ctx, messages)
	}
	results := make([]cluster.PublishResult, len(messages))
	for i := range results {
		results[i].Err = cluster.ErrClosed
	}
	return results
}

// pass hands a message to the node, after the one before.
func (l *link) pass(m *cluster.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isClosed() {
		l.receive(m)
	}
}

func (l *link) isClosed() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// Close implements [cluster.Link].
func (l *link) Close() error {
	l.closing.Do(func() {
		close(l.ended)
		l.mu.Lock() // waits for what runs
		l.mu.Unlock()
		if l.outlet != nil {
			for _, sub := range l.subs {
				_ = sub.Unsubscribe() // fails only if the connection is closed
			}
			l.member.inbox.remove(l)
		}
		l.backend.leave(l)
	})
	return nil
}

var _ interface {
	cluster.Link
	cluster.Batcher
} = (*link)(nil)
