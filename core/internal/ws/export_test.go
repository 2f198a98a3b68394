package ws

// LeavePong does what the answer to a ping does while somebody else writes.
func (c *Conn) LeavePong(payload string) {
	c.mu.Lock()
	c.pong = []byte(payload)
	c.mu.Unlock()
}
