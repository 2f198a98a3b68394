// Package ws is the seam between the engine and gorilla/websocket.
//
// Gorilla does the handshake and reads: frames, masks, control frames and
// inflation. This package adds what a public server needs around it: hijacking
// through wrapped response writers without losing early data, checks on frames
// that gorilla does not make, and writes of many messages in one system call
// that no pong or close frame can tear apart. Nothing gorilla writes reaches the
// network but the handshake.
//
// An idle connection has no goroutine of its own and holds one small read
// buffer. One goroutine calls [Conn.Read]; the other methods may be called by
// any goroutine at any time.
package ws

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	defaultWriteTimeout = 30 * time.Second
	defaultCloseTimeout = 5 * time.Second
)

// ErrClosed is what Read and Write return once the connection was closed on
// this side.
var ErrClosed = net.ErrClosed

// ErrIdle is what Read returns after Kick. The connection is as it was.
var ErrIdle = errors.New("websocket: nothing to read")

// Options configure a connection; the zero value of a field is its default.
type Options struct {
	// MaxMessage bounds one message in bytes, over all its fragments and after
	// inflation. Larger ones close the connection with code 1009. Zero means no
	// limit.
	MaxMessage int64
	// Compression agrees to permessage-deflate if the client offers it, without
	// context takeover. Frames then still say whether they are to be compressed.
	Compression bool
	// WriteTimeout is how long the kernel may take to accept up to 256 KiB; default
	// 30 s, negative means for ever.
	WriteTimeout time.Duration
	// CloseTimeout bounds all of Close; default 5 s.
	CloseTimeout time.Duration
	// HoldResponse keeps the response to the handshake back, for the first write to
	// take it along: one system call, and one packet, less for each connection that
	// begins with a message of the server. Write without frames sends it alone.
	HoldResponse bool
	// Linger is how long an ordinary close frame of the peer (code 1000 or none) is
	// left unanswered to read what some clients send behind it; default 0. See
	// Conn.ExpectClose.
	Linger time.Duration
}

func (o *Options) withDefaults() Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.WriteTimeout == 0 {
		opts.WriteTimeout = defaultWriteTimeout
	}
	if opts.CloseTimeout <= 0 {
		opts.CloseTimeout = defaultCloseTimeout
	}
	return opts
}

// Conn is a server-side WebSocket connection.
type Conn struct {
	wire         *wire
	gorilla      *websocket.Conn // reads only
	buffered     *bufio.Reader   // gorilla's
	maxMessage   int64
	closeTimeout time.Duration
	waiter       Waiter // may be nil
	compressed   bool
	vectored     bool // the kernel takes several buffers in one call
	linger       atomic.Int64
	closing      atomic.Bool // a close has begun: deadlines are fixed, no new writes; set with mu held

	// Who has the right to read may wait for that to write, never the other way round.
	reading right
	writing right

	readErr  error  // held with reading
	writeErr error  // held with writing
	unsent   []byte // held with writing: what goes before the next frame
	armed    bool   // held with writing: a write deadline is set

	spare []byte // of whoever calls Read: memory for the next message; or nil

	// Of a connection that was parked; the parker's mutex guards them.
	parkedAs uint64
	wake     func()
	watched  bool // the kernel knows of it

	mu           sync.Mutex // never held while anything blocks
	writeTimeout time.Duration
	closed       bool   // the network connection is closed
	kick         bool   // a Read that waits is to return
	handover     bool   // the writer is giving up its right, and takes no more pongs
	pong         []byte // to be sent by the holder of writing
}

func newConn(w *wire, g *websocket.Conn, br *bufio.Reader, o *Options) *Conn {
	_, tcp := w.Conn.(*net.TCPConn)
	c := &Conn{
		wire:         w,
		gorilla:      g,
		buffered:     br,
		maxMessage:   o.MaxMessage,
		closeTimeout: o.CloseTimeout,
		writeTimeout: o.WriteTimeout,
		vectored:     tcp,
	}
	c.linger.Store(int64(o.Linger))
	c.unsent, w.response = w.response, nil
	w.conn = c
	w.guard.hold = o.Linger > 0
	g.SetPingHandler(c.answerPing)
	// Read answers close frames, once it has let go of gorilla.
	g.SetCloseHandler(func(int, string) error { return nil })
	return c
}

// Waiter is told by whoever reads, which Close does too, before that may have to wait for
// the network. BeforeWait must not call Read or Close, nor block.
type Waiter interface{ BeforeWait() }

// SetWaiter must be called before the first Read or Close.
func (c *Conn) SetWaiter(w Waiter) { c.waiter = w }

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }

// Compressed reports whether permessage-deflate was agreed on.
func (c *Conn) Compressed() bool { return c.compressed }

// SetReadDeadline makes Read fail at t, for ever after; the zero time means
// never. It has no effect once the connection is closing.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() {
		return nil
	}
	return c.wire.Conn.SetReadDeadline(t)
}

// SetWriteTimeout replaces Options.WriteTimeout for the writes that begin from
// now on.
func (c *Conn) SetWriteTimeout(d time.Duration) {
	c.mu.Lock()
	c.writeTimeout = d
	c.mu.Unlock()
}

// Close sends a close frame with the code and the reason (at most 123 bytes of
// it), waits for the peer to answer, and closes the connection. What was being
// written by another goroutine goes out first; messages that the peer had sent
// and Read has not returned are dropped. It blocks for the round trip, at most
// Options.CloseTimeout altogether. While it waits, and after, Read and Write
// return ErrClosed. A second call returns nil at once.
//
// RFC 6455, section 7.
func (c *Conn) Close(code int, reason string) error {
	if !c.beginClose() {
		return nil
	}
	if err := c.sendClose(code, reason); err != nil {
		c.CloseNow()
		return err
	}
	c.reading.take() // a Read in progress ends at its next message, or at the deadline
	if c.readErr == nil {
		for err := error(nil); err == nil; {
			_, _, err = c.gorilla.NextReader()
		}
		c.readErr = ErrClosed
	}
	c.reading.give()
	return c.end()
}

// ExpectClose says that the peer has announced its close frame, so that nothing
// is to be expected behind it: see Options.Linger.
func (c *Conn) ExpectClose() { c.linger.Store(0) }

func (c *Conn) lingerTime() time.Duration {
	if c.closing.Load() {
		return 0
	}
	return time.Duration(c.linger.Load())
}

// CloseNow closes the network connection without a word. It does not block.
// Calls after the first return nil.
func (c *Conn) CloseNow() error {
	if !c.markClosed() {
		return nil
	}
	// The orderly end of a TLS connection can block for seconds.
	if t, ok := c.wire.Conn.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return c.wire.Conn.Close()
}

// end closes the network connection in order.
func (c *Conn) end() error {
	if !c.markClosed() {
		return nil
	}
	return c.wire.Conn.Close()
}

func (c *Conn) markClosed() (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = !c.closed
	c.closing.Store(true)
	c.closed = true
	return first
}

// beginClose reports whether the caller is the one to close the connection. From
// then on whatever still reads or writes has CloseTimeout left.
func (c *Conn) beginClose() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() {
		return false
	}
	c.closing.Store(true)
	c.wire.Conn.SetDeadline(time.Now().Add(c.closeTimeout))
	return true
}

// halfClose tells the peer that nothing more will come, where the connection
// can do that.
func (c *Conn) halfClose() {
	if h, ok := c.wire.Conn.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
	}
}

// CloseError is why a connection ended: the peer's close frame, its
// disappearance, or its breach of the protocol.
type CloseError struct {
	// Code is the status code of RFC 6455, section 7.4: the peer's if Remote is
	// set (1005 if its close frame had none, 1006 if the connection broke without
	// one), else the one that was sent to it.
	Code   int
	Reason string
	Remote bool  // the peer ended the connection
	Err    error // the underlying error, or nil
}

func (e *CloseError) Error() string {
	text := "websocket: closed with code " + itoa(e.Code)
	if e.Remote {
		text = "websocket: peer closed with code " + itoa(e.Code)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// The status codes of RFC 6455, section 7.4.1, that this package sends or
// reports.
const (
	CodeNormal        = websocket.CloseNormalClosure
	CodeGoingAway     = websocket.CloseGoingAway
	CodeProtocolError = websocket.CloseProtocolError
	CodeNoStatus      = websocket.CloseNoStatusReceived
	CodeAbnormal      = websocket.CloseAbnormalClosure
	CodeInvalidData   = websocket.CloseInvalidFramePayloadData
	CodePolicy        = websocket.ClosePolicyViolation
	CodeTooBig        = websocket.CloseMessageTooBig
)

var errWriteTimeout = fmt.Errorf("websocket: the peer takes no data: %w", os.ErrDeadlineExceeded)
