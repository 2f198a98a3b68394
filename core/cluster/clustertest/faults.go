package clustertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// ErrDown is the error of a bus that a test took away.
var ErrDown = errors.New("clustertest: bus is down")

// Faults is a [cluster.Backend] that goes through another one, and lets a test
// disturb what passes. Its methods may be called concurrently, at any time.
type Faults struct {
	backend    cluster.Backend
	heartbeats bool

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at each change
	down      bool
	duplicate bool
	reorder   bool
	delay     time.Duration
	drop      func(to string, m *cluster.Message) bool
	dead      map[string]bool
	paused    map[string]bool
}

// NewFaults returns a backend that passes everything on undisturbed.
func NewFaults(b cluster.Backend) *Faults {
	return &Faults{backend: b, changed: make(chan struct{}), dead: map[string]bool{}, paused: map[string]bool{}}
}

// NewHeartbeatFaults is NewFaults, but hides what the backend knows of its nodes,
// so that these have to find each other by heartbeats.
func NewHeartbeatFaults(b cluster.Backend) *Faults {
	f := NewFaults(b)
	f.heartbeats = true
	return f
}

func (f *Faults) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// Down takes the bus away: Publish fails, and what is on its way is lost.
func (f *Faults) Down() { f.set(func() { f.down = true }) }

// Up brings the bus back.
func (f *Faults) Up() { f.set(func() { f.down = false }) }

// Kill cuts a node off for good. The others are told nothing.
func (f *Faults) Kill(node string) { f.set(func() { f.dead[node] = true }) }

// Pause stops a node: what it sends and what it receives waits for Resume.
func (f *Faults) Pause(node string) { f.set(func() { f.paused[node] = true }) }

// Resume lets a node go on.
func (f *Faults) Resume(node string) { f.set(func() { delete(f.paused, node) }) }

// Duplicate has each message arrive twice.
func (f *Faults) Duplicate(on bool) { f.set(func() { f.duplicate = on }) }

// Reorder swaps messages that arrive one shortly after the other.
func (f *Faults) Reorder(on bool) { f.set(func() { f.reorder = on }) }

// Delay holds each message back for a while. It does not change the order.
func (f *Faults) Delay(d time.Duration) { f.set(func() { f.delay = d }) }

// Drop loses the messages for which drop returns true; nil stands for none.
func (f *Faults) Drop(drop func(to string, m *cluster.Message) bool) { f.set(func() { f.drop = drop }) }

// Open implements [cluster.Backend]. The link is a [cluster.Lister], a
// [cluster.Counter] or a [cluster.Recoverer] if that of the other backend is.
func (f *Faults) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	l := &faultLink{f: f, node: node, receive: receive, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	link, err := f.backend.Open(ctx, namespace, node, l.arrive)
	if err != nil {
		return nil, err
	}
	l.Link = link
	l.wg.Go(l.run)
	lister, isLister := link.(cluster.Lister)
	counter, isCounter := link.(cluster.Counter)
	if f.heartbeats {
		isLister, isCounter = false, false
	}
	inner, isRecoverer := link.(cluster.Recoverer)
	recoverer := faultRecoverer{inner, l}
	switch {
	case isLister && isRecoverer:
		return struct {
			*faultLink
			faultLister
			faultRecoverer
		}{l, faultLister{l, lister}, recoverer}, nil
	case isLister:
		return struct {
			*faultLink
			faultLister
		}{l, faultLister{l, lister}}, nil
	case isCounter && isRecoverer:
		return struct {
			*faultLink
			faultCounter
			faultRecoverer
		}{l, faultCounter{l, counter}, recoverer}, nil
	case isCounter:
		return struct {
			*faultLink
			faultCounter
		}{l, faultCounter{l, counter}}, nil
	case isRecoverer:
		return struct {
			*faultLink
			faultRecoverer
		}{l, recoverer}, nil
	}
	return l, nil
}

type faultLister struct {
	link   *faultLink
	lister cluster.Lister
}

// Members implements [cluster.Lister].
func (l faultLister) Members(ctx context.Context) ([]string, error) {
	if err := l.link.reach(ctx); err != nil {
		return nil, err
	}
	return l.lister.Members(ctx)
}

type faultCounter struct {
	link    *faultLink
	counter cluster.Counter
}

// Peers implements [cluster.Counter].
func (l faultCounter) Peers(ctx context.Context) (int, error) {
	if err := l.link.reach(ctx); err != nil {
		return 0, err
	}
	return l.counter.Peers(ctx)
}

// faultLink is the link of one node.
type faultLink struct {
	cluster.Link
	f       *Faults
	node    string
	receive func(*cluster.Message)
	wg      sync.WaitGroup
	wake    chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu      sync.Mutex
	queue   []*cluster.Message
	pending int           // messages that have arrived and are not dealt with
	idle    chan struct{} // closed when none is; nil if nobody waits
}

// RoomOpened implements [cluster.RoomListener], whether the other link does or not.
func (l *faultLink) RoomOpened(room string, private bool) {
	if r, ok := l.Link.(cluster.RoomListener); ok {
		r.RoomOpened(room, private)
	}
}

// RoomClosed implements [cluster.RoomListener].
func (l *faultLink) RoomClosed(room string, private bool) {
	if r, ok := l.Link.(cluster.RoomListener); ok {
		r.RoomClosed(room, private)
	}
}

// reach waits while the node is paused, and fails if it does not reach the bus.
func (l *faultLink) reach(ctx context.Context) error {
	for {
		l.f.mu.Lock()
		paused, cut, changed := l.f.paused[l.node], l.f.down || l.f.dead[l.node], l.f.changed
		l.f.mu.Unlock()
		if cut {
			return ErrDown
		}
		if !paused {
			return nil
		}
		select {
		case <-changed:
		case <-l.closed:
			return cluster.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Publish implements [cluster.Link].
func (l *faultLink) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	if err := l.reach(ctx); err != nil {
		return "", err
	}
	return l.Link.Publish(ctx, m)
}

// Close implements [cluster.Link].
func (l *faultLink) Close() error {
	err := l.Link.Close()
	l.once.Do(func() { close(l.closed) })
	l.wg.Wait()
	return err
}

// arrive takes a message from the other backend.
func (l *faultLink) arrive(m *cluster.Message) {
	l.f.mu.Lock()
	lost := l.f.down || l.f.dead[l.node] || l.f.drop != nil && l.f.drop(l.node, m)
	twice := l.f.duplicate
	l.f.mu.Unlock()
	if lost {
		return
	}
	l.mu.Lock()
	l.queue = append(l.queue, m)
	if twice {
		again := *m
		l.queue = append(l.queue, &again)
		l.pending++
	}
	l.pending++
	l.mu.Unlock()
	l.signal()
}

func (l *faultLink) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *faultLink) run() {
	for {
		select {
		case <-l.wake:
		case <-l.closed:
			return
		}
		for m := l.next(); m != nil; m = l.next() {
			if l.reach(context.Background()) == nil && !l.isClosed() {
				l.receive(m)
			}
			l.dealtWith()
		}
	}
}

func (l *faultLink) dealtWith() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending--; l.pending == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// catchUp waits until all that has arrived was received, or ctx ends.
func (l *faultLink) catchUp(ctx context.Context) error {
	l.mu.Lock()
	if l.pending == 0 {
		l.mu.Unlock()
		return nil
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-l.closed:
		return cluster.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *faultLink) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// next takes the message that is to be delivered next, when it is time.
func (l *faultLink) next() *cluster.Message {
	l.f.mu.Lock()
	delay, reorder := l.f.delay, l.f.reorder
	l.f.mu.Unlock()
	if reorder {
		delay = max(delay, 2*time.Millisecond) // for a second one to arrive
	}
	if delay > 0 && l.queued() {
		wait := time.NewTimer(delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-l.closed:
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	if reorder && len(l.queue) > 1 {
		l.queue[0], l.queue[1] = l.queue[1], l.queue[0]
	}
	m := l.queue[0]
	l.queue = l.queue[1:]
	return m
}

func (l *faultLink) queued() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0
}

// faultRecoverer is an Echoer if the other recoverer is.
type faultRecoverer struct {
	cluster.Recoverer
	link *faultLink
}

// Missed implements [cluster.Recoverer].
func (r faultRecoverer) Missed(ctx context.Context, s *cluster.Session, offset string) ([]*cluster.Message, error) {
	messages, err := r.Recoverer.Missed(ctx, s, offset)
	if err == nil {
		err = r.link.catchUp(ctx)
	}
	return messages, err
}

// Echoes implements [cluster.Echoer].
func (r faultRecoverer) Echoes() bool {
	e, ok := r.Recoverer.(cluster.Echoer)
	return ok && e.Echoes()
}
