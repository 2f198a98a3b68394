package socketio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// sink is the server's end of a connection whose other end is the test itself: what is
// fed is what the server reads, and what it writes is taken apart on the spot, by the
// goroutine that writes. So a client costs no goroutine and, once its buffers have grown,
// no memory: whatever is allocated is the server's.
type sink struct {
	got   func(message []byte) // nil, or is called with each text message after the CONNECT; it must not keep it
	ready chan struct{}        // closed once the client is connected to "/"
	gone  chan struct{}        // closed by Close

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	in      []byte // fed
	at      int    // how much of it has been read
	closed  bool
	expired bool // the read deadline is over

	// Used by the writer alone.
	rest     []byte // an incomplete frame
	upgraded bool   // the response to the handshake is over
}

func newSink(got func([]byte)) *sink {
	s := &sink{got: got, ready: make(chan struct{}), gone: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	s.feed([]byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: sio\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	return s
}

// clientFrame returns a frame as clients send them; the mask is zero.
func clientFrame(op byte, payload string) []byte {
	head := []byte{0x80 | op, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		head = binary.BigEndian.AppendUint16([]byte{0x80 | op, 0x80 | 126}, uint16(len(payload)))
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

// feed is what the client sends. It does not block, and keeps nothing of p.
func (s *sink) feed(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == len(s.in) {
		s.in, s.at = s.in[:0], 0
	}
	s.in = append(s.in, p...)
	s.changed.Broadcast()
}

func (s *sink) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.expired:
			return 0, os.ErrDeadlineExceeded
		case s.at < len(s.in):
			n := copy(p, s.in[s.at:])
			s.at += n
			return n, nil
		}
		s.changed.Wait()
	}
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	data := p
	if len(s.rest) > 0 {
		s.rest = append(s.rest, p...)
		data = s.rest
	}
	s.rest = append(s.rest[:0], data[s.take(data):]...)
	return len(p), nil
}

// take takes all frames that are whole, and returns how long they are.
func (s *sink) take(data []byte) (n int) {
	if !s.upgraded {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return 0
		}
		s.upgraded, n = true, end+4
	}
	for {
		head, size := serverFrame(data[n:])
		if head == 0 {
			return n
		}
		s.receive(data[n]&0x0f, data[n+head:n+head+size])
		n += head + size
	}
}

// serverFrame returns the sizes of a frame as servers send them; 0 if it is not whole.
func serverFrame(data []byte) (head, size int) {
	if len(data) < 10 && (len(data) < 2 || len(data) < 2+int(data[1])) {
		return 0, 0
	}
	switch head, size = 2, int(data[1]); size {
	case 126:
		head, size = 4, int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		head, size = 10, int(binary.BigEndian.Uint64(data[2:]))
	}
	if len(data) < head+size {
		return 0, 0
	}
	return head, size
}

var (
	connectFrame = clientFrame(1, "40")
	pongFrame    = clientFrame(1, "3")
	closedFrame  = clientFrame(8, "\x03\xe8")
)

func (s *sink) receive(op byte, message []byte) {
	switch {
	case op == 8:
		s.feed(closedFrame)
	case op != 1 || len(message) == 0:
	case message[0] == '0':
		s.feed(connectFrame)
	case message[0] == '2':
		s.feed(pongFrame)
	case bytes.HasPrefix(message, []byte("40")):
		close(s.ready)
	case s.got != nil:
		s.got(message)
	}
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.gone)
		s.changed.Broadcast()
	}
	return nil
}

// SetReadDeadline knows deadlines that are over already: with those net/http and the
// server end a Read.
func (s *sink) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = !t.IsZero() && time.Until(t) <= 0
	s.changed.Broadcast()
	return nil
}

func (s *sink) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) LocalAddr() net.Addr              { return pipeAddr{} }
func (s *sink) RemoteAddr() net.Addr             { return pipeAddr{} }

// meter counts what arrives at sinks.
type meter struct {
	n    atomic.Int64
	want atomic.Int64
	done chan struct{} // capacity 1
}

func newMeter() *meter { return &meter{done: make(chan struct{}, 1)} }

func (m *meter) add() {
	if m.n.Add(1) == m.want.Load() {
		m.done <- struct{}{}
	}
}

// during runs do and waits for k calls of add that it brings about.
func (m *meter) during(k int, do func()) {
	m.want.Store(m.n.Load() + int64(k))
	do()
	<-m.done
}

// sinks is a server with clients that are sinks.
type sinks struct {
	sio     *socketio.Server
	clients []*sink
	sockets []*socketio.Socket // of the clients
	meter   *meter             // of all messages that they get
}

// connectSinks starts a server that n clients are connected to. It ends with the test.
func connectSinks(t testing.TB, n int) *sinks {
	t.Helper()
	f := &sinks{meter: newMeter()}
	f.sio = socketio.NewServer(&socketio.Options{
		MaxQueueMessages: -1, MaxQueueBytes: -1, ConnectTimeout: -1,
		PingInterval: time.Hour, // no test takes so long
	})
	connected := make(chan *socketio.Socket)
	f.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { connected <- s; return nil })
	ln := newPipeListener()
	hs := &http.Server{Handler: f.sio}
	go hs.Serve(ln)
	t.Cleanup(func() { f.sio.Close(); hs.Close() })
	for range n {
		c := newSink(func([]byte) { f.meter.add() })
		ln.conns <- c
		f.clients = append(f.clients, c)
		f.sockets = append(f.sockets, receive(t, connected))
	}
	return f
}

// join puts the first n sockets into a room.
func (f *sinks) join(room string, n int) {
	for _, s := range f.sockets[:n] {
		s.Join(room)
	}
}
