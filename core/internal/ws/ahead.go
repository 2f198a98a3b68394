package ws

import (
	"errors"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/internal/pace"
)

// Most connections wait for data most of the time, and need no memory for that: a
// buffer is borrowed when there is something to read, and given back when gorilla
// has taken it. Gorilla itself has a buffer that is large enough for headers.

const (
	// aheadSize is how much is read at a time, so that many small messages come with
	// one system call, and larger ones whole (see whole.go).
	aheadSize = 16 << 10
	// gorillaBuffer is the least size that gorilla accepts in a reader made by us.
	gorillaBuffer = 257
	// bufferedRead is the size of gorilla's buffer where it is the only one.
	bufferedRead = 1 << 10
)

var aheads = sync.Pool{New: func() any { return new([aheadSize]byte) }}

// read is called with the right to read.
func (w *wire) read(p []byte) (int, error) {
	if err := w.failed; err != nil {
		w.failed = nil
		return 0, err
	}
	if len(w.ahead) == 0 {
		if w.raw == nil || len(p) >= aheadSize {
			return w.readInto(p)
		}
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.ahead)
	w.skip(n)
	return n, nil
}

// skip takes the first n bytes of what is ahead.
func (w *wire) skip(n int) {
	w.ahead = w.ahead[n:]
	if len(w.ahead) == 0 {
		w.giveBack()
	}
}

// readInto reads from the network into p, which the caller holds meanwhile.
func (w *wire) readInto(p []byte) (int, error) {
	w.beforeWait()
	for {
		n, err := w.Conn.Read(p)
		if n > 0 || !isTimeout(err) || !w.kicked() {
			return n, err
		}
	}
}

// fill waits until there is something ahead. It is in the middle of a message, of which
// there is most often more to read: only if not, this is a wait.
func (w *wire) fill() error {
	w.waits = false
	for {
		err := w.readAhead()
		if err == errWaits {
			w.beforeWait()
			w.waits = true
			continue
		}
		if !isTimeout(err) || !w.kicked() {
			return err
		}
	}
}

// await is fill, but returns ErrIdle when it is kicked. It waits with little on the
// stack: gorilla is not involved yet.
func (w *wire) await() error {
	waited := w.waited
	w.waited = false
	if waited { // others read first, and then all of us write
		pace.GiveWay()
	}
	w.beforeWait()
	if waited {
		// Others write, too. The peer may have seen our answer by then, and there is
		// something to read: that saves a read in vain and a wait, a twentieth of what a
		// message costs that comes alone, under load. Only once, for those who wait are
		// not looked at as long as somebody is ready.
		pace.GiveWay()
	}
	w.waits = true
	err := w.readAhead()
	if isTimeout(err) && w.kicked() {
		return ErrIdle
	}
	return err
}

// errWaits says that there is nothing to read, where w.waits is not set.
var errWaits = errors.New("nothing to read yet")

func (w *wire) readAhead() error {
	w.readErr = nil
	if err := w.raw.Read(w.tryRead); err != nil {
		return err
	}
	return w.readErr
}

// beforeWait is called before the network is asked for more.
func (w *wire) beforeWait() {
	if w.conn != nil && w.conn.waiter != nil {
		w.conn.waiter.BeforeWait()
	}
}

func (w *wire) giveBack() {
	w.ahead = nil
	if w.lent != nil {
		aheads.Put(w.lent)
		w.lent = nil
	}
}

// kicked reports whether Conn.Kick is why a read has timed out, and takes it back.
func (w *wire) kicked() bool {
	if w.conn == nil {
		return false
	}
	var deadline time.Time
	if w.held != nil {
		deadline = w.held.until
	}
	return w.conn.takeKick(deadline)
}

var past = time.Unix(1, 0)

// Kick makes a Read that waits for the beginning of a message return ErrIdle. A Read
// in the middle of one goes on; the next one may return ErrIdle then. It does not
// block. It has no effect on connections that cannot be parked.
func (c *Conn) Kick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() || c.wire.raw == nil {
		return
	}
	c.kick = true
	c.wire.Conn.SetReadDeadline(past)
}

// takeKick takes a kick back and sets the deadline that should have been there. It
// reports false if there is none, or somebody who closes has set a deadline since.
func (c *Conn) takeKick(deadline time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.kick || c.closing.Load() {
		return false
	}
	c.kick = false
	c.wire.Conn.SetReadDeadline(deadline)
	return true
}
