package ws_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

const handshakeKey = "dGhlIHNhbXBsZSBub25jZQ=="

const deflateOffer = "permessage-deflate; client_max_window_bits"

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func request(extensions string) string {
	req := "GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshakeKey + "\r\n"
	if extensions != "" {
		req += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	return req + "\r\n"
}

// peer is the client's end, with frames made by hand so that they can be wrong.
type peer struct {
	t    testing.TB
	conn net.Conn
	br   *bufio.Reader
}

// listen serves upgrades on a real socket; every connection arrives in the
// channel. The handler returns at once, as the engine's does.
func listen(t testing.TB, o *ws.Options, wrap func(http.Handler) http.Handler) (addr string, conns <-chan *ws.Conn) {
	t.Helper()
	ch := make(chan *ws.Conn, 1024)
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.NewUpgrader(o).Upgrade(w, r, http.Header{"X-Test": {"yes"}})
		if err != nil {
			t.Errorf("Upgrade: %v", err)
			return
		}
		ch <- c
	})
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		for len(ch) > 0 {
			(<-ch).CloseNow()
		}
	})
	return s.Listener.Addr().String(), ch
}

// dial opens a connection and sends more behind the request.
func dial(t testing.TB, addr, extensions string, more ...[]byte) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p := &peer{t: t, conn: conn, br: bufio.NewReader(conn)}
	p.send(append([][]byte{[]byte(request(extensions))}, more...)...)
	res, err := http.ReadResponse(p.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || res.Header.Get("X-Test") != "yes" {
		t.Fatalf("handshake: %v", res)
	}
	return p
}

// pair connects over a real socket.
func pair(t testing.TB, o *ws.Options, more ...[]byte) (*ws.Conn, *peer) {
	t.Helper()
	extensions := ""
	if o != nil && o.Compression {
		extensions = deflateOffer
	}
	addr, conns := listen(t, o, nil)
	p := dial(t, addr, extensions, more...)
	c := <-conns
	t.Cleanup(func() { c.CloseNow() })
	return c, p
}

// pipeWriter is a response writer whose connection is one end of a net.Pipe.
type pipeWriter struct {
	http.ResponseWriter
	conn  net.Conn
	early string
}

func (w pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	br := bufio.NewReader(io.MultiReader(strings.NewReader(w.early), w.conn))
	br.Peek(len(w.early))
	return w.conn, bufio.NewReadWriter(br, bufio.NewWriter(w.conn)), nil
}

// pipePair connects over net.Pipe, which has no buffers and works with a fake
// clock.
func pipePair(t testing.TB, o *ws.Options, early string) (*ws.Conn, *peer) {
	t.Helper()
	client, server := net.Pipe()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request(deflateOffer))))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: client, br: bufio.NewReader(client)}
	answered := make(chan error, 1)
	go func() {
		_, err := http.ReadResponse(p.br, nil)
		answered <- err
	}()
	c, err := ws.NewUpgrader(o).Upgrade(pipeWriter{ResponseWriter: httptest.NewRecorder(), conn: server, early: early}, r, nil)
	if err == nil {
		err = <-answered
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		c.CloseNow()
	})
	return c, p
}

// frame makes a masked frame.
func frame(first byte, payload []byte) []byte {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	key := [4]byte{1, 2, 3, 4}
	out = append(out, key[:]...)
	for i, b := range payload {
		out = append(out, b^key[i&3])
	}
	return out
}

func textFrame(s string) []byte { return frame(0x81, []byte(s)) }

func closeFrame(code uint16, reason string) []byte {
	return frame(0x88, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

func (p *peer) send(frames ...[]byte) {
	p.t.Helper()
	if _, err := p.conn.Write(bytes.Join(frames, nil)); err != nil {
		p.t.Fatal(err)
	}
}

// try sends what the other side may not read to the end.
func (p *peer) try(data []byte) { p.conn.Write(data) }

// read returns the next frame of the server.
func (p *peer) read() (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err = io.ReadFull(p.br, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch h[1] {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(p.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(p.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err == nil && n > 1<<30 {
		err = errors.New("the server masks, or has gone mad")
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.br, payload)
	return h[0], payload, err
}

func (p *peer) want(first byte, payload string) {
	p.t.Helper()
	f, got, err := p.read()
	if err != nil || f != first || string(got) != payload {
		p.t.Fatalf("got frame %#x %.80q, %v; want %#x %.80q", f, got, err, first, payload)
	}
}

// wantClose skips to the close frame and checks its code and that the connection
// ends behind it.
func (p *peer) wantClose(code int) (reason string) {
	p.t.Helper()
	for {
		f, payload, err := p.read()
		if err != nil {
			p.t.Fatalf("no close frame: %v", err)
		}
		if f != 0x88 {
			continue
		}
		if len(payload) < 2 || int(binary.BigEndian.Uint16(payload)) != code {
			p.t.Fatalf("close frame %q, want code %d", payload, code)
		}
		if _, err := p.br.ReadByte(); err != io.EOF {
			p.t.Fatalf("after the close frame: %v, want EOF", err)
		}
		return string(payload[2:])
	}
}

func wantMessage(t testing.TB, c *ws.Conn, want string, wantBinary bool) {
	t.Helper()
	data, binary, err := c.Read()
	if err != nil || string(data) != want || binary != wantBinary {
		t.Fatalf("Read = %.80q, %v, %v; want %.80q, %v", data, binary, err, want, wantBinary)
	}
}

// wantCloseError reads until an error and checks it, and that it stays.
func wantCloseError(t testing.TB, c *ws.Conn, code int, remote bool) *ws.CloseError {
	t.Helper()
	var err error
	for err == nil {
		_, _, err = c.Read()
	}
	var closed *ws.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Remote != remote {
		t.Fatalf("Read: %v, want code %d, remote %v", err, code, remote)
	}
	if _, _, again := c.Read(); again != err {
		t.Fatalf("Read after %v: %v", err, again)
	}
	return closed
}

// finish closes the connection in order, while the peer goes away.
func finish(t testing.TB, c *ws.Conn, p *peer) {
	t.Helper()
	p.conn.Close()
	c.CloseNow()
}
