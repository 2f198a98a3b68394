package sionats

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
	"github.com/gosocketio/sio/core/cluster"
)

// inbox hands to the links of a node what comes for them: what is published, and what
// is added to the log, each in order. A message that its sender has published after an
// entry of the log is handled after that entry.
//
// Its goroutine never blocks on anything but the node, so what comes is taken over from
// NATS soon, and bounded by the options.
type inbox struct {
	opts    *Options
	recent  *recent      // nil without recovery
	entries <-chan entry // nil without recovery
	ch      chan *nats.Msg
	stop    chan struct{}
	ended   chan struct{}

	routesMu sync.Mutex
	routes   map[string]*link // by subject
	links    map[string]*link // by namespace

	// The rest belongs to the goroutine.
	queue    []item
	bytes    int  // of the messages that wait, in queue and held
	dropping bool // since the last message was dropped, until all that waited is handled
	parts    wire.Assembler
	logParts wire.Assembler
	epoch    string // of the log
	pos      uint64 // of the latest entry that was handled
	held     []held // wait for entries
	timer    *time.Timer
}

// item is a message, or an entry of the log.
type item struct {
	m *nats.Msg
	e entry
}

// held is a message that waits for an entry of the log.
type held struct {
	wire.Frame
	link *link
	size int // in bytes
	till time.Time
}

// holdPatience is how long a message waits for an entry of the log that came before
// it. It is there already, but can be late.
const holdPatience = time.Second

func startInbox(o *Options, recent *recent, entries <-chan entry) *inbox {
	held := max(o.PendingBytes, wire.MaxMessage)
	in := &inbox{
		opts: o, recent: recent, entries: entries,
		ch: make(chan *nats.Msg, o.PendingMessages), stop: make(chan struct{}), ended: make(chan struct{}),
		routes: map[string]*link{}, links: map[string]*link{},
		parts: wire.Assembler{Limit: held}, logParts: wire.Assembler{Limit: held},
		timer: time.NewTimer(time.Hour),
	}
	in.timer.Stop()
	go in.run()
	return in
}

func (in *inbox) close() {
	close(in.stop)
	<-in.ended
}

// add has a link get what comes for it.
func (in *inbox) add(l *link) {
	in.routesMu.Lock()
	defer in.routesMu.Unlock()
	in.links[l.namespace] = l
	in.routes[l.all], in.routes[l.node()] = l, l
}

func (in *inbox) remove(l *link) {
	in.routesMu.Lock()
	defer in.routesMu.Unlock()
	delete(in.links, l.namespace)
	delete(in.routes, l.all)
	delete(in.routes, l.node())
}

func (in *inbox) linkOf(subject string) *link {
	in.routesMu.Lock()
	defer in.routesMu.Unlock()
	return in.routes[subject]
}

func (in *inbox) linkIn(namespace string) *link {
	in.routesMu.Lock()
	defer in.routesMu.Unlock()
	return in.links[namespace]
}

func (in *inbox) run() {
	defer close(in.ended)
	for !in.stopped() {
		in.takeOver()
		switch {
		case len(in.held) > 0 && !time.Now().Before(in.held[0].till):
			in.release(true)
		case len(in.queue) > 0:
			in.handle(in.next())
		default:
			in.dropping = in.dropping && len(in.held) > 0
			in.wait()
		}
	}
}

func (in *inbox) stopped() bool {
	select {
	case <-in.stop:
		return true
	default:
		return false
	}
}

// takeOver queues what has come. An entry goes behind the messages that came before
// it, so these are taken after it.
func (in *inbox) takeOver() {
	select {
	case e := <-in.entries:
		in.takeMessages()
		in.queue = append(in.queue, item{e: e})
	default:
		in.takeMessages()
	}
}

func (in *inbox) takeMessages() {
	for {
		select {
		case m := <-in.ch:
			in.push(m)
		default:
			return
		}
	}
}

// wait waits for something to come, or for a message to be held no longer.
func (in *inbox) wait() {
	if len(in.held) > 0 {
		in.timer.Reset(time.Until(in.held[0].till))
	}
	select {
	case m := <-in.ch:
		in.push(m)
	case e := <-in.entries:
		in.takeMessages()
		in.queue = append(in.queue, item{e: e})
	case <-in.timer.C:
	case <-in.stop:
	}
}

// push queues a message, unless too much is waiting.
func (in *inbox) push(m *nats.Msg) {
	if len(in.queue)+len(in.held) >= in.opts.PendingMessages || in.bytes+len(m.Data) > in.opts.PendingBytes && in.bytes > 0 {
		if !in.dropping {
			in.opts.OnError(fmt.Errorf("sionats: %w", ErrSlow))
		}
		in.dropping = true
		return
	}
	in.queue = append(in.queue, item{m: m})
	in.bytes += len(m.Data)
}

func (in *inbox) next() item {
	it := in.queue[0]
	in.queue[0] = item{}
	if in.queue = in.queue[1:]; len(in.queue) == 0 {
		in.queue = nil
	}
	return it
}

func (in *inbox) handle(it item) {
	switch {
	case it.m != nil:
		in.bytes -= len(it.m.Data)
		in.message(it.m)
	case it.e.restart != "":
		in.restart(it.e.restart, it.e.seq)
	default:
		in.entry(&it.e)
	}
}

// message handles what was published.
func (in *inbox) message(m *nats.Msg) {
	l := in.linkOf(m.Subject)
	if l == nil {
		return
	}
	f, err := in.parts.Decode(m.Data, time.Now())
	switch {
	case err != nil:
		in.malformed(m.Subject, err)
	case f.Message == nil || f.From == l.member.node:
	case f.After > in.pos && in.entries != nil:
		in.hold(f, l, max(len(m.Data), wire.Size(f.Payload)))
	default:
		l.pass(f.Message)
	}
}

// hold keeps a message until the entry of the log comes that is to be handled before.
func (in *inbox) hold(f wire.Frame, l *link, size int) {
	in.held = append(in.held, held{f, l, size, time.Now().Add(holdPatience)})
	in.bytes += size
}

func (in *inbox) malformed(where string, err error) {
	in.opts.OnError(fmt.Errorf("sionats: message on %s: %w", where, err))
}

// restart notes that the log goes on after pos, and that what came before is unknown.
func (in *inbox) restart(epoch string, pos uint64) {
	in.epoch = epoch
	in.recent.restart(epoch, pos)
	in.reach(pos)
}

// entry handles an entry of the log.
func (in *inbox) entry(e *entry) {
	f, err := in.logParts.Decode(e.data, e.at)
	m := f.Message
	switch {
	case errors.Is(err, wire.ErrPartLost): // only the end of the message is still kept
		in.recent.restart(in.epoch, e.seq)
	case err != nil:
		in.malformed(in.opts.Recovery.Stream, err)
	case m != nil && m.Recoverable():
		m.Offset = offsetOf(in.epoch, e.seq)
		in.recent.add(e.seq, e.at, m)
	}
	if m != nil && !e.old {
		in.deliver(m)
	}
	in.recent.move(e.seq)
	in.reach(e.seq)
}

// deliver hands a message of the log to its link. The node that has sent it is told
// where the events have their place.
func (in *inbox) deliver(m *cluster.Message) {
	l := in.linkIn(m.Namespace)
	switch {
	case l == nil:
	case m.From != l.member.node:
		l.pass(m)
	case m.Offset != "":
		l.pass(&cluster.Message{Type: m.Type, From: m.From, Namespace: m.Namespace, Offset: m.Offset})
	}
}

// reach notes which entry was handled, and hands on what waits for it.
func (in *inbox) reach(pos uint64) {
	in.pos = pos
	if len(in.held) > 0 {
		in.release(false)
	}
}

// release hands on messages that need not, or must not, be held any longer.
func (in *inbox) release(late bool) {
	now, rest := time.Now(), in.held[:0]
	for _, h := range in.held {
		if h.After <= in.pos || late && !now.Before(h.till) {
			in.bytes -= h.size
			h.link.pass(h.Message)
		} else {
			rest = append(rest, h)
		}
	}
	clear(in.held[len(rest):])
	in.held = rest
}
