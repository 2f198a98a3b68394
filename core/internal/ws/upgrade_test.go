package ws_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

func TestBadHandshake(t *testing.T) {
	good := request("")
	for _, tt := range []struct {
		name, request string
		status        int
		message       string
	}{
		{"O9 no key", strings.Replace(good, "Sec-WebSocket-Key", "X", 1), 400, "Missing or invalid Sec-WebSocket-Key header"},
		{"O9 short key", strings.Replace(good, handshakeKey, "AQID", 1), 400, "Missing or invalid Sec-WebSocket-Key header"},
		{"O9 long key", strings.Replace(good, handshakeKey, "dGhlIHNhbXBsZSBub25jZTE=", 1), 400, "Missing or invalid Sec-WebSocket-Key header"},
		{"O9 bad key", strings.Replace(good, handshakeKey, "!GhlIHNhbXBsZSBub25jZQ==", 1), 400, "Missing or invalid Sec-WebSocket-Key header"},
		{"O9 version", strings.Replace(good, "Version: 13", "Version: 12", 1), 400, "Missing or invalid Sec-WebSocket-Version header"},
		{"O9 no version", strings.Replace(good, "Sec-WebSocket-Version: 13", "X: y", 1), 400, "Missing or invalid Sec-WebSocket-Version header"},
		{"method", strings.Replace(good, "GET", "POST", 1), 405, "Invalid HTTP method"},
		{"upgrade", strings.Replace(good, "Upgrade: websocket", "Upgrade: h2c", 1), 400, "Invalid Upgrade header"},
		{"connection", strings.Replace(good, "keep-alive, Upgrade", "keep-alive", 1), 400, "Invalid Upgrade header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(tt.request)))
			if err != nil {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			_, err = ws.NewUpgrader(nil).Upgrade(rec, r, nil)
			var bad *ws.HandshakeError
			if !errors.As(err, &bad) || bad.Status != tt.status || bad.Message != tt.message {
				t.Fatalf("Upgrade: %v, want %d %q", err, tt.status, tt.message)
			}
			if v := bad.Header.Get("Sec-Websocket-Version"); (v == "13") != strings.Contains(tt.message, "Version") {
				t.Errorf("Sec-WebSocket-Version is %q", v)
			}
			if rec.Body.Len() > 0 || len(rec.Header()) > 0 {
				t.Error("a response was written")
			}
		})
	}
}

type plainWriter struct{ http.ResponseWriter } // hides what the inner one can do

type unwrappingWriter struct {
	http.ResponseWriter
	t *testing.T
}

func (w unwrappingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w unwrappingWriter) WriteHeader(int) { w.t.Error("WriteHeader called") }

func (w unwrappingWriter) Write(p []byte) (int, error) {
	w.t.Error("Write called")
	return len(p), nil
}

// User need 17: a wrapper needs Unwrap, not Hijack.
func TestHijackThroughWrappers(t *testing.T) {
	addr, conns := listen(t, nil, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(unwrappingWriter{unwrappingWriter{w, t}, t}, r)
		})
	})
	p := dial(t, addr, "")
	c := <-conns
	p.send(textFrame("hello"))
	wantMessage(t, c, "hello", false)
	finish(t, c, p)
}

// User need 17: the error names the writer that is to blame, and the request can
// still be answered.
func TestCannotHijack(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := ws.NewUpgrader(nil).Upgrade(unwrappingWriter{plainWriter{w}, t}, r, nil)
		var cannot *ws.HijackError
		if !errors.As(err, &cannot) || cannot.Writer != "ws_test.plainWriter" || !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Upgrade: %v", err)
		}
		http.Error(w, "no", http.StatusNotImplemented)
	}))
	defer s.Close()
	conn := rawDial(t, s.Listener.Addr().String())
	conn.send([]byte(request("")))
	res, err := http.ReadResponse(conn.br, nil)
	if err != nil || res.StatusCode != http.StatusNotImplemented {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	conn.conn.Close()
}

// Frames glued to the request are not lost, on a socket or off it.
func TestEarlyData(t *testing.T) {
	c, p := pair(t, nil, textFrame("2probe"), textFrame("5"), []byte{0x81})
	wantMessage(t, c, "2probe", false)
	wantMessage(t, c, "5", false)
	p.send(textFrame("later")[1:])
	wantMessage(t, c, "later", false)
	finish(t, c, p)

	c, p = pipePair(t, nil, string(textFrame("glued"))+string(textFrame("half")[:3]))
	wantMessage(t, c, "glued", false)
	go p.try(textFrame("half")[3:])
	wantMessage(t, c, "half", false)
}

// Larger than the read buffer, and read with the smallest.
func TestEarlyDataLarge(t *testing.T) {
	long := strings.Repeat("0123456789", 350)
	c, _ := pair(t, nil, textFrame(long), textFrame("z"))
	wantMessage(t, c, long, false)
	wantMessage(t, c, "z", false)
}

// V8, C-09: garbage behind the request ends the connection and nothing else.
func TestGarbageBehindTheRequestV8(t *testing.T) {
	c, p := pair(t, nil, []byte("\xff\xff\xff\xff garbage \x00\x00"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.wantClose(ws.CodeProtocolError)
		p.conn.Close()
	}()
	wantCloseError(t, c, ws.CodeProtocolError, false)
	<-done
}

// Deadlines of the HTTP server do not live on.
func TestServerDeadlinesAreCleared(t *testing.T) {
	conns := make(chan *ws.Conn, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		past := time.Now().Add(-time.Second)
		if rc.SetReadDeadline(past) != nil || rc.SetWriteDeadline(past) != nil {
			t.Error("cannot set deadlines")
		}
		c, err := ws.NewUpgrader(nil).Upgrade(w, r, http.Header{"X-Test": {"yes"}})
		if err != nil {
			t.Errorf("Upgrade: %v", err)
		}
		conns <- c
	}))
	s.Start()
	defer s.Close()
	p := dial(t, s.Listener.Addr().String(), "")
	c := <-conns
	p.send(textFrame("a"))
	wantMessage(t, c, "a", false)
	if err := c.Write(ws.Frame{Payload: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	p.want(0x81, "b")
	finish(t, c, p)
}

func TestCompressionNegotiation(t *testing.T) {
	for _, tt := range []struct {
		offer string
		agree bool
		want  bool
	}{
		{deflateOffer, true, true},
		{"x-other, permessage-deflate", true, true},
		{deflateOffer, false, false},
		{"", true, false},
		{"x-other; permessage-deflate", true, false},
	} {
		addr, conns := listen(t, &ws.Options{Compression: tt.agree}, nil)
		p := dial(t, addr, tt.offer)
		c := <-conns
		if c.Compressed() != tt.want {
			t.Errorf("offer %q, agree %v: Compressed() = %v", tt.offer, tt.agree, c.Compressed())
		}
		if c.RemoteAddr().String() != p.conn.LocalAddr().String() {
			t.Errorf("RemoteAddr is %v", c.RemoteAddr())
		}
		finish(t, c, p)
	}
}
