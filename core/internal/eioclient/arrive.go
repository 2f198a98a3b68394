package eioclient

import (
	"context"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// maxEcho is how long the server may take to answer the ping of a websocket. Not all
// do, and a reader that a handler holds up does not see it.
const maxEcho = time.Second

// Arrived waits until everything that is queued now has reached the server, as far as
// that can be known: over polling it has answered; over a websocket it answers a ping,
// or a second has passed. It returns ErrClosed if the connection ended before, or the
// error of ctx.
func (c *Conn) Arrived(ctx context.Context) error {
	if err := c.Flush(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	s, ok := c.tr.(*socket)
	if !ok || !c.started {
		c.mu.Unlock()
		return nil
	}
	c.pings++
	number := c.pings
	c.mu.Unlock()
	// A failure ends the connection, which the reader sees.
	s.ws.WriteControl(websocket.PingMessage, strconv.AppendUint(nil, number, 10), time.Now().Add(maxEcho))
	limited, cancel := context.WithTimeout(ctx, maxEcho)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waitLocked(limited, func() bool { return c.pongs >= number || c.state == closed })
	if c.state == closed {
		return ErrClosed
	}
	return ctx.Err()
}

// ponged takes the answer to a ping, and so to all before it. What else a server sends
// means nothing.
func (c *Conn) ponged(data string) error {
	number, err := strconv.ParseUint(data, 10, 64)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if number > c.pongs && number <= c.pings {
		c.pongs = number
		c.changed.Broadcast()
	}
	return nil
}
