package cluster

import (
	"sync"
	"time"
)

// echoPatience is how long a message may take to come back after the bus took it.
const echoPatience = 2 * time.Second

// echoes are the recoverable messages of a node that the bus took and that have not
// come back yet, see [Echoer].
type echoes struct {
	// Lock order: order or late, then mu.
	order sync.Mutex // held from begin to end, so that waiting is in order
	late  sync.Mutex // held by who delivers what does not come back

	mu      sync.Mutex
	waiting []*logged
	sending chan struct{} // closed when the publishing under way has its results; nil if none is
	timer   *time.Timer   // for what does not come back; nil until needed
	closed  bool
}

// logged is a message whose offset is known.
type logged struct {
	offset  string
	deliver func(offset string)
	at      time.Time
}

// Echoes reports whether what is sent with PostLogged comes back in the order of all
// nodes, see [Echoer].
func (n *Node) Echoes() bool {
	c := n.links.Load()
	return c != nil && c.echoes
}

// PostLogged is Post for a message that is to be replayed to those who miss it (see
// [Message.Recoverable]). If it reports true, deliver will be called once, which sends
// the event to the sockets of this node, with its offset unless that is empty: with
// an [Echoer] at the place of the message in the order of all nodes, else when the
// offset is known, and without one as soon as it is clear that there will be none:
// such a call can come before those of earlier messages. The calls are made by
// goroutines of the node, but at once with an [Immediate] that is no Echoer. If it
// reports false, the event is to be sent without an offset.
//
// With an Echoer, what has not come back 2 s after the bus took it is delivered all
// the same, since the bus is away then.
//
// Sent, unless it is nil, is told why the bus did not take the message, or nil, before
// deliver is called. It must not block, and is not called if PostLogged reports false.
func (n *Node) PostLogged(m *Message, deliver func(offset string), sent func(error)) (taken bool, err error) {
	m.Echo = n.Echoes()
	if n.immediate && n.links.Load() != nil {
		taken, err = n.logNow(m, deliver)
		if taken && sent != nil {
			sent(err)
		}
		return taken, err
	}
	err = n.push(&outgoing{m: m, echo: m.Echo, done: func(offset string, err error) {
		if sent != nil {
			sent(err)
		}
		if !n.await(m, offset, deliver) {
			deliver(offset)
		}
	}})
	if err != nil {
		return false, err
	}
	return true, nil
}

// logNow is for Immediates.
func (n *Node) logNow(m *Message, deliver func(string)) (taken bool, err error) {
	n.echo.begin()
	offset, err := n.publishNow(n.ctx, m)
	taken = n.await(m, offset, deliver)
	n.echo.end()
	if !taken && offset != "" {
		deliver(offset) // it does not come back
		taken = true
	}
	return taken, err
}

// await has a message delivered when it comes back. It reports false if it will not.
func (n *Node) await(m *Message, offset string, deliver func(string)) bool {
	e := &n.echo
	e.mu.Lock()
	defer e.mu.Unlock()
	if offset == "" || !m.Echo || e.closed {
		return false
	}
	e.waiting = append(e.waiting, &logged{offset, deliver, time.Now()})
	if len(e.waiting) == 1 {
		n.watchEchoesLocked()
	}
	return true
}

func (n *Node) watchEchoesLocked() {
	e := &n.echo
	wait := time.Until(e.waiting[0].at.Add(echoPatience))
	if e.timer == nil {
		e.timer = time.AfterFunc(wait, n.echoesLate)
		return
	}
	e.timer.Reset(wait)
}

// echoed handles a message that came back. If it is not known yet, its Publish has
// not returned, but is about to: what follows in the order has to wait.
func (n *Node) echoed(m *Message) {
	e := &n.echo
	found := e.take(m.Offset)
	if found == nil {
		e.mu.Lock()
		sending := e.sending
		e.mu.Unlock()
		if sending == nil {
			return
		}
		<-sending
		found = e.take(m.Offset)
	}
	for _, l := range found {
		l.deliver(l.offset)
	}
}

// take returns the message with that offset, behind those before it, which are not
// going to come any more; none if it is not known.
func (e *echoes) take(offset string) []*logged {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, l := range e.waiting {
		if l.offset == offset {
			found := e.waiting[: i+1 : i+1]
			e.waiting = e.waiting[i+1:]
			return found
		}
	}
	return nil
}

// echoesLate delivers what has not come back in time.
func (n *Node) echoesLate() {
	e := &n.echo
	e.late.Lock()
	defer e.late.Unlock()
	oldest := time.Now().Add(-echoPatience)
	e.mu.Lock()
	i := 0
	for i < len(e.waiting) && !e.waiting[i].at.After(oldest) {
		i++
	}
	late := e.waiting[:i:i]
	e.waiting = e.waiting[i:]
	if len(e.waiting) > 0 {
		n.watchEchoesLocked()
	}
	e.mu.Unlock()
	for _, l := range late {
		l.deliver(l.offset)
	}
}

// begin and end enclose a Publish whose messages may come back before it returns.
func (e *echoes) begin() {
	e.order.Lock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sending = make(chan struct{})
}

func (e *echoes) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.sending)
	e.sending = nil
	e.order.Unlock()
}

// close delivers what has not come back when the link is closed. Nothing is delivered
// any more when it returns.
func (e *echoes) close() {
	e.mu.Lock()
	rest := e.waiting
	e.waiting, e.closed = nil, true
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	e.late.Lock()
	defer e.late.Unlock()
	for _, l := range rest {
		l.deliver(l.offset)
	}
}
