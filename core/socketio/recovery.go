package socketio

import (
	"context"
	"encoding/json"
	"errors"

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
// If to is not nil, it is the only receiver. The namespace's order is held until
// the event is queued: a client that has seen an offset has seen all before it.
func (n *Namespace) emitLogged(b Broadcaster, to *Socket, event string, args []any) error {
	payload, err := encodePayload(event, args)
	if err != nil {
		return err
	}
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
	if to == nil {
		n.fanOut(b.selector(), out, event, args, offset)
		return published
	}
	to.sawOutgoing(event, args)
	if to.state.Load() == activating && to.hold(out, offset) {
		return published
	}
	return errors.Join(published, to.send(out))
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
	session, err := r.Take(s.ctx, auth.PID)
	if err != nil {
		return nil
	}
	if _, err := r.Missed(s.ctx, session, auth.Offset); err != nil {
		return nil
	}
	s.id, s.pid, s.recovered = session.ID, session.PID, true
	s.data = decodeData(session.Data)
	return &restoredSession{session, auth.Offset}
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
	replayed := make(map[string]bool, len(messages))
	for _, m := range messages {
		replayed[m.Offset] = true
		if out, err := s.ns.eventOut(m.Payload, m.Flags, m.Offset); err == nil {
			list = append(list, missedEvent{out})
		}
	}
	s.mu.Lock()
	s.replayed = replayed
	s.mu.Unlock()
	return list
}

// save keeps the state of a socket that has ended, if its client may come back.
func (s *Socket) save(rooms []string) {
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
