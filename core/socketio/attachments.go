package socketio

import "time"

// awaitAttachments begins to wait for the next attachment of a packet. It keeps
// them for clients only that are connected to something.
func (c *conn) awaitAttachments() {
	if !c.connected() {
		c.close(ForcedServerClose, errViolation)
		return
	}
	c.gathering = true
	patience := c.server.opts.AttachmentTimeout
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || patience < 0 {
		return
	}
	c.waiting = true
	if c.partial == nil {
		c.partial = time.AfterFunc(patience, c.attachmentsLate)
		return
	}
	c.partial.Reset(patience)
}

// complete notes that a packet has come whole.
func (c *conn) complete() {
	c.gathering = false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopWaitingLocked()
}

func (c *conn) stopWaitingLocked() {
	if c.waiting {
		c.waiting = false
		c.partial.Stop()
	}
}

func (c *conn) attachmentsLate() {
	c.mu.Lock()
	late := c.waiting
	c.mu.Unlock()
	if late {
		c.close(ForcedServerClose, errAttachments)
	}
}
