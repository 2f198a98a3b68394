package cluster

import (
	"context"
	"time"
)

// maxSenders bounds what is remembered of senders that may never say that they
// left, where there are no heartbeats.
const maxSenders = 4096

// members is what a node knows of the other nodes from their messages. It is
// guarded by the node's mutex.
type members struct {
	timeout    time.Duration
	heartbeats bool // whether nodes that are silent are forgotten, and those that are not are counted
	known      map[string]*member
	beat       *time.Timer // sends the next heartbeat; nil without heartbeats
	expiry     *time.Timer // forgets the next node; nil without heartbeats
}

type member struct {
	seen   time.Time
	closed bool // it said that it leaves; kept for a while, so that a late message does not bring it back
	window window
}

func (ms *members) init(opts *Options) {
	ms.timeout = opts.HeartbeatTimeout
	ms.known = map[string]*member{}
}

func (ms *members) stop() {
	if ms.heartbeats {
		ms.heartbeats = false
		ms.beat.Stop()
		ms.expiry.Stop()
	}
}

// sight takes note of a message. It reports false if it was seen before.
func (ms *members) sight(m *Message) bool {
	if m.From == "" || m.From == EmitterID {
		return true
	}
	p := ms.known[m.From]
	if p == nil {
		p = ms.add(m.From)
	}
	if m.Type == InitialHeartbeat && p.closed {
		*p = member{}
	}
	if m.Seq != 0 && !p.window.add(m.Seq) {
		return false
	}
	if m.Type == AdapterClose {
		ms.leave(m.From, p)
	}
	if !p.closed {
		p.seen = time.Now()
	}
	return true
}

func (ms *members) add(id string) *member {
	if !ms.heartbeats && len(ms.known) >= maxSenders {
		clear(ms.known)
	}
	p := &member{seen: time.Now()}
	ms.known[id] = p
	if ms.heartbeats && len(ms.known) == 1 {
		ms.expiry.Reset(ms.timeout)
	}
	return p
}

func (ms *members) leave(id string, p *member) {
	p.closed = true
	if !ms.heartbeats {
		delete(ms.known, id)
	}
}

// expire forgets the nodes that are silent for too long, returns their names and
// sets the timer for the next one.
func (ms *members) expire() (gone []string) {
	now := time.Now()
	next := ms.timeout
	for id, p := range ms.known {
		left := ms.timeout - now.Sub(p.seen)
		if left > 0 {
			next = min(next, left)
			continue
		}
		delete(ms.known, id)
		if !p.closed {
			gone = append(gone, id)
		}
	}
	if len(ms.known) > 0 {
		ms.expiry.Reset(next)
	}
	return gone
}

// names returns the nodes that are alive.
func (ms *members) names() []string {
	names := make([]string, 0, len(ms.known))
	for id, p := range ms.known {
		if !p.closed {
			names = append(names, id)
		}
	}
	return names
}

// startHeartbeats makes the node known to the others, for as long as it lives.
func (n *Node) startHeartbeats() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	ms := &n.members
	ms.heartbeats = true
	ms.beat = time.AfterFunc(n.opts.HeartbeatInterval, n.beat)
	ms.expiry = time.AfterFunc(ms.timeout, n.expireMembers)
}

func (n *Node) beat() {
	n.mu.Lock()
	closed := n.closed
	if !closed {
		n.members.beat.Reset(n.opts.HeartbeatInterval)
	}
	n.mu.Unlock()
	if !closed {
		n.reply(&Message{Type: Heartbeat})
	}
}

func (n *Node) expireMembers() {
	n.mu.Lock()
	var gone []string
	if !n.closed {
		gone = n.members.expire()
	}
	n.mu.Unlock()
	for _, id := range gone {
		n.log.Warn("cluster: node is silent and forgotten", "namespace", n.namespace, "node", id)
		n.left(id)
	}
}

// left stops waiting for a node.
func (n *Node) left(id string) {
	n.mu.Lock()
	calls := make([]*Call, 0, len(n.calls))
	for _, c := range n.calls {
		calls = append(calls, c)
	}
	n.mu.Unlock()
	for _, c := range calls {
		c.leave(id)
	}
	if n.opts.OnLeave != nil {
		n.opts.OnLeave(id)
	}
}

// census is the answer to the question who the other nodes are: their names or, if
// only that is known, how many there are.
type census struct {
	names []string
	count int
}

func (n *Node) census(ctx context.Context) (census, error) {
	switch c := n.links.Load(); {
	case c == nil:
		return census{}, ErrNotJoined
	case c.lister != nil:
		names, err := c.lister.Members(ctx)
		return census{names: names}, err
	case c.counter != nil:
		count, err := c.counter.Peers(ctx)
		return census{count: max(count, 0)}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return census{names: n.members.names()}, nil
}

// windowSize is over how many messages of a sender duplicates are recognized.
const windowSize = 512

// window remembers which of the latest messages of one sender were seen.
type window struct {
	top  uint64 // highest number seen; 0 before the first
	bits [windowSize / 64]uint64
}

// add notes a number and reports whether it is new. Numbers far from the latest are
// new: the sender began anew, or the window cannot tell.
func (w *window) add(seq uint64) bool {
	switch {
	case w.top == 0 || seq > w.top+windowSize:
		*w = window{top: seq}
	case seq > w.top:
		for s := w.top + 1; s < seq; s++ {
			w.bits[s%windowSize/64] &^= 1 << (s % 64)
		}
		w.top = seq
	case w.top-seq >= windowSize:
		return true
	case w.bits[seq%windowSize/64]&(1<<(seq%64)) != 0:
		return false
	}
	w.bits[seq%windowSize/64] |= 1 << (seq % 64)
	return true
}
