package sioredis

import (
	"context"
	"net"
	"time"
)

// dialer is the type of redis.Options.Dialer.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// maxDials is how many dials a client has at a time, with those it has given up.
const maxDials = 8

// inTime makes a dialer give up after the timeout, or when its context ends. That of
// the library does not while TLS shakes hands or a Sentinel is asked: there the
// timeouts of the user's client count, after which what was given up ends by itself.
func inTime(dial dialer, timeout time.Duration) dialer {
	turns := make(chan struct{}, maxDials)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		dialed := make(chan dialResult)
		go func() {
			defer func() { <-turns }()
			conn, err := dial(ctx, network, addr)
			select {
			case dialed <- dialResult{conn, err}:
			case <-ctx.Done():
				if err == nil {
					conn.Close()
				}
			}
		}()
		select {
		case r := <-dialed:
			return r.conn, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

type dialResult struct {
	conn net.Conn
	err  error
}

// Of a client of Sentinel.
const (
	failoverAddr = "FailoverClient" // stands for the address, which is asked for
	askTimeout   = time.Minute      // more than the library needs to turn to another Sentinel
)

// patient makes the dialer of a client of Sentinel go on when its context has ended. A
// Sentinel that does not answer is only given up, for the next dials too, if there is
// time to wait for as long as the user's client does: a dial that is cut short each
// time would ask the same one forever.
func patient(addr string, dial dialer) dialer {
	if addr != failoverAddr {
		return dial
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return dial(ctx, network, addr)
	}
}
