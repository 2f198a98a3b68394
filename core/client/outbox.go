package client

import (
	"slices"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/parser"
)

// flags are the modifiers of a Sender.
type flags struct {
	volatile   bool
	noCompress bool
}

// item is a packet that is to be sent.
type item struct {
	messages []eioclient.Message
	size     int  // in bytes
	volatile bool // never kept
	ask      *ask // that waits for the answer; nil if nobody does
	epoch    int  // it makes sense before the next join only; 0 if that does not matter
}

func newItem(enc parser.Encoded, f flags) item {
	it := item{messages: messagesOf(enc, f), volatile: f.volatile}
	for _, m := range it.messages {
		it.size += len(m.Data)
	}
	return it
}

// messagesOf makes engine messages of a packet, which the engine keeps together.
func messagesOf(enc parser.Encoded, f flags) []eioclient.Message {
	messages := make([]eioclient.Message, 1+len(enc.Attachments))
	messages[0] = eioclient.Message{Data: enc.Data, Binary: enc.Binary, NoCompress: f.noCompress}
	for i, a := range enc.Attachments {
		messages[1+i] = eioclient.Message{Data: a, Binary: true, NoCompress: f.noCompress}
	}
	return messages
}

// outbox is what a socket keeps for sending: what it could not send yet, and what is
// to be sent until it is acknowledged. It is guarded by the manager's mu.
type outbox struct {
	kept     []item
	retries  []*retry // one at a time; the first is under way if it is pending
	draining *link    // whose queue somebody waits for to have room
	count    int      // of both lists
	bytes    int
}

func (b *outbox) empty() bool { return b.count == 0 }

// clear empties the outbox, and returns the calls that wait for its packets.
func (b *outbox) clear() (asks []*ask) {
	for _, it := range b.kept {
		if it.ask != nil {
			asks = append(asks, it.ask)
		}
	}
	for _, r := range b.retries {
		r.stop()
		asks = append(asks, r.ask)
	}
	*b = outbox{draining: b.draining}
	return asks
}

// fits reports whether a packet of that size can be kept too.
func (b *outbox) fits(size int, o *Options) bool {
	return !exceeds(b.count+1, o.MaxBufferMessages) && !exceeds(b.bytes+size, o.MaxBufferBytes)
}

// makeRoom drops what has waited longest, until a packet of that size fits, and
// returns the calls among it. What is under way is not dropped, nor are answers to the
// server. It reports false if there is not enough to drop.
func (b *outbox) makeRoom(size int, o *Options) (dropped []*ask, ok bool) {
	if exceeds(size, o.MaxBufferBytes) {
		return nil, false
	}
	for !b.fits(size, o) {
		i := slices.IndexFunc(b.kept, func(it item) bool { return it.epoch == 0 })
		if i >= 0 {
			if a := b.kept[i].ask; a != nil {
				dropped = append(dropped, a)
			}
			b.removeKept(i)
			continue
		}
		if i = slices.IndexFunc(b.retries, func(r *retry) bool { return !r.pending }); i < 0 {
			return dropped, false
		}
		dropped = append(dropped, b.retries[i].ask)
		b.removeRetry(i)
	}
	return dropped, true
}

func (b *outbox) keep(it item) {
	b.kept = append(b.kept, it)
	b.count++
	b.bytes += it.size
}

func (b *outbox) removeKept(i int) {
	b.count--
	b.bytes -= b.kept[i].size
	if i == 0 {
		b.kept[0] = item{}
		b.kept = b.kept[1:]
	} else {
		b.kept = slices.Delete(b.kept, i, i+1)
	}
	if len(b.kept) == 0 {
		b.kept = nil
	}
}

func (b *outbox) removeRetry(i int) {
	r := b.retries[i]
	r.stop()
	b.count--
	b.bytes -= r.size
	if b.retries = slices.Delete(b.retries, i, i+1); len(b.retries) == 0 {
		b.retries = nil
	}
}

// sendLocked sends a packet, or keeps it.
func (s *Socket) sendLocked(it item) error {
	switch {
	case s.closed:
		return ErrClosed
	case it.epoch != 0 && (s.epoch != it.epoch || s.state != connected):
		return ErrDisconnected
	case s.state == connected && len(s.outbox.kept) == 0 && !s.link.conn.PingExpired():
		err := s.link.conn.Send(it.messages...)
		if err == nil {
			return nil
		}
		if err == eioclient.ErrQueueFull {
			s.drainLocked()
		} // else the connection has ended, about which we will be told
	}
	if it.volatile {
		return ErrDropped
	}
	return s.keepLocked(it)
}

// keepLocked keeps a packet until it can be sent.
func (s *Socket) keepLocked(it item) error {
	if err := s.roomLocked(it.size); err != nil {
		return err
	}
	if it.ask != nil {
		it.ask.kept = true
	}
	s.outbox.keep(it)
	return nil
}

// roomLocked makes room in the outbox, as the policy says.
func (s *Socket) roomLocked(size int) error {
	b, opts := &s.outbox, s.m.opts
	if b.fits(size, opts) {
		return nil
	}
	if opts.BufferPolicy != BufferDropOldest {
		return ErrBufferFull
	}
	dropped, ok := b.makeRoom(size, opts)
	for _, a := range dropped {
		s.forgetLocked(a)
		a.fail(ErrBufferFull)
	}
	if !ok {
		return ErrBufferFull
	}
	return nil
}

// sendKeptLocked sends what was kept, as much as the connection takes.
func (s *Socket) sendKeptLocked() {
	b := &s.outbox
	for len(b.kept) > 0 {
		it := b.kept[0]
		if err := s.link.conn.Send(it.messages...); err != nil {
			if err == eioclient.ErrQueueFull {
				s.drainLocked()
			}
			return
		}
		if it.ask != nil {
			it.ask.kept = false
		}
		b.removeKept(0)
	}
	s.flushedLocked()
}

// drainLocked has what is kept sent when the connection has room again.
func (s *Socket) drainLocked() {
	l := s.link
	if s.outbox.draining == l {
		return
	}
	s.outbox.draining = l
	s.m.tasks.start(func() {
		for s.drain(l) {
		}
	})
}

// drain waits until the queue of l is empty, and fills it again. It reports whether
// there is more to do.
func (s *Socket) drain(l *link) bool {
	err := l.conn.Flush(l.ctx)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.outbox.draining != l {
		return false
	}
	if err == nil && s.link == l && s.state == connected {
		if s.sendKeptLocked(); len(s.outbox.kept) > 0 {
			return true
		}
	}
	s.outbox.draining = nil
	return false
}

// failSentLocked ends the wait for answers to what was sent, and forgets what was to
// be sent on the connection that has ended.
func (s *Socket) failSentLocked(err error) {
	s.outbox.draining = nil
	for i := len(s.outbox.kept) - 1; i >= 0; i-- {
		if s.outbox.kept[i].epoch != 0 {
			s.outbox.removeKept(i)
		}
	}
	for _, a := range s.acks {
		if !a.kept {
			s.forgetLocked(a)
			a.fail(err)
		}
	}
}

// discardLocked ends all waiting, for good.
func (s *Socket) discardLocked(err error) {
	for _, a := range s.outbox.clear() {
		s.forgetLocked(a)
		a.fail(err)
	}
	for _, a := range s.acks {
		s.forgetLocked(a)
		a.fail(err)
	}
	s.flushedLocked()
}
