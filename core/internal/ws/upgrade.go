package ws

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"
)

func itoa(n int) string { return strconv.Itoa(n) }

// HandshakeError says that the request is no WebSocket handshake. Nothing has
// been written: the caller answers with Status, Message as the body, and Header
// added to the response's.
type HandshakeError struct {
	Status  int
	Message string
	Header  http.Header // may be nil
}

func (e *HandshakeError) Error() string { return "websocket: " + e.Message }

// HijackError says that the connection under the response writer cannot be
// taken over. Nothing has been written: the caller can answer, with 500 or 501.
type HijackError struct {
	Writer string // concrete type of the writer that cannot
	Err    error
}

func (e *HijackError) Error() string {
	return "websocket: cannot hijack the connection from a " + e.Writer + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *HijackError) Unwrap() error { return e.Err }

// Upgrader answers handshakes, all with the same options. It is made once: what it has is
// out of the way then, on the stack of an HTTP server's goroutine, which is 4 KiB at this
// point and not to grow if it can be helped; that costs as much as 30 allocations. All
// methods may be called concurrently.
type Upgrader struct {
	opts    Options
	gorilla websocket.Upgrader
}

// NewUpgrader returns an upgrader with a copy of o; nil means all defaults.
func NewUpgrader(o *Options) *Upgrader {
	u := &Upgrader{opts: o.withDefaults()}
	u.gorilla = websocket.Upgrader{
		WriteBufferSize:   1, // gorilla never writes a message, and the pool keeps it from holding a buffer
		WriteBufferPool:   noBuffers{},
		EnableCompression: u.opts.Compression,
		CheckOrigin:       func(*http.Request) bool { return true },
		Error:             func(http.ResponseWriter, *http.Request, int, error) {},
	}
	if !u.opts.HoldResponse {
		u.gorilla.HandshakeTimeout = max(u.opts.WriteTimeout, 0)
	}
	return u
}

// Upgrade answers the handshake r with 101 and the header h, and takes the
// connection over. It blocks as long as writing the response takes, at most
// Options.WriteTimeout. It checks everything that RFC 6455, section 4.2.1, asks
// of a request but its origin, which is up to the caller.
//
// If w is a wrapper, the writer that can hijack is found through its Unwrap
// method, as [http.ResponseController] does. Deadlines that the HTTP server had
// set are cleared. Data that the client sent right behind its request is kept
// for Read.
//
// The error is a *HandshakeError or a *HijackError as long as the caller can
// still answer; with any other error the connection is gone.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request, h http.Header) (*Conn, error) {
	hijacked, err := u.hijack(w, r)
	if err != nil {
		return nil, err
	}
	g, err := u.gorilla.Upgrade(hijacked, r, h)
	if err != nil {
		hijacked.wire.Conn.Close()
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	return u.established(hijacked, g, r), nil
}

func (u *Upgrader) hijack(w http.ResponseWriter, r *http.Request) (*hijacked, error) {
	if err := checkHandshake(r); err != nil {
		return nil, err
	}
	conn, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &HijackError{Writer: writerType(w), Err: err}
	}
	wire := newWire(conn, brw.Reader, &u.opts)
	size := gorillaBuffer
	if wire.raw == nil {
		size = bufferedRead
	}
	// The buffer of net/http is not used for the response: as long as nothing was written
	// there, it takes no page of the memory.
	brw.Reader, brw.Writer = bufio.NewReaderSize(wire, size), bufio.NewWriterSize(wire, 512)
	return &hijacked{wire, brw}, nil
}

func (u *Upgrader) established(h *hijacked, g *websocket.Conn, r *http.Request) *Conn {
	h.wire.established = true
	c := newConn(h.wire, g, h.brw.Reader, &u.opts)
	c.compressed = u.opts.Compression && offersDeflate(r.Header)
	h.wire.guard.deflate = c.compressed
	return c
}

// checkHandshake comes before gorilla's own checks to answer in the words of
// the reference server.
func checkHandshake(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet:
		return &HandshakeError{Status: http.StatusMethodNotAllowed, Message: "Invalid HTTP method", Header: http.Header{"Allow": {"GET"}}}
	case !websocket.IsWebSocketUpgrade(r):
		return &HandshakeError{Status: http.StatusBadRequest, Message: "Invalid Upgrade header"}
	case !validKey(r.Header.Get("Sec-Websocket-Key")):
		return &HandshakeError{Status: http.StatusBadRequest, Message: "Missing or invalid Sec-WebSocket-Key header"}
	case !hasToken(r.Header.Values("Sec-Websocket-Version"), "13"):
		return &HandshakeError{
			Status:  http.StatusBadRequest,
			Message: "Missing or invalid Sec-WebSocket-Version header",
			Header:  http.Header{"Sec-Websocket-Version": {"13"}},
		}
	}
	return nil
}

// validKey reports whether key is the base64 form of 16 bytes.
func validKey(key string) bool {
	var nonce [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(nonce[:], []byte(key))
	return err == nil && n == 16
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// offersDeflate reports whether gorilla agrees to compression, which it keeps to
// itself.
func offersDeflate(h http.Header) bool {
	for _, v := range h.Values("Sec-Websocket-Extensions") {
		for offer := range strings.SplitSeq(v, ",") {
			name, _, _ := strings.Cut(offer, ";")
			if strings.TrimSpace(name) == "permessage-deflate" {
				return true
			}
		}
	}
	return false
}

// writerType names the writer that ends the chain of wrappers.
func writerType(w http.ResponseWriter) string {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return fmt.Sprintf("%T", w)
		}
		inner := u.Unwrap()
		if inner == nil {
			return fmt.Sprintf("%T", w)
		}
		w = inner
	}
}

// hijacked hands a connection that was hijacked before to gorilla, which asks
// the response writer for it and nothing else. It goes on to use the reader, which is
// of more than 256 bytes and holds no data, and writes the response in the buffer of the
// writer.
type hijacked struct {
	wire *wire
	brw  *bufio.ReadWriter
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.wire, h.brw, nil
}

func (*hijacked) Header() http.Header       { return http.Header{} }
func (*hijacked) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (*hijacked) WriteHeader(int)           {}

// noBuffers is a pool that never has a buffer nor keeps one.
type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}
