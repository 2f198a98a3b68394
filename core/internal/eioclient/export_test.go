package eioclient

// Queued returns how many packets wait to be written.
func Queued(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}
