package eioclient

import (
	"context"
	"time"
)

// end ends the connection, once. Nothing that is queued is sent any more. OnClose is
// called by another goroutine, when all others have ended.
func (c *Conn) end(reason string, err error) {
	c.mu.Lock()
	if c.state == closed {
		c.mu.Unlock()
		return
	}
	if c.forced {
		reason, err = ReasonForcedClose, nil
	}
	c.state = closed
	c.reason, c.err = reason, err
	c.queue = nil
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.failing != nil {
		c.failing.Stop()
	}
	tr := c.tr
	c.changed.Broadcast()
	c.mu.Unlock()
	c.cancel()
	tr.abort()
	go c.finish()
}

// finish waits for the goroutines of the connection.
func (c *Conn) finish() {
	c.wg.Wait()
	if c.handler != nil {
		c.handler.OnClose(c.reason, c.err)
	}
	c.releaseClient()
	close(c.done)
}

// Abort ends the connection at once, for a reason of the caller's: OnClose gets it.
// It does not wait, and may be called by a Handler.
func (c *Conn) Abort(reason string, err error) { c.end(reason, err) }

// Close ends the connection when an upgrade under way is over and what is queued has
// been written, tells the server, and waits until OnClose has returned and all
// goroutines have ended. Send fails from now on. If ctx ends before that, the
// connection is cut and the error of ctx returned. It must not be called by a Handler.
func (c *Conn) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.state == open {
		c.state = closing
	}
	flushed := c.waitLocked(ctx, c.flushedLocked) && c.state != closed
	if flushed {
		c.wg.Add(1) // what bye needs is released by finish
	}
	tr, read := c.tr, c.started
	c.forced = true
	c.mu.Unlock()
	if flushed {
		c.bye(ctx, tr, read)
	}
	c.end(ReasonForcedClose, nil)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bye tells the server that the connection ends. If there is a reader it waits until
// the server has answered the close frame of a websocket, so that all before it has
// arrived.
func (c *Conn) bye(ctx context.Context, tr transport, read bool) {
	defer c.wg.Done()
	ctx, cancel := within(ctx, c.opts.CloseTimeout)
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()
	if _, ok := tr.(*socket); tr.bye(ctx) == nil && ok && read {
		<-ctx.Done() // also when the reader has ended the connection
	}
}

// within returns a context that ends after d too, unless that is negative.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// Flush waits until everything that is queued now, and later, has been written. It
// returns ErrClosed if the connection ended before, or the error of ctx.
func (c *Conn) Flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waitLocked(ctx, c.flushedLocked) {
		return context.Cause(ctx)
	}
	if c.state == closed {
		return ErrClosed
	}
	return nil
}

func (c *Conn) flushedLocked() bool {
	return c.state == closed || !c.upgrading && !c.writing && (len(c.queue) == 0 || !c.started)
}

// waitLocked waits until the condition holds. It reports false if ctx ended before.
func (c *Conn) waitLocked(ctx context.Context, condition func() bool) bool {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	for !condition() {
		if ctx.Err() != nil {
			return false
		}
		c.changed.Wait()
	}
	return true
}
