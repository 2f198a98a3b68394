package cluster

import "sync"

// outbox sends messages in order, without keeping those waiting who have them sent:
// the goroutine that receives, socket readers, timers. Its own goroutine exists
// only while there is something to send.
type outbox struct {
	limit int
	send  func(*Message)
	wg    sync.WaitGroup

	mu      sync.Mutex
	queue   []*Message
	started bool // before, messages wait
	running bool
	closed  bool
}

func (o *outbox) init(limit int, send func(*Message)) {
	o.limit, o.send = limit, send
}

// push queues m. It reports false if it was dropped.
func (o *outbox) push(m *Message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.queue) >= o.limit {
		return false
	}
	o.queue = append(o.queue, m)
	o.runLocked()
	return true
}

// start begins to send.
func (o *outbox) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.started = true
	o.runLocked()
}

func (o *outbox) runLocked() {
	if o.started && !o.running && !o.closed && len(o.queue) > 0 {
		o.running = true
		o.wg.Go(o.run)
	}
}

func (o *outbox) run() {
	for batch := o.take(); batch != nil; batch = o.take() {
		for _, m := range batch {
			if o.isClosed() {
				break
			}
			o.send(m)
		}
	}
}

// take returns what is queued, or nil once there is nothing, which ends run.
func (o *outbox) take() []*Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := o.queue
	o.queue = nil
	o.running = batch != nil
	return batch
}

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// close drops what is queued and waits for the message that is being sent.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.queue = nil
	o.mu.Unlock()
	o.wg.Wait()
}
