package engineio

import (
	"sync"

	"github.com/gosocketio/sio/core/internal/ws"
)

// Outgoing is one entry of the outbound queue: a message and the binary
// messages that belong to it. It must not be changed or copied once it was
// given to Send; the same Outgoing may be sent to any number of sessions.
type Outgoing struct {
	// Data is the message.
	Data []byte
	// Binary says that Data is a binary message, else it is text (UTF-8).
	Binary bool
	// Attachments are binary messages that follow Data with nothing in between.
	Attachments [][]byte
	// Volatile drops the entry (ErrDropped) unless it can be written at once:
	// nothing is queued or being written, and on polling a poll is waiting. So it
	// never takes room in a queue from others.
	Volatile bool
	// Keep says that the peer cannot do without the entry: QueueDropOldest drops
	// others. A session whose queue is full of such entries ends.
	Keep bool
	// NoCompress keeps the entry from being compressed on either transport.
	NoCompress bool

	once     sync.Once
	prepared []ws.Prepared
	home     *single // what has been lent, or nil
}

// single is an Outgoing with room for a small message. Memory that is new would cost as
// much time as encoding one.
type single struct {
	Outgoing
	room [112]byte
}

var singles = sync.Pool{New: func() any { return new(single) }}

// Single returns an entry that is to be sent once, and not looked at after that: its
// memory is used again when it has been written. Its Data are empty, and have room for a
// small message.
func Single() *Outgoing {
	o := singles.Get().(*single)
	o.Data, o.home = o.room[:0], o
	return &o.Outgoing
}

// written is called when a queue is done with the entry.
func (o *Outgoing) written() {
	if home := o.home; home != nil {
		*o = Outgoing{}
		singles.Put(home)
	}
}

// MessageOverhead is what each message and attachment counts in bytes, in addition
// to its slice, for Options.MaxQueueBytes: about what its entry in the queue and its
// place in the batch being written take.
const MessageOverhead = 256

// size is what the entry counts for Options.MaxQueueBytes.
func (o *Outgoing) size() int {
	n := memoryOf(cap(o.Data))
	if o.home != nil && cap(o.Data) != len(o.home.room) {
		n += len(o.home.room) // it is there although it is of no use
	}
	for _, a := range o.Attachments {
		n += memoryOf(cap(a))
	}
	return n
}

// memoryOf returns what a slice of that capacity takes in the queue, at most. The
// allocator rounds sizes up by as much as an eighth; for small ones MessageOverhead has
// room for that.
func memoryOf(capacity int) int {
	if capacity >= 1024 {
		capacity += capacity / 8
	}
	return MessageOverhead + capacity
}

// sharedForms returns the caches of the compressed forms: one per message of
// the entry, first for protocol 4, then for protocol 3, whose binary frames
// differ. Used only where permessage-deflate was negotiated.
func (o *Outgoing) sharedForms(protocol int) []ws.Prepared {
	o.once.Do(func() { o.prepared = make([]ws.Prepared, 2*(1+len(o.Attachments))) })
	if n := 1 + len(o.Attachments); protocol == 3 {
		return o.prepared[n:]
	}
	return o.prepared
}
