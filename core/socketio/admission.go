package socketio

// admit counts what a client sends that has joined no namespace yet, and reports
// whether it may send it. It closes the connection if not.
func (c *conn) admit(bytes int) bool {
	if c.connected() {
		c.admitted = true
		return true
	}
	c.early += bytes
	if max := c.server.opts.MaxPreConnectBytes; max < 0 || c.early <= max {
		return true
	}
	c.close(ForcedServerClose, errTalkative)
	return false
}

// maxRefusals is how many CONNECTs of a client may be refused before one is not.
// Each costs an answer and perhaps what a middleware does.
const maxRefusals = 1000

// sendRefusal answers a CONNECT that is refused.
func (c *conn) sendRefusal(name string, err error) {
	c.mu.Lock()
	c.refused++
	over := c.refused > maxRefusals
	c.mu.Unlock()
	c.sendConnectError(name, err)
	if over {
		c.close(ForcedServerClose, errRefusals)
	}
}
