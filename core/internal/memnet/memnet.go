// Package memnet is a network in memory: for tests without ports, also in bubbles of
// testing/synctest.
//
// Unlike those of net.Pipe, its connections have a buffer for each direction, as
// those of TCP do: two ends that write at the same time do not wait for each other.
package memnet

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bufferSize is how much may be on its way in one direction, in bytes.
const bufferSize = 64 << 10

// Listener is a [net.Listener] that is reached by its Dial only. All methods may be
// called concurrently.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Listen returns a listener.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Dial connects to the listener, whatever the address. It blocks until Accept takes
// the connection, the listener is closed, or ctx ends.
func (l *Listener) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	client, server := Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: Addr{}, Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: network, Addr: Addr{}, Err: context.Cause(ctx)}
	}
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. Connections stay.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements [net.Listener].
func (l *Listener) Addr() net.Addr { return Addr{} }

// Addr is the address of both ends of a connection. It has the form of others, for
// those who take it apart.
type Addr struct{}

// Network implements [net.Addr].
func (Addr) Network() string { return "memory" }

// String implements [net.Addr].
func (Addr) String() string { return "127.0.0.1:1" }

// Pipe returns the two ends of a connection.
func Pipe() (net.Conn, net.Conn) {
	a, b := newStream(), newStream()
	return &conn{in: a, out: b}, &conn{in: b, out: a}
}

// conn is one end.
type conn struct{ in, out *stream }

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return Addr{} }
func (c *conn) RemoteAddr() net.Addr        { return Addr{} }

func (c *conn) Close() error {
	c.in.stopReading()
	c.out.stopWriting()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.in.reader.set(c.in, t)
	c.out.writer.set(c.out, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.reader.set(c.in, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.writer.set(c.out, t)
	return nil
}

// stream is one direction.
type stream struct {
	changed *sync.Cond // its lock guards all fields

	data           []byte
	reader, writer side
}

// side is one end of a stream.
type side struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream { return &stream{changed: sync.NewCond(new(sync.Mutex))} }

func (s *stream) read(p []byte) (int, error) {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for {
		switch {
		case s.reader.closed:
			return 0, net.ErrClosed
		case s.reader.expired():
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			if len(s.data) == 0 {
				s.data = nil
			}
			s.changed.Broadcast()
			return n, nil
		case s.writer.closed:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for {
		switch {
		case s.writer.closed:
			return n, net.ErrClosed
		case s.reader.closed:
			return n, io.ErrClosedPipe
		case s.writer.expired():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if room := bufferSize - len(s.data); room > 0 {
			k := min(room, len(p))
			s.data = append(s.data, p[:k]...)
			p, n = p[k:], n+k
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) stopReading() {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	s.reader.closed = true
	s.data = nil
	s.reader.stopTimer()
	s.changed.Broadcast()
}

func (s *stream) stopWriting() {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	s.writer.closed = true
	s.writer.stopTimer()
	s.changed.Broadcast()
}

func (d *side) expired() bool { return !d.deadline.IsZero() && !time.Now().Before(d.deadline) }

func (d *side) stopTimer() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// set sets the deadline of a side of s.
func (d *side) set(s *stream, t time.Time) {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	d.stopTimer()
	d.deadline = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 && !d.closed {
		d.timer = time.AfterFunc(wait, func() {
			s.changed.L.Lock()
			defer s.changed.L.Unlock()
			s.changed.Broadcast()
		})
	}
	s.changed.Broadcast()
}
