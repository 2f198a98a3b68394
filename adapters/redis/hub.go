package sioredis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// hub is what the links of a backend share: a client for what is sent, and for each
// node one that listens. Without links, nothing runs.
type hub struct {
	rdb     redis.UniversalClient
	sharded bool // channels are
	timeout time.Duration
	report  func(error)

	mu        sync.Mutex
	guard     *guard
	listeners map[string]*listener // by node
	count     int                  // of links
}

func newHub(rdb redis.UniversalClient, sharded bool, timeout time.Duration, report func(error)) *hub {
	return &hub{rdb: rdb, sharded: sharded, timeout: timeout, report: report, listeners: map[string]*listener{}}
}

// link is one node in one namespace, as far as all formats have it.
type link struct {
	hub             *hub
	namespace, node string
	receive         func(*cluster.Message)
	guard           *guard
	listener        *listener

	closing sync.Once
	ended   chan struct{} // closed by Close
	mu      sync.Mutex    // held while receive runs
}

// errRing: the servers of a Ring do not pass messages on to each other.
var errRing = errors.New("sioredis: a redis.Ring cannot connect nodes")

// join makes a link. Nothing is received before it listens.
func (h *hub) join(namespace, node string, receive func(*cluster.Message)) (*link, error) {
	if _, ok := h.rdb.(*redis.Ring); ok {
		return nil, errRing
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.listeners[node]
	if n == nil {
		n = newListener(h)
		h.listeners[node] = n
	}
	if n.namespaces[namespace] {
		return nil, fmt.Errorf("sioredis: node %s exists", node)
	}
	n.namespaces[namespace] = true
	if h.count++; h.guard == nil {
		h.guard = newGuard(h.rdb, h.timeout, h.report)
	}
	return &link{hub: h, namespace: namespace, node: node, receive: receive, guard: h.guard, listener: n, ended: make(chan struct{})}, nil
}

// leave undoes join. What nobody shares any longer ends.
func (h *hub) leave(l *link) {
	var unused []func()
	h.mu.Lock()
	delete(l.listener.namespaces, l.namespace)
	if len(l.listener.namespaces) == 0 {
		delete(h.listeners, l.node)
		unused = append(unused, l.listener.close)
	}
	if h.count--; h.count == 0 {
		unused = append(unused, h.guard.close)
		h.guard = nil
	}
	h.mu.Unlock()
	for _, end := range unused {
		end()
	}
}

// listen subscribes to names. It waits until their messages arrive, or ctx ends.
func (l *link) listen(ctx context.Context, kind int, handle func(*redis.Message), names ...string) error {
	for _, name := range names {
		select {
		case <-l.listener.listen(ctx, kind, name, handle):
		case <-ctx.Done():
			return fmt.Errorf("sioredis: %w: %w", ErrUnavailable, errors.Join(context.Cause(ctx), l.listener.cause(name)))
		}
	}
	return nil
}

// ignore undoes listen, when the link is closing.
func (l *link) ignore(kind int, names ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.timeout)
	defer cancel()
	for _, name := range names {
		l.listener.ignore(ctx, kind, name)
	}
}

// deliver hands a message of another node to this one.
func (l *link) deliver(m *cluster.Message) {
	if m.From != l.node {
		l.pass(m)
	}
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

// malformed reports a message that could not be read.
func (l *link) malformed(where string, err error) {
	l.hub.report(fmt.Errorf("sioredis: message on %s: %w", where, err))
}

// send publishes on a channel.
func (l *link) send(ctx context.Context, channel string, payload []byte) error {
	c := publishing(l.hub.sharded, channel, payload)
	l.run(ctx, c)
	return c.err
}

// run carries out commands, unless the link is closed.
func (l *link) run(ctx context.Context, commands ...*command) {
	if !l.isClosed() {
		l.guard.run(ctx, commands...)
		return
	}
	for _, c := range commands {
		c.err = cluster.ErrClosed
	}
}

// publisher publishes the messages of a link; command says how.
type publisher struct {
	link    *link
	command func(*cluster.Message) *command
}

// Publish implements [cluster.Link].
func (p publisher) Publish(ctx context.Context, m *cluster.Message) (offset string, err error) {
	r := p.PublishBatch(ctx, []*cluster.Message{m})[0]
	return r.Offset, r.Err
}

// PublishBatch implements [cluster.Batcher], with a pipeline.
func (p publisher) PublishBatch(ctx context.Context, messages []*cluster.Message) []cluster.PublishResult {
	commands := make([]*command, len(messages))
	for i, m := range messages {
		commands[i] = p.command(m)
	}
	p.link.run(ctx, commands...)
	results := make([]cluster.PublishResult, len(messages))
	for i, c := range commands {
		if results[i].Err = c.err; c.err == nil && messages[i].Recoverable() {
			results[i].Offset = c.id()
		}
	}
	return results
}

// peers counts the other nodes that listen on a channel.
func (l *link) peers(ctx context.Context, channel string) (n int, err error) {
	err = l.guard.do(ctx, func(ctx context.Context) (err error) {
		n, err = countSubscribers(ctx, l.guard.client, l.hub.sharded, channel)
		return err
	})
	return max(n-1, 0), err
}

// close ends the link, after end, which is called once.
func (l *link) close(end func()) {
	l.closing.Do(func() {
		close(l.ended)
		l.mu.Lock() // waits for what runs
		l.mu.Unlock()
		end()
		l.hub.leave(l)
	})
}

// listener receives what is published for a node, in all its namespaces, on one
// connection: by these, nodes are counted. Only in a Redis Cluster, sharded channels
// of different hash slots need connections of their own.
type listener struct {
	client     redis.UniversalClient
	sharded    bool
	perSlot    bool
	report     func(error)
	namespaces map[string]bool // guarded by the hub

	mu          sync.Mutex
	routes      map[route]func(*redis.Message)
	subscribers map[string]*slotSubscriber // by slot, if perSlot; else under ""
}

type route struct {
	kind int
	name string
}

// slotSubscriber is a subscriber that ends with the last of its names.
type slotSubscriber struct {
	*subscriber
	names int
}

func newListener(h *hub) *listener {
	n := &listener{
		client: newOwnClient(h.rdb, 1, h.timeout), sharded: h.sharded, report: h.report, namespaces: map[string]bool{},
		routes: map[route]func(*redis.Message){}, subscribers: map[string]*slotSubscriber{},
	}
	_, isCluster := n.client.(*redis.ClusterClient)
	n.perSlot = isCluster && h.sharded
	return n
}

// listen has messages handled. The channel is closed once they arrive.
func (n *listener) listen(ctx context.Context, kind int, name string, handle func(*redis.Message)) <-chan struct{} {
	n.mu.Lock()
	slot := n.slotOf(name)
	s := n.subscribers[slot]
	if s == nil {
		s = &slotSubscriber{subscriber: newSubscriber(n.client, n.sharded, n.take, n.report)}
		n.subscribers[slot] = s
	}
	if n.routes[route{kind, name}] == nil {
		s.names++
	}
	n.routes[route{kind, name}] = handle
	n.mu.Unlock()
	return s.subscribe(ctx, kind, name)
}

// ignore undoes listen.
func (n *listener) ignore(ctx context.Context, kind int, name string) {
	n.mu.Lock()
	slot := n.slotOf(name)
	s := n.subscribers[slot]
	known := n.routes[route{kind, name}] != nil
	if known {
		delete(n.routes, route{kind, name})
		s.names--
	}
	last := known && s.names == 0
	if last {
		delete(n.subscribers, slot)
	}
	n.mu.Unlock()
	if last {
		s.close()
	} else if known {
		s.unsubscribe(ctx, kind, name)
	}
}

// cause returns why a name may not be heard of.
func (n *listener) cause(name string) error {
	n.mu.Lock()
	s := n.subscribers[n.slotOf(name)]
	n.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.lastError()
}

// slotOf returns what the names in a hash slot have in common: the hash tag, or else
// the whole name.
func (n *listener) slotOf(name string) string {
	if !n.perSlot {
		return ""
	}
	if _, rest, ok := strings.Cut(name, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			return tag
		}
	}
	return name
}

func (n *listener) take(m *redis.Message) {
	r := route{channels, m.Channel}
	if m.Pattern != "" {
		r = route{patterns, m.Pattern}
	}
	n.mu.Lock()
	handle := n.routes[r]
	n.mu.Unlock()
	if handle != nil {
		handle(m)
	}
}

func (n *listener) close() {
	n.mu.Lock()
	subscribers := n.subscribers
	n.subscribers = nil
	n.mu.Unlock()
	for _, s := range subscribers {
		s.close()
	}
	n.client.Close()
}
