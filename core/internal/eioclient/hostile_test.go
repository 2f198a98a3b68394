package eioclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gosocketio/sio/core/internal/eioclient"
)

// opening is the open packet of servers that are nice at first.
const opening = `0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

// TestBadHandshakes: an error that says what is wrong, over each transport.
func TestBadHandshakes(t *testing.T) {
	for _, first := range []string{
		"", "x", "0", "0null", "0[]", "0{}", `0{"sid":""}`, "4hello", "1", "2", "3probe", "6", "5", "bAAAA", "\x1e", "0\x1e0",
		`0{"sid":"a","pingInterval":0,"pingTimeout":20000}`,
		`0{"sid":"a","pingInterval":-5,"pingTimeout":20000}`,
		`0{"sid":"a","pingInterval":25000,"pingTimeout":-1}`,
		`0{"sid":"a","pingInterval":1e99,"pingTimeout":20000}`,
		`0{"sid":7,"pingInterval":25000,"pingTimeout":20000}`,
		`0{"sid":"` + strings.Repeat("a", 5000) + `","pingInterval":25000,"pingTimeout":20000}`,
		`0{"sid":"a","pingInterval":25000,"pingTimeout":20000`,
		"4early\x1e" + opening,
	} {
		f := fake(t, answerWith(first))
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			err := f.openFails(t, opts)
			var e *eioclient.Error
			if !errors.As(err, &e) || e.Transport != opts.Transports[0] {
				t.Errorf("%.40q over %s: %v", first, opts.Transports[0], err)
			}
			if len(err.Error()) > 300 {
				t.Errorf("%.40q: an error of %d bytes", first, len(err.Error()))
			}
		}
	}
}

// answerWith serves each websocket with one packet, and each GET with a payload.
func answerWith(first string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, first)
			return
		}
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		c.WriteMessage(websocket.TextMessage, []byte(first))
		for err == nil {
			_, _, err = c.ReadMessage()
		}
	}
}

// TestOddHandshakes: unusual, but fine.
func TestOddHandshakes(t *testing.T) {
	for _, first := range []string{
		opening,
		`0{"sid":"a","pingInterval":9000000000000000000,"pingTimeout":9000000000000000000}`,
		`0{"sid":"a","upgrades":null,"pingInterval":25000,"pingTimeout":20000,"maxPayload":0,"more":[{}]}`,
		`0{"sid":"a","upgrades":["webtransport","x"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":-3}`,
	} {
		f := fake(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Upgrade") != "":
				answerWith(first)(w, r)
			case r.Method == "POST":
				io.WriteString(w, "ok")
			case r.URL.Query().Has("sid"):
				<-r.Context().Done()
			default:
				io.WriteString(w, first)
			}
		})
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			c, r := f.open(t, opts)
			send(t, c, "a", "b")
			flush(t, c)
			if len(r.closed) > 0 {
				t.Errorf("%.60q: closed", first)
			}
		}
	}
}

// TestStatuses: whatever is not 200 is an error with status, body and message.
func TestStatuses(t *testing.T) {
	for _, status := range []int{204, 304, 400, 401, 403, 404, 413, 429, 500, 502, 503} {
		f := fake(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, strings.Repeat("<p>no", 10_000))
		})
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			var e *eioclient.Error
			if err := f.openFails(t, opts); !errors.As(err, &e) || e.Status != status || e.Message != "" {
				t.Errorf("%d over %s: %v", status, opts.Transports[0], err)
			} else if len(e.Body) > 4<<10 {
				t.Errorf("a body of %d bytes is kept", len(e.Body))
			}
		}
	}
}

// TestRefusalTexts: what a server, or what is in front of it, says in few words is told.
func TestRefusalTexts(t *testing.T) {
	for body, message := range map[string]string{
		`{"code":3,"message":"Bad request"}`: "Bad request",
		`{"error":"no token"}`:               `{"error":"no token"}`,
		" not today\n":                       "not today",
		"<html>":                             "",
	} {
		f := fake(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, body)
		})
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			var e *eioclient.Error
			if err := f.openFails(t, opts); !errors.As(err, &e) || e.Message != message {
				t.Errorf("%q over %s: %v", body, opts.Transports[0], err)
			}
		}
	}
}

// TestNotHTTP: what is no HTTP server at all, or breaks off.
func TestNotHTTP(t *testing.T) {
	for _, said := range []string{
		"", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + opening,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + opening, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
	} {
		f := raw(t, func(c net.Conn) { io.WriteString(c, said) })
		for _, opts := range []*eioclient.Options{polling(), websockets(), {TryAllTransports: true}} {
			f.openFails(t, opts)
		}
	}
}

// TestForeign: the error tells what the other end may be.
func TestForeign(t *testing.T) {
	for _, c := range []struct{ said, polling, websocket string }{
		{"HTTP/1.1 200 OK\r\n\r\n\n<!DOCTYPE html><html>", "a web page", "200 OK: the server did not switch"},
		{"HTTP/1.1 200 OK\r\n\r\n97:0{\"sid\":\"a\"}2:40", "version 2 of Socket.IO", "200 OK"},
		{"HTTP/1.1 200 OK\r\n\r\n", "is empty", "200 OK"},
		{"HTTP/1.1 200 OK\r\n\r\nhello", "not that of a Socket.IO server", "200 OK"},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "101", "bad handshake"},
	} {
		f := raw(t, func(conn net.Conn) { io.WriteString(conn, c.said) })
		if err := f.openFails(t, polling()); !strings.Contains(err.Error(), c.polling) {
			t.Errorf("%q over polling: %v", c.said, err)
		}
		if err := f.openFails(t, websockets()); !strings.Contains(err.Error(), c.websocket) {
			t.Errorf("%q over websocket: %v", c.said, err)
		}
	}
}

// raw is a server that says something after the first line of each connection, and
// closes it.
func raw(t testing.TB, say func(net.Conn)) *fixture {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			say(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return &fixture{url: address(l)}
}

// TestStalledHandshake: Dial ends with its context.
func TestStalledHandshake(t *testing.T) {
	release := make(chan struct{})
	stall := func(w http.ResponseWriter, r *http.Request) { <-release }
	half := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, opening)
			http.NewResponseController(w).Flush()
			<-release
			return
		}
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err == nil {
			<-release
			c.Close()
		}
	}
	for name, handle := range map[string]http.HandlerFunc{"stall": stall, "half": half} {
		f := fake(t, handle)
		for _, opts := range []*eioclient.Options{polling(), websockets(), {TryAllTransports: true}} {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			c, err := eioclient.Dial(ctx, f.url, f.options(opts))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || c != nil {
				t.Errorf("%s over %s: %v", name, opts.Transports, err)
			}
		}
	}
	close(release)
}

// afterOpening is a server that answers the first poll, or goes on after the
// websocket's open packet, with what say does.
func afterOpening(poll func(w http.ResponseWriter), frames func(c *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			up := websocket.Upgrader{EnableCompression: true}
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			c.WriteMessage(websocket.TextMessage, []byte(opening))
			frames(c)
		case r.Method == "POST":
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "ok")
		case r.URL.Query().Has("sid"):
			poll(w)
		default:
			io.WriteString(w, opening)
		}
	}
}

// TestNonsense: packets that make no sense end the connection, those before them arrive.
func TestNonsense(t *testing.T) {
	for _, nonsense := range []string{"", "x", "7", "9abc", "\xff\xfe", " 4x"} {
		f := fake(t, afterOpening(
			func(w http.ResponseWriter) { io.WriteString(w, "4before\x1e"+nonsense+"\x1e4after") },
			func(c *websocket.Conn) {
				for _, p := range []string{"4before", nonsense, "4after"} {
					c.WriteMessage(websocket.TextMessage, []byte(p))
				}
				c.ReadMessage()
			}))
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			_, r := f.open(t, opts)
			err := r.wantClosed(t, "transport error")
			var e *eioclient.Error
			if !errors.As(err, &e) || e.Op != "read" {
				t.Errorf("%q over %s: %v", nonsense, opts.Transports, err)
			}
			r.wantMessage(t, "before")
			if len(r.messages) > 0 {
				t.Errorf("%q over %s: messages after it", nonsense, opts.Transports)
			}
		}
	}
}

// TestMeaningless: packets that mean nothing on an open connection do no harm.
func TestMeaningless(t *testing.T) {
	packets := []string{opening, `0{"sid":"other"}`, "0", "3", "3probe", "5", "5x", "6", "6x", "2probe", "2", "4end"}
	release := make(chan struct{})
	polled := make(chan struct{}, 1)
	f := fake(t, afterOpening(
		func(w http.ResponseWriter) {
			select {
			case polled <- struct{}{}:
				io.WriteString(w, strings.Join(packets, "\x1e"))
			default:
				<-release
			}
		},
		func(c *websocket.Conn) {
			for _, p := range packets {
				c.WriteMessage(websocket.TextMessage, []byte(p))
			}
			<-release
		}))
	defer close(release)
	for _, opts := range []*eioclient.Options{polling(), websockets()} {
		c, r := f.open(t, opts)
		r.wantMessage(t, "end")
		if c.SID() != "abc" || len(r.closed) != 0 || len(r.pings) != 2 {
			t.Errorf("sid %q, %d closed, %d pings", c.SID(), len(r.closed), len(r.pings))
		}
	}
}

// TestTooLarge: more than Options.MaxMessage is not read to its end.
func TestTooLarge(t *testing.T) {
	big := []byte("4" + strings.Repeat("x", 1000))
	endless := func(w http.ResponseWriter) {
		for {
			if _, err := w.Write(big); err != nil {
				return
			}
		}
	}
	for name, frames := range map[string]func(c *websocket.Conn){
		"one": func(c *websocket.Conn) {
			c.WriteMessage(websocket.TextMessage, append(big, big...))
			c.ReadMessage()
		},
		"binary": func(c *websocket.Conn) {
			c.WriteMessage(websocket.BinaryMessage, append(big, big...))
			c.ReadMessage()
		},
		"fragments": func(c *websocket.Conn) {
			w, _ := c.NextWriter(websocket.TextMessage)
			for {
				if _, err := w.Write(big); err != nil {
					return
				}
			}
		},
		"compressed": func(c *websocket.Conn) {
			c.EnableWriteCompression(true)
			c.WriteMessage(websocket.TextMessage, []byte("4"+strings.Repeat("x", 1<<20))) // about 1 kB on the wire
			c.ReadMessage()
		},
	} {
		f := fake(t, afterOpening(endless, frames))
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			opts.MaxMessage, opts.CompressionThreshold = 1200, 1
			c, r := f.open(t, opts)
			err := r.wantClosed(t, "transport error")
			if !strings.Contains(err.Error(), "message too large") || len(r.messages) > 0 {
				t.Errorf("%s over %s: %v, %d messages", name, c.Transport(), err, len(r.messages))
			}
		}
	}
	// A message of a payload, and one of just the size.
	fits := "4" + strings.Repeat("x", 1200)
	release := make(chan struct{})
	defer close(release)
	polled := make(chan struct{}, 1)
	f := fake(t, afterOpening(
		func(w http.ResponseWriter) {
			select {
			case polled <- struct{}{}:
				io.WriteString(w, fits+"\x1e"+fits+"\x1e"+fits+"x")
			default:
				<-release
			}
		}, nil))
	opts := polling()
	opts.MaxMessage = 1200
	_, r := f.open(t, opts)
	r.wantClosed(t, "transport error")
	if len(r.messages) != 2 {
		t.Errorf("%d messages", len(r.messages))
	}
}

// TestCuts: the network breaks at any byte of what the server says.
func TestCuts(t *testing.T) {
	body := "4one\x1e4two"
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
	for n := 0; n < len(head)+len(body); n++ {
		var polls atomic.Int32
		f := fake(t, func(w http.ResponseWriter, r *http.Request) {
			if !r.URL.Query().Has("sid") {
				io.WriteString(w, opening)
				return
			}
			polls.Add(1)
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, (head + body)[:n])
			c.Close()
		})
		_, r := f.open(t, polling())
		r.wantClosed(t, "transport error")
		// Asking again would hide that an answer is lost.
		if len(r.messages) > 0 || polls.Load() != 1 {
			t.Errorf("cut after %d bytes: %d messages, %d polls", n, len(r.messages), polls.Load())
		}
	}
	frames := []byte("\x81\x04" + "4one" + "\x82\x03" + "two" + "\x01\x03" + "4th" + "\x80\x03" + "ree")
	for n := range len(frames) {
		f := fake(t, afterOpening(nil, func(c *websocket.Conn) {
			c.NetConn().Write(frames[:n])
			c.NetConn().Close()
		}))
		_, r := f.open(t, websockets())
		r.wantClosed(t, "transport close")
		want := 0
		if n >= 6 {
			want++
		}
		if n >= 11 {
			want++
		}
		if len(r.messages) != want {
			t.Errorf("cut after %d bytes: %d messages, want %d", n, len(r.messages), want)
		}
	}
}

// TestBrokenFrames: bytes that are no websocket frames.
func TestBrokenFrames(t *testing.T) {
	for _, frames := range []string{
		"\x81\x84\x00\x00\x00\x004abc", // masked
		"\xf1\x04" + "4abc",            // reserved bits
		"\x83\x00", "\x8b\x00",         // reserved opcodes
		"\x00\x01x",                // a continuation of nothing
		"\x01\x014\x01\x014",       // a message in a message
		"\x09\x00", "\x89\x7e\x01", // control frames in pieces, or too long
		"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", // a length that is negative
		"\x88\x01x", "\x88\x02\x00\x01", // bad close frames
	} {
		f := fake(t, afterOpening(nil, func(c *websocket.Conn) {
			io.WriteString(c.NetConn(), frames)
			c.NetConn().(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c.NetConn())
		}))
		_, r := f.open(t, websockets())
		got := wait(t, r.closed, "OnClose")
		if !strings.HasPrefix(got.reason, "transport ") || got.err == nil || len(r.messages) > 0 {
			t.Errorf("%q: %q, %v, %d messages", frames, got.reason, got.err, len(r.messages))
		}
	}
}

// TestCloseFrames: code and reason of a close frame are told.
func TestCloseFrames(t *testing.T) {
	for _, code := range []int{1000, 1001, 1008, 1011, 4000} {
		f := fake(t, afterOpening(nil, func(c *websocket.Conn) {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, "because"))
			c.ReadMessage()
		}))
		_, r := f.open(t, websockets())
		err := r.wantClosed(t, "transport close")
		var e *eioclient.Error
		if !errors.As(err, &e) || e.CloseCode != code || e.Message != "because" {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// TestPingFlood: pings without end from a server that reads nothing fill no memory.
func TestPingFlood(t *testing.T) {
	const pings = 30_000
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := fakeInMemory(t, afterOpening(nil, func(c *websocket.Conn) {
			for range pings {
				if c.WriteMessage(websocket.TextMessage, []byte("2"+strings.Repeat("x", 100))) != nil {
					return
				}
			}
			<-release
		}))
		t.Cleanup(func() { close(release) })
		c, r := f.open(t, websockets())
		for range pings {
			wait(t, r.pings, "ping")
		}
		if n := eioclient.Queued(c); n > 1 {
			t.Errorf("%d answers wait", n)
		}
	})
}

// TestPostAnswers: what a server may say to a POST.
func TestPostAnswers(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	answer := func(post http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == "POST":
				post(w, r)
			case r.URL.Query().Has("sid"):
				select {
				case <-release:
				case <-r.Context().Done():
				}
			default:
				io.WriteString(w, opening)
			}
		}
	}
	for name, test := range map[string]struct {
		post http.HandlerFunc
		want string
	}{
		"other text": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "yes") }, ""},
		"nothing":    {func(w http.ResponseWriter, _ *http.Request) {}, ""},
		"403": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", 403) },
			"polling: POST: 403 Forbidden: go away"},
		"redirected": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 302) }, "polling: POST: redirected to another method"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}, "polling: POST: message too large"},
	} {
		f := fake(t, answer(test.post))
		opts := polling()
		opts.MaxMessage = 10_000
		c, r := f.open(t, opts)
		send(t, c, "x")
		if test.want == "" {
			flush(t, c)
			continue
		}
		if err := r.wantClosed(t, "transport error"); err.Error() != test.want {
			t.Errorf("%s: %q, want %q", name, err, test.want)
		}
	}
}

// TestStalledPost: a POST without an answer ends with Options.RequestTimeout.
func TestStalledPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(nil)
		f.wrap = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "POST" {
					io.Copy(io.Discard, r.Body) // so that the server notices the end
					<-r.Context().Done()
					return
				}
				next.ServeHTTP(w, r)
			})
		}
		f.serveMemory(t, f)
		t.Cleanup(func() { f.engine.Close() })
		opts := polling()
		opts.RequestTimeout = 3 * time.Second
		c, r := f.open(t, opts)
		began := time.Now()
		send(t, c, "x")
		err := r.wantClosed(t, "transport error")
		if d := time.Since(began); d != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", d, err)
		}
	})
}
