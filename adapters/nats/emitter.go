package sionats

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/emitter"
)

// Emitter sends to the clients of a cluster from a process that runs no server, such
// as a job or a command. What it has in common with a server is the NATS and the
// options of the backend.
//
//	emitter := sionats.NewEmitter(nc, nil)
//	defer emitter.Close()
//	err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "hello")
//
// Methods that send block at most for the Timeout of the options. They fail with
// [ErrUnavailable] if NATS is not reached, at once if that is known, and with
// [ErrTooLarge].
type Emitter = emitter.Emitter

// Selection is sockets of one namespace, to which an [Emitter] sends.
type Selection = emitter.Selection

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
	return emitter.New(w)
}

// wayOut is the connection of an emitter, made when it is needed. It implements
// [emitter.Bus].
type wayOut struct {
	nats  nats.Options
	opts  Options
	guard *guard // until there is a connection, which has its own

	opening chan struct{} // has a value while nobody connects
	mu      sync.Mutex
	conn    *conn
	closed  bool
}

// Send implements [emitter.Bus].
func (w *wayOut) Send(ctx context.Context, m *cluster.Message) error {
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

// Close implements [emitter.Bus].
func (w *wayOut) Close() error {
	w.mu.Lock()
	c := w.conn
	w.conn, w.closed = nil, true
	w.mu.Unlock()
	w.guard.close()
	if c != nil {
		c.close()
	}
	return nil
}
