package interop

import (
	"context"
	"sync"

	"github.com/gosocketio/sio/core/socketio"
)

// end is what is known of the end of a socket.
type end struct {
	Reason socketio.Reason `json:"reason"`
	Left   []string        `json:"left"` // its rooms when it was disconnecting
	Kept   []string        `json:"kept"` // its rooms when it was disconnected
}

// ends tells how sockets ended, also those that have not yet.
type ends struct {
	mu   sync.Mutex
	byID map[string]*endEntry
}

type endEntry struct {
	end
	known chan struct{}
}

func newEnds() *ends { return &ends{byID: map[string]*endEntry{}} }

func (e *ends) entry(id string) *endEntry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.entryLocked(id)
}

func (e *ends) entryLocked(id string) *endEntry {
	entry, ok := e.byID[id]
	if !ok {
		entry = &endEntry{known: make(chan struct{})}
		e.byID[id] = entry
	}
	return entry
}

// note tells how a socket ended. It may be the second of its id: clients of version
// 2 have the same whenever they come to a namespace.
func (e *ends) note(id string, how end) {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry := e.entryLocked(id)
	select {
	case <-entry.known:
		delete(e.byID, id)
		entry = e.entryLocked(id)
	default:
	}
	entry.end = how
	close(entry.known)
}

// forget makes the id of a socket that was recovered that of a live one again.
func (e *ends) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byID, id)
}

func (e *ends) wait(ctx context.Context, id string) (end, error) {
	entry := e.entry(id)
	select {
	case <-entry.known:
		return entry.end, nil
	case <-ctx.Done():
		return end{}, ctx.Err()
	}
}

// said keeps what was said under a key.
type said struct {
	mu    sync.Mutex
	byKey map[string][]any
}

func newSaid() *said { return &said{byKey: map[string][]any{}} }

func (s *said) add(key string, word any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKey[key] = append(s.byKey[key], word)
}

func (s *said) words(key string) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]any{}, s.byKey[key]...)
}

// departure is the rooms of a socket that is disconnecting.
var departure = socketio.NewKey[[]string]("departure")

func (c *Contract) handleEndings(n socketio.Registrar) {
	n.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) { departure.Set(s, otherRooms(s)) })
	n.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		left, _ := departure.Get(s)
		c.ends.note(s.ID(), end{Reason: reason, Left: left, Kept: otherRooms(s)})
	})
	socketio.OnCall(n, "end-of", func(ctx context.Context, _ *socketio.Socket, id string) (end, error) {
		return c.ends.wait(ctx, id)
	})
	socketio.On(n, "kick", func(_ context.Context, s *socketio.Socket, closeConn bool) error {
		s.Disconnect(closeConn)
		return nil
	})
	socketio.On(n, "farewell", func(_ context.Context, s *socketio.Socket, closeConn bool) error {
		defer s.Disconnect(closeConn)
		return count(s, 5)
	})
	socketio.On(n, "drop", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		s.Conn().Close()
		return nil
	})
	c.handleWords(n)
}

func (c *Contract) handleWords(n socketio.Registrar) {
	handle(n, "say", func(_ context.Context, e *socketio.Event) error {
		var key string
		var word any
		if err := e.Scan(&key, &word); err != nil {
			return err
		}
		c.said.add(key, word)
		return nil
	})
	socketio.OnCall(n, "heard", func(_ context.Context, _ *socketio.Socket, key string) ([]any, error) {
		return c.said.words(key), nil
	})
}
