package sionats

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// dialer makes connections for nats.go, which knows no contexts: the first attempts to
// connect end with a context.
type dialer struct {
	first     context.Context
	connected atomic.Bool // the context has no meaning any more

	custom nats.CustomDialer // of the user; nil if there is none
	net    net.Dialer        // used unless there is
}

func newDialer(first context.Context, like *nats.Options) *dialer {
	d := &dialer{first: first, custom: like.CustomDialer}
	if like.Dialer != nil {
		d.net = *like.Dialer
	}
	d.net.Timeout = like.Timeout
	return d
}

// Dial implements [nats.CustomDialer].
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	ctx := d.first
	if d.connected.Load() {
		ctx = context.Background()
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		if !d.connected.Load() {
			conn.Close() // ends the handshake
		}
	})
	return conn, nil
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.custom != nil {
		return d.custom.Dial(network, address)
	}
	return d.net.DialContext(ctx, network, address)
}

// SkipTLSHandshake reports what the dialer of the user does: nats.go asks for it.
func (d *dialer) SkipTLSHandshake() bool {
	s, ok := d.custom.(interface{ SkipTLSHandshake() bool })
	return ok && s.SkipTLSHandshake()
}
