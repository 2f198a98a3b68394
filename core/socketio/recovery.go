package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"time"

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

// emitLogged sends an event that can be recovered: it gets an offset and is kept.
// If to is not nil, it is the only receiver.
func (n *Namespace) emitLogged(b Broadcaster, to *Socket, event string, args []any) error {
	payload, err := encodePayload(event, args)
	if err != nil {
		return err
	}
	if to != nil {
		if err = n.queueLogged(b, payload, func(out *engineio.Outgoing, offset string) error {
			if to.state.Load() == activating && to.hold(out, offset) {
				return nil
			}
			return to.send(out)
		}); err == nil {
			n.sent(event, to, 1)
		}
		to.sawOutgoing(event, args)
		return err
	}
	buf := receivers.Get().(*[]*Socket)
	list, queued := (*buf)[:0], 0
	err = n.queueLogged(b, payload, func(out *engineio.Outgoing, offset string) error {
		list = n.index.Select(list, b.rooms, b.except)
		for _, s := range list {
			if s.deliver(out, offset) {
				queued++
			}
		}
		return nil
	})
	for _, s := range list {
		s.sawOutgoing(event, args)
	}
	n.sent(event, nil, queued)
	free(buf, list)
	return err
}

// queueLogged keeps an event and queues it. The namespace's order is held until
// the event is queued: a client that has seen an offset has seen all before it. No
// user code runs meanwhile.
func (n *Namespace) queueLogged(b Broadcaster, payload cluster.Payload, queue func(*engineio.Outgoing, string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	n.order.Lock()
	defer n.order.Unlock()
	offset, published := "", error(nil)
	if node := b.remote(); node != nil {
		offset, published = node.Broadcast(ctx, b.selector(), b.flags.cluster(), payload)
	}
	out, err := n.eventOut(payload, b.flags.cluster(), offset)
	if err != nil {
		return err
	}
	return errors.Join(published, queue(out, offset))
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
		bytes += len(m.Payload.JSON)
		for _, a := range m.Payload.Attachments {
			bytes += len(a)
		}
	}
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
	s.mu.Lock()
	s.replayed = replayed
	s.mu.Unlock()
	time.AfterFunc(replayedTimeout, s.forgetReplayed)
	return list
}

// replayedTimeout is how long an event may take from being kept to the sockets.
const replayedTimeout = time.Minute

func (s *Socket) forgetReplayed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replayed = nil
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
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	if err := r.Save(ctx, &cluster.Session{ID: s.id, PID: s.pid, Rooms: rooms, Data: data}); err != nil {
		s.server.opts.Logger.Warn("socketio: a session cannot be kept", "namespace", s.ns.name, "socket", s.id, "error", err)
	}
}
