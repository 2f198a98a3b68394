package engineio_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

var discardLogger = slog.New(slog.DiscardHandler)

// counter counts messages, or echoes them.
type counter struct {
	session *engineio.Session
	n       atomic.Int64
	echo    bool
	signal  chan struct{}
}

func (c *counter) OnMessage(data []byte, binary bool) {
	if c.echo {
		c.session.Send(&engineio.Outgoing{Data: data, Binary: binary})
	}
	c.n.Add(1)
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *counter) OnClose(engineio.Reason, error) {}

func (c *counter) waitFor(n int64) {
	for c.n.Load() < n {
		<-c.signal
	}
}

func benchFixture(b *testing.B, echo bool) (*fixture, func() *counter) {
	sessions := make(chan *counter, 1)
	f := start(b, &engineio.Options{
		MaxQueueMessages: -1, MaxQueueBytes: -1, Logger: discardLogger,
		OnConnection: func(s *engineio.Session) engineio.Handler {
			c := &counter{session: s, echo: echo, signal: make(chan struct{}, 1)}
			sessions <- c
			return c
		},
	})
	return f, func() *counter { return <-sessions }
}

func BenchmarkWebSocketReceive(b *testing.B) {
	f, session := benchFixture(b, false)
	c := f.dial(b, "")
	s := session()
	frame := append([]byte{0x81, 0x80 | 33, 0, 0, 0, 0}, "4"+strings.Repeat("x", 32)...)
	const batch = 64
	frames := bytes.Repeat(frame, batch)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 {
			c.NetConn().Write(frames)
		}
		s.waitFor(int64(i + 1))
	}
}

func BenchmarkWebSocketSend(b *testing.B) {
	f, session := benchFixture(b, false)
	c := f.dial(b, "")
	s := session()
	go io.Copy(io.Discard, c.NetConn().(net.Conn))
	o := &engineio.Outgoing{Data: []byte(strings.Repeat("x", 32))}
	b.ReportAllocs()
	for b.Loop() {
		s.session.Send(o)
	}
}

func BenchmarkWebSocketEcho(b *testing.B) {
	f, session := benchFixture(b, true)
	c := f.dial(b, "")
	session()
	c.read(b)
	msg := []byte("4" + strings.Repeat("x", 32))
	b.ReportAllocs()
	for b.Loop() {
		c.WriteMessage(websocket.TextMessage, msg)
		if _, _, err := c.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

// bareWriter is a ResponseWriter without a network.
type bareWriter struct {
	header http.Header
	n      int
}

func (w *bareWriter) Header() http.Header         { return w.header }
func (w *bareWriter) WriteHeader(int)             {}
func (w *bareWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }

func (w *bareWriter) reset() { clear(w.header) }

func (w *bareWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *bareWriter) SetWriteDeadline(time.Time) error { return nil }
func (w *bareWriter) Flush()                           {}

func BenchmarkPollingSend(b *testing.B) {
	f, session := benchFixture(b, false)
	resp := f.request(b, "GET", f.url("polling", ""), "")
	s := session()
	r, _ := http.NewRequest("GET", f.url("polling", parseOpen(b, resp.body).SID), nil)
	w := &bareWriter{header: http.Header{}}
	o := &engineio.Outgoing{Data: []byte(strings.Repeat("x", 32))}
	b.ReportAllocs()
	for b.Loop() {
		s.session.Send(o)
		w.reset()
		f.engine.ServeHTTP(w, r)
	}
}

func BenchmarkPollingReceive(b *testing.B) {
	f, session := benchFixture(b, false)
	resp := f.request(b, "GET", f.url("polling", ""), "")
	session()
	msg := "4" + strings.Repeat("x", 32)
	body := strings.NewReader(msg)
	r, _ := http.NewRequest("POST", f.url("polling", parseOpen(b, resp.body).SID), body)
	r.Body = io.NopCloser(body)
	w := &bareWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(msg)
		w.reset()
		f.engine.ServeHTTP(w, r)
	}
}

func BenchmarkPollingHandshake(b *testing.B) {
	engine := engineio.NewServer(&engineio.Options{Logger: discardLogger})
	b.Cleanup(func() { engine.Close() })
	r, _ := http.NewRequest("GET", "http://x/?EIO=4&transport=polling", nil)
	r.RemoteAddr = "192.0.2.1:1234"
	w := &bareWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		w.reset()
		engine.ServeHTTP(w, r)
	}
}

func BenchmarkWebSocketHandshake(b *testing.B) {
	f, session := benchFixture(b, false)
	b.ReportAllocs()
	for b.Loop() {
		c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		session()
		c.NetConn().Close()
	}
}
