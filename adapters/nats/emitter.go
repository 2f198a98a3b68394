package sionats

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// Emitter sends to the clients of a cluster from a process that runs no server, such
// as a job or a command. What it has in common with a server is the NATS and the
// options of the backend.
//
//	emitter := sionats.NewEmitter(nc, nil)
//	defer emitter.Close()
//	err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "hello")
//
// Its own methods are those of the namespace "/". All methods may be called
// concurrently; what one goroutine sends stays in order.
//
// Methods that send block until NATS took the message, at most for the Timeout of the
// options, or until ctx ends. That no server listens is no error. They fail with
// [ErrUnavailable] if NATS is not reached, at once if that is known, with
// [ErrTooLarge], and with [cluster.ErrClosed] after Close.
type Emitter struct {
	Selection
}

// NewEmitter returns an emitter to servers with a [Backend] that has the same options;
// nil stands for the default ones. It does not connect before something is sent. What
// is said of the connection at [New] holds here too.
func NewEmitter(nc *nats.Conn, opts *Options) *Emitter {
	w := &wayOut{nats: nc.Opts, opts: opts.withDefaults(), opening: make(chan struct{}, 1)}
	w.opening <- struct{}{}
	w.guard = &guard{timeout: w.opts.Timeout, report: w.opts.OnError, probe: func(ctx context.Context) error {
		_, err := w.connect(ctx)
		return err
	}}
	return &Emitter{Selection{out: w, namespace: "/"}}
}

// Of selects a namespace. A missing slash at its beginning is added.
func (e *Emitter) Of(namespace string) Selection {
	s := e.Selection
	if s.namespace = namespace; !strings.HasPrefix(namespace, "/") {
		s.namespace = "/" + namespace
	}
	return s
}

// Close closes the connection of the emitter. What is being sent fails.
func (e *Emitter) Close() error {
	e.out.close()
	return nil
}

// wayOut is the connection of an emitter, made when it is needed.
type wayOut struct {
	nats  nats.Options
	opts  Options
	guard *guard // until there is a connection, which has its own

	opening chan struct{} // has a value while nobody connects
	mu      sync.Mutex
	conn    *conn
	closed  bool
}

func (w *wayOut) send(ctx context.Context, m *cluster.Message) error {
	var c *conn
	err := w.guard.do(ctx, func(ctx context.Context) (err error) {
		c, err = w.connect(ctx)
		return err
	})
	if err != nil {
		return err
	}
	o := outlet{subjectsOf(w.opts.Prefix, m.Namespace), c}
	return o.publish(ctx, []*cluster.Message{m})[0].Err
}

// connect returns the connection, which it makes if there is none.
func (w *wayOut) connect(ctx context.Context) (*conn, error) {
	if c, err := w.connection(); c != nil || err != nil {
		return c, err
	}
	select {
	case <-w.opening:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { w.opening <- struct{}{} }()
	if c, err := w.connection(); c != nil || err != nil {
		return c, err
	}
	c, err := dial(ctx, w.nats, &w.opts, func() {})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		c.close()
		return nil, cluster.ErrClosed
	}
	w.conn = c
	return c, nil
}

func (w *wayOut) connection() (*conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, cluster.ErrClosed
	}
	return w.conn, nil
}

func (w *wayOut) close() {
	w.mu.Lock()
	c := w.conn
	w.conn, w.closed = nil, true
	w.mu.Unlock()
	w.guard.close()
	if c != nil {
		c.close()
	}
}

// Selection is sockets of one namespace, to which an [Emitter] sends. It is a small
// value that never changes: modifiers return a new one. It can be kept, and used
// concurrently.
type Selection struct {
	out       *wayOut
	namespace string
	rooms     []string
	except    []string
	flags     cluster.Flags
	to        bool // To was called: without rooms, nobody is selected
}

// To adds rooms: the selection is every socket that is in any of the rooms, once.
// If To is not called it is the whole namespace, but To with an empty list selects
// nobody. A socket's id is a room.
func (s Selection) To(rooms ...string) Selection {
	s.rooms, s.to = slices.Concat(s.rooms, rooms), true
	return s
}

// In is To.
func (s Selection) In(rooms ...string) Selection { return s.To(rooms...) }

// Except takes the sockets that are in any of rooms out of the selection.
func (s Selection) Except(rooms ...string) Selection {
	s.except = slices.Concat(s.except, rooms)
	return s
}

// Volatile lets an event be lost to sockets that cannot take it at once. It is not
// replayed to those who come back.
func (s Selection) Volatile() Selection {
	s.flags.Volatile = true
	return s
}

// Compress compresses events, or does not; by default it is for the servers to
// decide.
func (s Selection) Compress(on bool) Selection {
	s.flags.NoCompress = !on
	return s
}

// Emit sends an event to the selected sockets. The arguments are encoded as by a
// server: as JSON, with each []byte as binary. It returns an error if they cannot
// be encoded or the name is reserved. For more, see [Emitter].
func (s Selection) Emit(ctx context.Context, event string, args ...any) error {
	if parser.ReservedEvent(event) {
		return fmt.Errorf("sionats: %q is a reserved event name", event)
	}
	payload, err := encodeEvent(event, args)
	if err != nil {
		return err
	}
	return s.send(ctx, &cluster.Message{Type: cluster.Broadcast, Payload: payload})
}

// SocketsJoin makes the selected sockets join rooms.
func (s Selection) SocketsJoin(ctx context.Context, rooms ...string) error {
	if len(rooms) == 0 {
		return nil
	}
	return s.send(ctx, &cluster.Message{Type: cluster.SocketsJoin, Rooms: rooms})
}

// SocketsLeave makes the selected sockets leave rooms.
func (s Selection) SocketsLeave(ctx context.Context, rooms ...string) error {
	if len(rooms) == 0 {
		return nil
	}
	return s.send(ctx, &cluster.Message{Type: cluster.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the selected sockets, and closes their connections
// too if closeConn is true.
func (s Selection) DisconnectSockets(ctx context.Context, closeConn bool) error {
	return s.send(ctx, &cluster.Message{Type: cluster.DisconnectSockets, Close: closeConn})
}

// ServerSideEmit sends an event to the servers themselves, in the namespace of the
// selection; rooms have no meaning for it. There are no answers. Arguments are as in
// Emit.
func (s Selection) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	payload, err := encodeEvent(event, args)
	if err != nil {
		return err
	}
	s.to = false
	return s.send(ctx, &cluster.Message{Type: cluster.ServerSideEmit, Payload: payload})
}

func (s Selection) send(ctx context.Context, m *cluster.Message) error {
	if s.to && len(s.rooms) == 0 {
		return nil
	}
	m.From, m.Namespace = cluster.EmitterID, s.namespace
	m.Selector, m.Flags = cluster.Selector{Rooms: s.rooms, Except: s.except}, s.flags
	return s.out.send(ctx, m)
}

// canonical is the form in which events travel between nodes.
var canonical = &parser.JSON{MaxAttachments: -1, MaxAttachmentBytes: -1}

func encodeEvent(event string, args []any) (cluster.Payload, error) {
	text, attachments, err := canonical.EncodeArgs(append([]any{event}, args...)...)
	if err != nil {
		return cluster.Payload{}, fmt.Errorf("sionats: encode: %w", err)
	}
	return cluster.Payload{JSON: text, Attachments: attachments}, nil
}
