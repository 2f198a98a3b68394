package sionats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
)

// pingInterval is how often a silent connection is tried, unless nc does it more
// often. That of nats.go takes minutes to find out that a machine is gone.
const pingInterval = 10 * time.Second

// conn is a connection to NATS, and what is published on it.
type conn struct {
	nc    *nats.Conn
	guard *guard
	log   *log // nil without recovery
}

// dial connects to the servers that nc is connected to. The connection is made anew
// whenever it breaks, for as long as it takes, and does not keep for later what is
// published meanwhile. The server does not send back what is published on it. Each time
// that it was made anew, reconnected is called.
func dial(ctx context.Context, like nats.Options, o *Options, reconnected func()) (*conn, error) {
	c, ready := &conn{}, make(chan struct{})
	c.guard = &guard{timeout: o.Timeout, report: o.OnError, probe: c.flush}
	like.AllowReconnect, like.MaxReconnect, like.ReconnectBufSize = true, -1, -1
	like.RetryOnFailedConnect, like.IgnoreAuthErrorAbort = false, true
	like.NoEcho, like.NoCallbacksAfterClientClose = true, true
	like.PingInterval = min(like.PingInterval, pingInterval)
	like.Timeout, like.FlusherTimeout = o.Timeout, o.Timeout
	like.ClosedCB, like.DisconnectedCB, like.ConnectedCB, like.DiscoveredServersCB = nil, nil, nil, nil
	like.ReconnectErrCB, like.LameDuckModeHandler = nil, nil
	like.DisconnectedErrCB = func(_ *nats.Conn, err error) {
		if err == nil {
			err = nats.ErrDisconnected
		}
		<-ready // the guard needs the connection
		c.guard.lost(err)
	}
	like.ReconnectedCB = func(*nats.Conn) { reconnected() }
	like.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrSlowConsumer) {
			err = ErrSlow
		}
		o.OnError(fmt.Errorf("sionats: %w", err))
	}
	if err := c.connect(ctx, like); err != nil {
		return nil, fmt.Errorf("sionats: %w: %w", ErrUnavailable, err)
	}
	close(ready)
	if o.Recovery == nil {
		return c, nil
	}
	var err error
	if c.log, err = openLog(ctx, c, o); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// connect makes the connection, unless ctx ends before.
func (c *conn) connect(ctx context.Context, like nats.Options) (err error) {
	first, cancel := context.WithCancel(ctx)
	defer cancel()
	d := newDialer(first, &like)
	like.CustomDialer = d
	if c.nc, err = like.Connect(); err != nil && first.Err() != nil {
		return context.Cause(first)
	}
	d.connected.Store(err == nil)
	return err
}

// flush waits until NATS has taken all that was published.
func (c *conn) flush(ctx context.Context) error {
	if !c.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	return c.nc.FlushWithContext(ctx)
}

// publication is a message on its way.
type publication struct {
	subject string
	parts   [][]byte
	seq     uint64 // in the log, once it is there
	err     error
}

// prepare encodes a message for a subject.
func (c *conn) prepare(subject string, f wire.Frame) *publication {
	p := &publication{subject: subject}
	p.parts, p.err = wire.Split(wire.Encode(f), int(c.nc.MaxPayload()))
	return p
}

// publish sends messages in order, and waits until NATS took them.
func (c *conn) publish(ctx context.Context, list []*publication) {
	err := c.guard.do(ctx, func(ctx context.Context) error {
		for _, p := range list {
			for _, data := range p.parts {
				if p.err = c.nc.Publish(p.subject, data); p.err != nil {
					break
				}
			}
		}
		return c.flush(ctx)
	})
	for _, p := range list {
		if err != nil {
			p.err = err
		} else if p.err != nil {
			p.err = fmt.Errorf("sionats: %w", p.err)
		}
	}
}

// close ends the connection. What is being done fails.
func (c *conn) close() {
	c.nc.Close()
	c.guard.close()
	if c.log != nil {
		c.log.guard.close()
	}
}
