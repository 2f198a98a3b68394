package eioclient

import (
	"context"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/packet"
)

// upgrade tries to move from polling to a websocket. If it does not succeed, polling
// goes on.
func (c *Conn) upgrade() {
	ctx, cancel := within(c.ctx, c.opts.UpgradeTimeout)
	defer cancel()
	s, err := c.probe(ctx)
	if err != nil {
		c.stay()
		return
	}
	if !c.pause(ctx) {
		s.ws.Close()
		c.resume()
		return
	}
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	if err := s.writeAll([]outgoing{{Packet: packet.Packet{Type: packet.Upgrade}}}); err != nil {
		c.end(ReasonTransportError, &Error{Transport: WebSocket, Op: "write", Err: err})
	}
	if !c.moveTo(s) {
		s.ws.Close()
	}
}

// probe opens a websocket and checks that messages get through.
func (c *Conn) probe(ctx context.Context) (*socket, error) {
	s, err := c.dialWebSocket(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	err = s.ws.WriteMessage(websocket.TextMessage, []byte("2probe"))
	if err == nil {
		var p packet.Packet
		p, err = s.receive(ctx)
		if err == nil && (p.Type != packet.Pong || string(p.Data) != "probe") {
			err = errProbe
		}
	}
	if err != nil {
		s.ws.Close()
		return nil, err
	}
	return s, nil
}

// pause waits until nothing is on its way over polling: the server answers the poll
// under way, since it has seen the probe. Its packets may keep the handler busy for
// some time; only after that posting stops. It reports false if ctx ended before.
func (c *Conn) pause(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	quiet := c.waitLocked(ctx, func() bool { return c.state == closed || !c.polling })
	c.paused = true
	quiet = quiet && c.waitLocked(ctx, func() bool { return c.state == closed || !c.writing })
	return quiet && c.state != closed
}

// resume goes on with polling after a pause that did not come to its end.
func (c *Conn) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining, c.paused, c.upgrading = false, false, false
	if tr, ok := c.tr.(*polling); ok && !c.polling && c.state != closed {
		c.polling = true
		c.goLocked(func() { c.readPolls(tr, nil) })
	}
	c.writeLocked()
	c.changed.Broadcast()
}

// stay gives up before the pause.
func (c *Conn) stay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upgrading = false
	c.changed.Broadcast()
}

// moveTo makes a websocket the transport. It reports false if the connection has
// ended.
func (c *Conn) moveTo(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining, c.paused, c.upgrading = false, false, false
	c.changed.Broadcast()
	if c.state == closed {
		return false
	}
	c.tr = s
	c.releaseClient()
	// A goroutine of its own, as the stack of this one has grown.
	c.goLocked(func() {
		c.handler.OnUpgrade(WebSocket)
		c.readSocket(s)
	})
	c.writeLocked()
	return true
}
