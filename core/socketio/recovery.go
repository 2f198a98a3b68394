package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"time"
	"weak"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
)

// memory returns the backend that keeps sessions and events of a single process.
func (r *Recovery) memory() cluster.Backend {
	return cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{
		MaxAge:      r.MaxDisconnection,
		MaxMessages: r.MaxEvents,
		MaxBytes:    r.MaxBytes,
	}})
}

// recoverer returns what keeps the sessions and events of the namespace; nil if
// recovery is off.
func (n *Namespace) recoverer() cluster.Recoverer {
	if n.server.opts.Recovery == nil {
		return nil
	}
	node := n.cluster()
	if node == nil {
		return nil
	}
	return node.Recoverer()
}

// loggedEvent is an event that can be recovered: it gets an offset and is kept.
type loggedEvent struct {
	Broadcaster
	to      *Socket // the only receiver; nil for a broadcast
	event   string
	payload cluster.Payload
}

// emitLogged sends an event that can be recovered. If to is not nil, it is the only
// receiver.
func (n *Namespace) emitLogged(b Broadcaster, to *Socket, event string, args []any) error {
	payload, err := encodePayload(event, args)
	if err != nil {
		return err
	}
	if to != nil {
		to.sawOutgoing(event, args)
	}
	e := &loggedEvent{b, to, event, payload}
	switch node := b.remote(); {
	case node == nil && n.sequence.idle():
		return e.deliver("", args)
	case node == nil:
		n.sequence.do(func() { e.deliverLater("") })
		return nil
	case node.Immediate() && (n.server.single || !node.Echoes()):
		return e.logNow(node, args)
	default:
		return e.log(node)
	}
}

// logNow keeps the event and queues it. The namespace's order is held until the
// event is queued: a client that has seen an offset has seen all before it. Nothing
// blocks meanwhile, and no user code runs.
func (e *loggedEvent) logNow(node *cluster.Node, args []any) error {
	n, buf := e.ns, receivers.Get().(*[]*Socket)
	n.order.Lock()
	offset, published := node.Broadcast(context.Background(), e.selector(), e.flags.cluster(), e.payload)
	list, queued, err := e.queue(offset, (*buf)[:0])
	n.order.Unlock()
	e.tell(list, queued, args)
	free(buf, list)
	return errors.Join(published, err)
}

// log hands the event to the bus. It is queued when it is its turn in the order of
// all nodes, or if the bus does not take it.
func (e *loggedEvent) log(node *cluster.Node) error {
	n := e.ns
	if n.sequence.full() {
		e.deliverLater("")
		return e.publish(node, e.payload)
	}
	var sent chan error
	var tell func(error)
	if e.waiting != nil {
		sent = make(chan error, 1)
		tell = func(err error) { sent <- err }
	}
	n.order.Lock()
	step := n.sequence.reserve()
	taken, err := node.PostLogged(e.message(e.payload), func(offset string) {
		step.fill(func() { e.deliverLater(offset) })
		if offset != "" {
			<-step.done // before the node goes on to the next event in the order
		}
	}, tell)
	n.order.Unlock()
	if !taken {
		step.fill(func() { e.deliverLater("") })
		return err
	}
	if sent == nil {
		return err
	}
	select {
	case err = <-sent:
	case <-e.waiting.Done():
		err = context.Cause(e.waiting)
	}
	return err
}

// deliverLater delivers an event whose Emit has returned. The arguments of that may
// have changed since.
func (e *loggedEvent) deliverLater(offset string) {
	var args []any
	if e.to == nil {
		_, args, _ = eventArgs(e.payload) // they were encoded here
	}
	if err := e.deliver(offset, args); err != nil && e.to == nil {
		local{e.ns}.bad(err)
	}
}

// deliver queues the event for its receivers on this node, and tells who wants to
// know.
func (e *loggedEvent) deliver(offset string, args []any) error {
	buf := receivers.Get().(*[]*Socket)
	list, queued, err := e.queue(offset, (*buf)[:0])
	e.tell(list, queued, args)
	free(buf, list)
	return err
}

// queue queues the event for its receivers on this node; those of a broadcast are
// appended to list.
func (e *loggedEvent) queue(offset string, list []*Socket) (receivers []*Socket, queued int, err error) {
	out, err := e.ns.eventOut(e.payload, e.flags.cluster(), offset)
	if err != nil {
		return list, 0, err
	}
	if e.to != nil {
		if err = e.to.sendLogged(out, offset); err == nil {
			queued = 1
		}
		return list, queued, err
	}
	list = e.ns.index.Select(list, e.rooms, e.except)
	for _, s := range list {
		if s.deliver(out, offset) {
			queued++
		}
	}
	return list, queued, nil
}

func (s *Socket) sendLogged(out *engineio.Outgoing, offset string) error {
	if s.state.Load() == activating && s.hold(out, offset) {
		return nil
	}
	return s.sendNow(out)
}

func (e *loggedEvent) tell(list []*Socket, queued int, args []any) {
	for _, s := range list {
		s.sawOutgoing(e.event, args)
	}
	if e.to == nil || queued > 0 {
		e.ns.sent(e.event, e.to, queued)
	}
}

// recoveryAuth is what a client that wants its state back adds to its auth.
type recoveryAuth struct {
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// restoredSession is a session that a socket took over.
type restoredSession struct {
	*cluster.Session
	offset string
}

// restore takes over the session that the client asks for, if it is there. In any
// case it prepares the socket for being recovered in turn.
func (s *Socket) restore() *restoredSession {
	r := s.ns.recoverer()
	if r == nil || s.conn.session.Protocol() == 3 {
		return nil
	}
	s.pid = newID()
	var auth recoveryAuth
	if len(s.auth) == 0 || json.Unmarshal(s.auth, &auth) != nil || auth.PID == "" || auth.Offset == "" {
		return nil
	}
	s.ns.endLive(auth.PID)
	session, err := r.Take(s.ctx, auth.PID)
	if err != nil {
		return nil
	}
	missed, err := r.Missed(s.ctx, session, auth.Offset)
	if err != nil || !s.server.opts.fitsQueue(missed) {
		return nil
	}
	s.id, s.pid, s.recovered = session.ID, session.PID, true
	s.data = decodeData(session.Data)
	return &restoredSession{session, auth.Offset}
}

var errCameBack = errors.New("the client came back on another connection")

// endLive ends the connection of the socket with that private id. Only its client
// knows the id: it has come back before we noticed that it was gone.
func (n *Namespace) endLive(pid string) {
	if old, ok := n.pids.Load(pid); ok {
		old.(*Socket).conn.close(TransportClose, errCameBack)
	}
}

// fitsQueue reports whether a client can be sent all that it missed.
func (o *Options) fitsQueue(missed []*cluster.Message) bool {
	bytes := 0
	for _, m := range missed {
		bytes += engineio.MessageOverhead + len(m.Payload.JSON) + maxOffset
		for _, a := range m.Payload.Attachments {
			bytes += engineio.MessageOverhead + cap(a)
		}
	}
	bytes += bytes / 8 // as large messages count
	return (o.MaxQueueMessages < 0 || len(missed) < o.MaxQueueMessages) && (o.MaxQueueBytes < 0 || bytes < o.MaxQueueBytes)
}

// missedEvent is an event that a client gets late.
type missedEvent struct{ out *engineio.Outgoing }

// missed returns the events that the client of a restored session has not got,
// and notes their offsets.
func (r *restoredSession) missed(s *Socket) []missedEvent {
	if r == nil {
		return nil
	}
	messages, err := s.ns.recoverer().Missed(s.ctx, r.Session, r.offset)
	if err != nil { // it was possible a moment ago
		s.conn.close(TransportError, err)
		return nil
	}
	var list []missedEvent
	replayed := make(map[string]bool, 1+len(messages))
	replayed[r.offset] = true // it was kept, but may still be on its way to the sockets
	for _, m := range messages {
		replayed[m.Offset] = true
		if out, err := s.ns.eventOut(m.Payload, m.Flags, m.Offset); err == nil {
			list = append(list, missedEvent{out})
		}
	}
	s.remember(replayed)
	return list
}

// remember keeps the offsets that recovery sends, for a while.
func (s *Socket) remember(replayed map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() == ended {
		return
	}
	s.replayed = replayed
	// A timer that is stopped may be kept by the runtime until its time has come.
	kept := weak.Make(s)
	s.forgetting = time.AfterFunc(replayedTimeout, func() {
		if s := kept.Value(); s != nil {
			s.forgetReplayed()
		}
	})
}

// replayedTimeout is how long an event may take from being kept to the sockets.
const replayedTimeout = time.Minute

func (s *Socket) forgetReplayed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetReplayedLocked()
}

func (s *Socket) forgetReplayedLocked() {
	s.replayed = nil
	if s.forgetting != nil {
		s.forgetting.Stop()
		s.forgetting = nil
	}
}

// save keeps the state of a socket that has ended, if its client may come back.
func (s *Socket) save(rooms []string) {
	s.ns.pids.CompareAndDelete(s.pid, s)
	r := s.ns.recoverer()
	if r == nil || s.pid == "" || !s.reason.Reason.recoverable() {
		return
	}
	data, err := s.encodeData()
	if err != nil {
		s.server.opts.Logger.Warn("socketio: the values of a socket cannot be kept", "namespace", s.ns.name, "socket", s.id, "error", err)
	}
	ctx, cancel := context.WithTimeout(s.server.saving, clusterTimeout)
	defer cancel()
	err = r.Save(ctx, &cluster.Session{ID: s.id, PID: s.pid, Rooms: rooms, Data: data})
	if err != nil && s.server.saveFailed.due() { // when the bus is away it fails for all sockets
		s.server.opts.Logger.Warn("socketio: a session cannot be kept", "namespace", s.ns.name, "socket", s.id, "error", err)
	}
}
