package interop

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// handle registers a handler of any number of arguments.
func handle(n socketio.Registrar, event string, fn func(context.Context, *socketio.Event) error) {
	n.Handle(event, socketio.HandlerFunc(fn))
}

// arguments decodes the arguments of e from the one at index from on.
func arguments(e *socketio.Event, from int) ([]any, error) {
	values := make([]any, e.Len())
	targets := make([]any, e.Len())
	for i := range targets {
		targets[i] = &values[i]
	}
	err := e.Scan(targets...)
	return values[min(from, len(values)):], err
}

func handleEvents(n socketio.Registrar) {
	handle(n, "echo", echo)
	handle(n, "ack", ack)
	handle(n, "ask", ask)
	socketio.On(n, "ask-briefly", askBriefly)
	socketio.OnCall(n, "whoami", whoami)
	socketio.On(n, "set", func(_ context.Context, s *socketio.Socket, v any) error {
		value.Set(s, v)
		return nil
	})
	socketio.On(n, "volatile", func(_ context.Context, s *socketio.Socket, v any) error {
		return s.Volatile().Emit("volatile", v)
	})
	socketio.On(n, "mixed", mixed)
}

func echo(_ context.Context, e *socketio.Event) error {
	args, err := arguments(e, 0)
	if err != nil {
		return err
	}
	return e.Socket().Emit("echo", args...)
}

func ack(_ context.Context, e *socketio.Event) error {
	args, err := arguments(e, 0)
	if err != nil {
		return err
	}
	return e.Reply(args...)
}

func ask(ctx context.Context, e *socketio.Event) error {
	args, err := arguments(e, 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return question(ctx, e.Socket(), args...)
}

func askBriefly(ctx context.Context, s *socketio.Socket, ms int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	defer cancel()
	return question(ctx, s)
}

// question asks the client and tells it what it answered.
func question(ctx context.Context, s *socketio.Socket, args ...any) error {
	values, err := s.Ask(ctx, "question", args...)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Emit("answered", "timeout", nil)
	}
	if err != nil {
		return err
	}
	var answer any
	if err := values.DecodeOne(&answer); err != nil {
		return err
	}
	return s.Emit("answered", "", answer)
}

type identity struct {
	ID        string          `json:"id"`
	Namespace string          `json:"namespace"`
	Transport string          `json:"transport"`
	Probe     string          `json:"probe"`
	Query     string          `json:"query"`
	Auth      json.RawMessage `json:"auth"`
	XDomain   bool            `json:"xdomain"`
	Secure    bool            `json:"secure"`
	Recovered bool            `json:"recovered"`
	Value     any             `json:"value"`
	Checked   bool            `json:"checked"`
	Rooms     []string        `json:"rooms"`
}

func whoami(_ context.Context, s *socketio.Socket, _ socketio.None) (identity, error) {
	h := s.Handshake()
	id := identity{
		ID:        s.ID(),
		Namespace: s.Namespace().Name(),
		Transport: s.Conn().Transport(),
		Probe:     h.Header.Get("X-Probe"),
		Query:     h.Query.Get("flavour"),
		Auth:      h.Auth,
		XDomain:   h.XDomain,
		Secure:    h.Secure,
		Recovered: s.Recovered(),
		Rooms:     otherRooms(s),
	}
	if id.Auth == nil {
		id.Auth = json.RawMessage("{}")
	}
	id.Value, _ = value.Get(s)
	id.Checked, _ = checked.Get(s)
	return id, nil
}

// otherRooms returns the rooms of a socket without that of its id.
func otherRooms(s *socketio.Socket) []string {
	rooms := slices.DeleteFunc(slices.Clone(s.Rooms()), func(room string) bool { return room == s.ID() })
	slices.Sort(rooms)
	return append([]string{}, rooms...)
}

func mixed(_ context.Context, s *socketio.Socket, _ socketio.None) error {
	if err := s.Emit("mixed", "first"); err != nil {
		return err
	}
	if err := s.Volatile().Emit("mixed", "volatile"); err != nil {
		return err
	}
	return s.Emit("mixed", "last")
}

// names are the events that a socket received and sent.
type names struct {
	mu      sync.Mutex
	in, out []string // guarded by mu
}

func recordNames(s *socketio.Socket) {
	seen := &names{}
	s.OnAny(func(_ context.Context, e *socketio.Event) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.in = append(seen.in, e.Name())
	})
	s.OnAnyOutgoing(func(_ *socketio.Socket, event string, _ []any) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.out = append(seen.out, event)
	})
	socketio.OnCall(s, "any-report", func(context.Context, *socketio.Socket, socketio.None) (any, error) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return map[string]any{"in": slices.Clone(seen.in), "out": slices.Clone(seen.out)}, nil
	})
}
