package ws

import (
	"compress/flate"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

const (
	scratchSize = 2048
	// trusted is how many bytes a frame may announce to get that much memory
	// before they have come.
	trusted = 64 << 10
	// drainTimeout is how long a peer that broke the protocol has to read why.
	drainTimeout = time.Second
)

var scratches = sync.Pool{New: func() any { return new([scratchSize]byte) }}

var (
	errUTF8    = errors.New("invalid UTF-8")
	errDeflate = errors.New("invalid compressed data")
)

// Read returns the next message; its memory belongs to the caller. It blocks
// until there is one. Pings are answered and pongs dropped while it waits. One
// goroutine at a time calls it.
//
// After an error the connection is closed, and the same error comes again:
//   - *CloseError with Remote set: the peer closed the connection or vanished.
//   - *CloseError otherwise: the peer broke the protocol (1002), sent text that
//     is not UTF-8 or data that cannot be inflated (1007), a message in too many
//     pieces (1008) or above Options.MaxMessage (1009), and has been told; that
//     can take a second, or Options.CloseTimeout if it does not read.
//   - ErrClosed: Close or CloseNow was called, or is in progress.
//   - an error that is os.ErrDeadlineExceeded: see SetReadDeadline.
//
// ErrIdle is no error of that kind: see Kick.
func (c *Conn) Read() (data []byte, binary bool, err error) {
	c.reading.take()
	defer c.reading.give()
	if c.readErr == nil && c.closing.Load() {
		// Whoever closes reads the rest.
		return nil, false, ErrClosed
	}
	if c.readErr == nil {
		data, binary, err = c.message()
		if err == nil || err == ErrIdle {
			return data, binary, err
		}
		c.readErr = c.fail(err)
	}
	return nil, false, c.readErr
}

func (c *Conn) message() (data []byte, binary bool, err error) {
	if data, binary, err = c.whole(); data != nil || err != nil {
		return data, binary, err
	}
	if c.silent() {
		if err = c.await(); err != nil {
			return nil, false, err
		}
		if data, binary, err = c.whole(); data != nil || err != nil {
			return data, binary, err
		}
	}
	return c.next()
}

// await waits until the next message has begun, if that can be done without keeping a
// buffer. What goes wrong is gorilla's to find.
func (c *Conn) await() error {
	err := c.wire.await()
	if err != ErrIdle {
		c.wire.failed, err = err, nil
	}
	return err
}

// silent reports whether only the network can say more, as far as its reader knows.
func (c *Conn) silent() bool {
	w := c.wire
	return w.raw != nil && len(w.ahead) == 0 && w.failed == nil && c.buffered.Buffered() == 0 && w.held == nil && w.broken == nil
}

func (c *Conn) next() ([]byte, bool, error) {
	kind, r, err := c.gorilla.NextReader()
	if err != nil {
		return nil, false, err
	}
	data, err := c.readAll(r)
	if err != nil {
		return nil, false, err
	}
	if kind == websocket.TextMessage && !utf8.Valid(data) {
		return nil, false, breach(CodeInvalidData, errUTF8)
	}
	return data, kind == websocket.BinaryMessage, nil
}

// readAll reads a message into memory of its size.
func (c *Conn) readAll(r io.Reader) ([]byte, error) {
	scratch := scratches.Get().(*[scratchSize]byte)
	defer scratches.Put(scratch)
	n, err := readFull(r, scratch[:])
	if err == nil {
		return c.readLarge(r, scratch[:])
	}
	if err != io.EOF {
		return nil, err
	}
	if c.maxMessage > 0 && int64(n) > c.maxMessage {
		return nil, breach(CodeTooBig, errTooBig)
	}
	data := c.memory(n)
	copy(data, scratch[:n])
	return data, nil
}

// readLarge goes on where scratch is full.
func (c *Conn) readLarge(r io.Reader, scratch []byte) ([]byte, error) {
	data := c.grow(nil, scratch)
	for {
		n, err := readFull(r, data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == nil {
			// It may have the right size by now: see before making it larger.
			n, err = r.Read(scratch)
			data = c.grow(data, scratch[:n])
		}
		if c.maxMessage > 0 && int64(len(data)) > c.maxMessage {
			return nil, breach(CodeTooBig, errTooBig)
		}
		if err == io.EOF {
			return exact(data), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// grow appends more to data, with room for what is expected after it.
func (c *Conn) grow(data, more []byte) []byte {
	if need := len(data) + len(more); need > cap(data) {
		data = append(make([]byte, 0, c.room(need)), data...)
	}
	return append(data, more...)
}

// room returns how much memory to have for a message of which have bytes have
// come: what its frames announce, but not much more than what is there.
func (c *Conn) room(have int) int {
	room := max(trusted, 2*have)
	// The guard can be in the next message already, if the end of this one is in
	// gorilla's buffer; and knows nothing of inflated sizes. A wrong guess costs
	// a copy.
	g := &c.wire.guard
	if !c.compressed && g.complete && g.size >= int64(have) && g.size < int64(room) {
		room = int(g.size)
	}
	// One byte more than allowed, to see that there is one.
	if c.maxMessage > 0 && int64(room) > c.maxMessage {
		room = max(int(c.maxMessage)+1, have)
	}
	return room
}

// exact gives up memory that a message does not need.
func exact(data []byte) []byte {
	if cap(data)-len(data) <= len(data)/8 {
		return data
	}
	return append(make([]byte, 0, len(data)), data...)
}

// readFull fills p, and returns early with the reader's error. Unlike with
// io.ReadFull, that can come with a full p, and io.EOF is the end of the message.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// fail ends the connection because of err, which came from next, and returns
// what Read is to return. It is called with the right to read.
func (c *Conn) fail(err error) error {
	if !c.beginClose() {
		return ErrClosed
	}
	defer c.end()
	cause := c.cause(err)
	closed, ok := cause.(*CloseError)
	if !ok || closed.Code == CodeAbnormal {
		return cause
	}
	if c.sendClose(closed.Code, closed.Reason) == nil && !closed.Remote {
		// Closing with unread data would reset the connection, and the peer might
		// never see why.
		c.halfClose()
		c.wire.Conn.SetReadDeadline(time.Now().Add(min(c.closeTimeout, drainTimeout)))
		io.Copy(io.Discard, c.wire.Conn)
	}
	return cause
}

// cause translates the errors of gorilla, flate and the network.
func (c *Conn) cause(err error) error {
	if c.wire.verdict != nil {
		return c.wire.verdict
	}
	switch e := err.(type) { // gorilla and flate hand on what the wire returns as it is
	case *CloseError:
		return e
	case *websocket.CloseError:
		if e.Code != CodeAbnormal {
			return &CloseError{Code: e.Code, Reason: e.Text, Remote: true}
		}
		err = io.ErrUnexpectedEOF
	case flate.CorruptInputError:
		return breach(CodeInvalidData, errDeflate)
	default:
		switch {
		case errors.Is(err, websocket.ErrReadLimit):
			// Gorilla has seen the length before the guard had the mask behind it.
			return breach(CodeProtocolError, errHighBit)
		case err == io.ErrUnexpectedEOF:
			return breach(CodeInvalidData, errDeflate)
		case isTimeout(err):
			return os.ErrDeadlineExceeded
		}
	}
	return &CloseError{Code: CodeAbnormal, Remote: true, Err: err}
}

func isTimeout(err error) bool {
	if err == nil { // as a rule: n would be allocated
		return false
	}
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
