package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryOptions configure a [Memory]. The zero value of each field stands for its
// default.
type MemoryOptions struct {
	// QueueSize is how many messages may wait for one node; beyond, it misses
	// messages and Publish fails with [ErrQueueFull]. Default: 65,536.
	QueueSize int
	// Recovery turns connection state recovery on. Default: off.
	Recovery *MemoryRecovery
}

// MemoryRecovery bounds what a [Memory] keeps, for each namespace, for connection
// state recovery. The zero value of each field stands for its default.
type MemoryRecovery struct {
	MaxAge      time.Duration // of messages and sessions. Default: 2 minutes
	MaxMessages int           // Default: 100,000
	MaxBytes    int           // of payloads with their attachments. Default: 64 MiB
	MaxSessions int           // beyond, the oldest is forgotten. Default: 100,000
}

func (r MemoryRecovery) withDefaults() MemoryRecovery {
	orDefault(&r.MaxAge, 2*time.Minute)
	orDefault(&r.MaxMessages, 100_000)
	orDefault(&r.MaxBytes, 64<<20)
	orDefault(&r.MaxSessions, 100_000)
	return r
}

// Memory is a [Backend] for nodes of one process: several servers, as in tests, or
// a single one that wants connection state recovery. Its links are [Lister] and
// [Loner] and, with the option, [Recoverer] and [Echoer]. All nodes receive all messages in the
// same order. It needs no closing: nothing of it runs when its links are closed.
//
// Messages pass from node to node as they are, without being copied.
type Memory struct {
	queueSize int
	recovery  *MemoryRecovery

	mu   sync.Mutex // before any hub's
	hubs map[string]*hub
}

// NewMemory returns a Memory that nodes can join. Nil stands for the defaults.
func NewMemory(opts *MemoryOptions) *Memory {
	m := &Memory{hubs: map[string]*hub{}}
	if opts != nil {
		m.queueSize = opts.QueueSize
		if opts.Recovery != nil {
			r := opts.Recovery.withDefaults()
			m.recovery = &r
		}
	}
	orDefault(&m.queueSize, defaultQueueSize)
	return m
}

// Immediate implements [Immediate].
func (m *Memory) Immediate() {}

// Open implements [Backend]. It fails if the namespace has a node of that name.
func (m *Memory) Open(_ context.Context, namespace, node string, receive func(*Message)) (Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hubs[namespace]
	if h == nil {
		h = newHub(m, namespace)
		m.hubs[namespace] = h
	}
	l := &memoryLink{hub: h, node: node, receive: receive}
	if !h.add(l) {
		return nil, fmt.Errorf("cluster: node %s exists", node)
	}
	if h.history != nil {
		return recoveringLink{l}, nil
	}
	return l, nil
}

// hub connects the nodes of one namespace.
type hub struct {
	memory    *Memory
	namespace string
	count     atomic.Int32 // of links

	mu      sync.Mutex // before any link's
	links   map[string]*memoryLink
	history *history    // nil without recovery
	purge   *time.Timer // nil without recovery
}

func newHub(m *Memory, namespace string) *hub {
	h := &hub{memory: m, namespace: namespace, links: map[string]*memoryLink{}}
	if m.recovery != nil {
		h.history = newHistory(m.recovery)
	}
	return h
}

func (h *hub) add(l *memoryLink) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l.node] != nil {
		return false
	}
	h.links[l.node] = l
	h.count.Add(1)
	return true
}

// remove takes a link out and tells the others. The hub goes with the last link or,
// if something is to be remembered, with that.
func (h *hub) remove(l *memoryLink) {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l.node] != l {
		return
	}
	delete(h.links, l.node)
	h.count.Add(-1)
	bye := &Message{Type: AdapterClose, From: l.node, Namespace: h.namespace}
	for _, other := range h.links {
		other.enqueue(bye, -1)
	}
	h.dropLocked()
}

// dropLocked forgets the hub if it has no links and nothing to remember. The memory
// is locked too.
func (h *hub) dropLocked() {
	if len(h.links) > 0 || h.history != nil && !h.history.empty(time.Now()) {
		return
	}
	if h.purge != nil {
		h.purge.Stop()
		h.purge = nil
	}
	if h.memory.hubs[h.namespace] == h {
		delete(h.memory.hubs, h.namespace)
	}
}

func (h *hub) publish(from *memoryLink, m *Message) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[from.node] != from {
		return "", ErrClosed
	}
	if h.history != nil && m.Recoverable() {
		h.history.append(m, time.Now())
		h.schedulePurgeLocked()
	}
	var err error
	for id, l := range h.links {
		if (l != from || m.Echo) && (m.To == "" || m.To == id) && !l.enqueue(m, h.memory.queueSize) {
			err = ErrQueueFull
		}
	}
	return m.Offset, err
}

// schedulePurgeLocked sees to it that old things are forgotten even if nothing
// happens.
func (h *hub) schedulePurgeLocked() {
	if h.purge == nil {
		h.purge = time.AfterFunc(h.history.limits.MaxAge, h.purgeNow)
	}
}

func (h *hub) purgeNow() {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.purge = nil
	if h.history.empty(time.Now()) {
		h.dropLocked()
		return
	}
	h.schedulePurgeLocked()
}

func (h *hub) members(except string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := make([]string, 0, len(h.links))
	for id := range h.links {
		if id != except {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}

// memoryLink is one node in a hub. Its goroutine exists only while messages wait.
type memoryLink struct {
	hub     *hub
	node    string
	receive func(*Message)
	wg      sync.WaitGroup

	mu      sync.Mutex
	queue   []delivery
	running bool
	closed  bool
}

// delivery is a message for a node or, without one, a mark that is closed when its
// turn comes.
type delivery struct {
	m    *Message
	mark chan struct{}
}

// Publish implements [Link]. It does not block.
func (l *memoryLink) Publish(_ context.Context, m *Message) (string, error) {
	return l.hub.publish(l, m)
}

// Members implements [Lister]. It does not block.
func (l *memoryLink) Members(context.Context) ([]string, error) {
	return l.hub.members(l.node), nil
}

// Alone implements [Loner].
func (l *memoryLink) Alone() bool {
	return l.hub.history == nil && l.hub.count.Load() <= 1
}

// Close implements [Link]. Messages that wait are dropped.
func (l *memoryLink) Close() error {
	l.hub.remove(l)
	l.mu.Lock()
	l.closed = true
	for _, d := range l.queue {
		if d.mark != nil {
			close(d.mark)
		}
	}
	l.queue = nil
	l.mu.Unlock()
	l.wg.Wait()
	return nil
}

// enqueue takes a message for the node. It reports false if limit (unless negative)
// messages are waiting.
func (l *memoryLink) enqueue(m *Message, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	if limit >= 0 && len(l.queue) >= limit {
		return false
	}
	l.queue = append(l.queue, delivery{m: m})
	if !l.running {
		l.running = true
		l.wg.Go(l.run)
	}
	return true
}

func (l *memoryLink) run() {
	for d, ok := l.next(); ok; d, ok = l.next() {
		if d.mark != nil {
			close(d.mark)
			continue
		}
		l.receive(d.m)
	}
}

// next returns what comes next. It reports false if there is nothing, which ends run.
func (l *memoryLink) next() (d delivery, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		l.running = false
		return d, false
	}
	d = l.queue[0]
	l.queue[0] = delivery{}
	l.queue = l.queue[1:]
	return d, true
}

// catchUp waits until all that was published has been received, or ctx ends.
func (l *memoryLink) catchUp(ctx context.Context) error {
	mark := make(chan struct{})
	l.mu.Lock()
	if !l.running || l.closed {
		l.mu.Unlock()
		return nil
	}
	l.queue = append(l.queue, delivery{mark: mark})
	l.mu.Unlock()
	select {
	case <-mark:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// recoveringLink is a memoryLink with recovery.
type recoveringLink struct{ *memoryLink }

// Echoes implements [Echoer].
func (recoveringLink) Echoes() bool { return true }

// Save implements [Recoverer]. It does not block.
func (l recoveringLink) Save(_ context.Context, s *Session) error {
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l.node] != l.memoryLink {
		return ErrClosed
	}
	h.history.save(s, time.Now())
	h.schedulePurgeLocked()
	return nil
}

// Take implements [Recoverer]. It does not block.
func (l recoveringLink) Take(_ context.Context, pid string) (*Session, error) {
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.history.take(pid, time.Now()); s != nil {
		return s, nil
	}
	return nil, ErrUnknownSession
}

// Missed implements [Recoverer].
func (l recoveringLink) Missed(ctx context.Context, s *Session, offset string) ([]*Message, error) {
	h := l.hub
	h.mu.Lock()
	messages, ok := h.history.after(offset, time.Now())
	h.mu.Unlock()
	if !ok {
		return nil, ErrUnknownOffset
	}
	if err := l.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	// Outside the lock: there can be many.
	rooms := make(map[string]struct{}, len(s.Rooms))
	for _, room := range s.Rooms {
		rooms[room] = struct{}{}
	}
	in := func(room string) bool { return has(rooms, room) }
	return slices.DeleteFunc(messages, func(m *Message) bool { return !m.Selector.matches(in) }), nil
}
