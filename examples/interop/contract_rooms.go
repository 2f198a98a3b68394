package interop

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// selection says whom a broadcast goes to.
type selection struct {
	Via      string   `json:"via"` // "server" or "socket"
	To       []string `json:"to"`
	Except   []string `json:"except"`
	Volatile bool     `json:"volatile"`
	Local    bool     `json:"local"`
	Timeout  int      `json:"timeout"` // ms
}

func (sel selection) of(s *socketio.Socket) socketio.Broadcaster {
	b := s.Namespace().Except(sel.Except...)
	if sel.Via == "socket" {
		b = s.Broadcast().Except(sel.Except...)
	}
	if len(sel.To) > 0 { // for a Node server, none are all
		b = b.To(sel.To...)
	}
	if sel.Volatile {
		b = b.Volatile()
	}
	if sel.Local {
		b = b.Local()
	}
	return b
}

func handleRooms(n socketio.Registrar) {
	socketio.On(n, "join", func(_ context.Context, s *socketio.Socket, rooms []string) error {
		s.Join(rooms...)
		return nil
	})
	socketio.On(n, "leave", func(_ context.Context, s *socketio.Socket, room string) error {
		s.Leave(room)
		return nil
	})
	socketio.OnCall(n, "members", members)
	handle(n, "broadcast", broadcast)
	handle(n, "poll", poll)
	handle(n, "move", move)
	handle(n, "evict", evict)
}

func broadcast(_ context.Context, e *socketio.Event) error {
	var sel selection
	if err := e.Scan(&sel); err != nil {
		return err
	}
	args, err := arguments(e, 1)
	if err != nil {
		return err
	}
	if err := sel.of(e.Socket()).Emit("news", args...); err != nil {
		return err
	}
	return e.Reply()
}

func poll(ctx context.Context, e *socketio.Event) error {
	var sel selection
	var question any
	if err := e.Scan(&sel, &question); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(sel.Timeout)*time.Millisecond)
	defer cancel()
	answers, outcome := []any{}, ""
	for answer, err := range socketio.CallAll[any](ctx, sel.of(e.Socket()), "poll", question) {
		var missing *socketio.MissingError
		if errors.As(err, &missing) {
			outcome = "timeout"
			break
		}
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	return e.Reply(outcome, answers)
}

func members(ctx context.Context, s *socketio.Socket, room string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	sockets, err := s.Namespace().In(room).FetchSockets(ctx)
	ids := []string{}
	for _, socket := range sockets {
		ids = append(ids, socket.ID())
	}
	slices.Sort(ids)
	return ids, err
}

func move(_ context.Context, e *socketio.Event) error {
	var from, to string
	if err := e.Scan(&from, &to); err != nil {
		return err
	}
	n := e.Socket().Namespace()
	if err := errors.Join(n.In(from).SocketsJoin(to), n.In(from).SocketsLeave(from)); err != nil {
		return err
	}
	return e.Reply()
}

func evict(_ context.Context, e *socketio.Event) error {
	var room string
	var closeConn bool
	if err := e.Scan(&room, &closeConn); err != nil {
		return err
	}
	if err := e.Socket().Namespace().In(room).DisconnectSockets(closeConn); err != nil {
		return err
	}
	return e.Reply()
}
