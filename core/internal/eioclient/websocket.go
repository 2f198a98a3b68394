package eioclient

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/packet"
)

// socket is the websocket transport.
type socket struct {
	c    *Conn
	ws   *websocket.Conn
	wire *wire // below ws
}

// Sizes in bytes. The read buffer is held as long as the connection, so it is small;
// messages can be larger.
const (
	readBuffer  = 1 << 10
	writeBuffer = 4 << 10
)

var writeBuffers = new(sync.Pool)

func (s *socket) name() string { return WebSocket }
func (s *socket) abort()       { s.ws.Close() }

// openWebSocket does the handshake over a websocket.
func (c *Conn) openWebSocket(ctx context.Context) error {
	s, err := c.dialWebSocket(ctx)
	if err != nil {
		return err
	}
	p, err := s.receive(ctx)
	if err == nil {
		err = c.greet(p)
	}
	if err != nil {
		s.ws.Close()
		return &Error{Transport: WebSocket, Op: "handshake", Err: err}
	}
	c.tr = s
	return nil
}

// dialWebSocket opens a websocket, for the session if there is one.
func (c *Conn) dialWebSocket(ctx context.Context) (*socket, error) {
	s := &socket{c: c}
	stop := func() bool { return true }
	defer func() { stop() }()
	dialer := websocket.Dialer{
		Proxy:             c.opts.Proxy,
		Jar:               c.jar(),
		TLSClientConfig:   cloneTLS(c.opts.TLS),
		Subprotocols:      c.opts.Subprotocols,
		ReadBufferSize:    readBuffer,
		WriteBufferSize:   writeBuffer,
		WriteBufferPool:   writeBuffers,
		EnableCompression: c.opts.CompressionThreshold > 0,
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := c.opts.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			s.wire = &wire{Conn: conn}
			stop = context.AfterFunc(ctx, func() { conn.Close() }) // the dialer notices deadlines only
			return s.wire, nil
		},
	}
	u := c.url
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	address, err := u.Parse(c.address(WebSocket))
	if err == nil {
		address.Scheme = u.Scheme
		var res *http.Response
		s.ws, res, err = dialer.DialContext(ctx, address.String(), c.opts.Header.Clone())
		if err != nil && res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			failed := statusError(WebSocket, "handshake", res.StatusCode, res.Body)
			if res.StatusCode < http.StatusMultipleChoices {
				failed.Err = errNoUpgrade
			}
			return nil, failed
		}
	}
	if err != nil {
		return nil, &Error{Transport: WebSocket, Op: "handshake", Err: err}
	}
	s.ws.SetReadLimit(max(c.opts.MaxMessage, 0))
	s.ws.SetPongHandler(c.ponged)
	return s, nil
}

// receive reads one packet. It closes the websocket if ctx ends before that.
func (s *socket) receive(ctx context.Context) (packet.Packet, error) {
	stop := context.AfterFunc(ctx, func() { s.ws.Close() })
	p, err := s.read()
	if !stop() && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return p, err
}

func (s *socket) read() (packet.Packet, error) {
	kind, r, err := s.ws.NextReader()
	if err != nil {
		return packet.Packet{}, err
	}
	// The limit of the websocket counts what is on the wire, compressed.
	data, err := readAll(r, s.c.opts.MaxMessage)
	if err != nil {
		return packet.Packet{}, err
	}
	if kind == websocket.BinaryMessage {
		return packet.Packet{Type: packet.Message, Data: data, Binary: true}, nil
	}
	p, err := packet.DecodeText(data, 4)
	if err != nil {
		return p, errPacket
	}
	return p, nil
}

// readSocket is the reader of the websocket transport.
func (c *Conn) readSocket(s *socket) {
	for {
		p, err := s.read()
		if err != nil {
			failed, reason := socketError(err)
			c.end(reason, failed)
			return
		}
		if !c.handle(p) {
			return
		}
	}
}

func (s *socket) write(batch []outgoing) *Error {
	// What does not fit into the write buffer leaves it in pieces. Nothing bounds how
	// long this takes but the heartbeat, whose timer closes the connection.
	many := len(batch) > 1 || len(batch[0].Data) > writeBuffer
	if many {
		s.wire.cork()
	}
	err := s.writeAll(batch)
	if many {
		if flushed := s.wire.uncork(); err == nil {
			err = flushed
		}
	}
	if err != nil {
		return &Error{Transport: WebSocket, Op: "write", Err: err}
	}
	return nil
}

func (s *socket) writeAll(batch []outgoing) error {
	for i := range batch {
		if err := s.writeOne(&batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// digits are the types of packets as they are written.
var digits = []byte("0123456")

func (s *socket) writeOne(p *outgoing) error {
	threshold := s.c.opts.CompressionThreshold
	s.ws.EnableWriteCompression(threshold > 0 && !p.noCompress && len(p.Data) >= threshold)
	if p.Binary && !s.c.opts.ForceBase64 {
		return s.ws.WriteMessage(websocket.BinaryMessage, p.Data)
	}
	w, err := s.ws.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	if p.Binary {
		_, err = w.Write(packet.AppendText(nil, p.Packet, 4))
	} else if _, err = w.Write(digits[p.Type : p.Type+1]); err == nil {
		_, err = w.Write(p.Data)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// bye sends a close frame. The reader sees the answer.
func (s *socket) bye(ctx context.Context) error {
	deadline, _ := ctx.Deadline() // zero: none
	return s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
}

// wire is the network connection of a websocket. While it is corked, what is written
// is kept, to be sent in one go.
type wire struct {
	net.Conn

	mu       sync.Mutex // guards what follows
	corked   *bytes.Buffer
	flushing bool // by uncork
}

// maxCorked is how much is kept at most, in bytes.
const maxCorked = 64 << 10

var corks = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.corked == nil {
		w.mu.Unlock()
		return w.Conn.Write(p)
	}
	defer w.mu.Unlock()
	if w.corked.Len()+len(p) > maxCorked {
		if w.flushing { // these are pongs, and may not overtake
			return 0, errPings
		}
		if err := w.flushLocked(); err != nil {
			return 0, err
		}
		if len(p) > maxCorked {
			return w.Conn.Write(p)
		}
	}
	return w.corked.Write(p)
}

// SetWriteDeadline does nothing while the connection is corked: the deadline of a pong
// must not be that of the messages that are written at the same time.
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.corked != nil {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

func (w *wire) cork() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Conn.SetWriteDeadline(time.Time{})
	w.corked = corks.Get().(*bytes.Buffer)
}

// uncork writes what was kept, without the lock: what comes meanwhile is kept too, and
// so the reader, which answers pings, need not wait.
func (w *wire) uncork() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushing = true
	for w.corked.Len() > 0 && err == nil {
		kept := w.corked
		w.corked = corks.Get().(*bytes.Buffer)
		w.mu.Unlock()
		_, err = w.Conn.Write(kept.Bytes())
		w.mu.Lock()
		kept.Reset()
		corks.Put(kept)
	}
	w.corked.Reset()
	corks.Put(w.corked)
	w.corked, w.flushing = nil, false
	return err
}

func (w *wire) flushLocked() error {
	defer w.corked.Reset()
	_, err := w.Conn.Write(w.corked.Bytes())
	return err
}
