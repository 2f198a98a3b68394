package eioclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

func TestEcho(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := newFixture(nil)
		f.echo = true
		f.serveTCP(t, f)
		t.Cleanup(func() { f.engine.Close() })
		c, r := f.open(t, opts)
		binary := []byte{0, 1, 2, 0x1e, 0xff, 'b'}
		messages := []eioclient.Message{
			{Data: []byte("hello")}, {Data: []byte("")}, {Data: []byte("€ 𝄞")},
			{Data: binary, Binary: true}, {Data: bytes.Repeat([]byte("x"), 100_000)}, {Data: nil, Binary: true},
		}
		if err := c.Send(messages...); err != nil {
			t.Fatal(err)
		}
		for _, want := range messages {
			got := wait(t, r.messages, "echo")
			if got.data != string(want.Data) || got.binary != want.Binary {
				t.Fatalf("echo of %.20q (%v): %.20q (%v)", want.Data, want.Binary, got.data, got.binary)
			}
		}
		if want := []byte{0, 1, 2, 0x1e, 0xff, 'b'}; !bytes.Equal(binary, want) {
			t.Errorf("Send changed the caller's data: %v", binary)
		}
	})
}

func TestForceBase64(t *testing.T) {
	for _, opts := range []*eioclient.Options{polling(), websockets()} {
		opts.ForceBase64 = true
		f := start(t, nil)
		c, r := f.open(t, opts)
		p := f.peer(t)
		c.Send(eioclient.Message{Data: []byte{1, 2, 3}, Binary: true})
		if got := wait(t, p.messages, "message"); got.data != "\x01\x02\x03" || !got.binary {
			t.Errorf("%s: the server received %+v", c.Transport(), got)
		}
		p.session.Send(&engineio.Outgoing{Data: []byte{4, 5}, Binary: true})
		if got := wait(t, r.messages, "message"); got.data != "\x04\x05" || !got.binary {
			t.Errorf("%s: the client received %+v", c.Transport(), got)
		}
		if got := f.seen()[0].URL.Query().Get("b64"); got != "1" {
			t.Errorf("%s: b64=%q", c.Transport(), got)
		}
	}
}

func TestHandshakeFields(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 4321})
	c, _ := f.open(t, polling())
	p := f.peer(t)
	if c.SID() != p.session.ID() || c.MaxPayload() != 4321 || c.Transport() != eioclient.Polling {
		t.Errorf("sid %q, maxPayload %d, transport %q", c.SID(), c.MaxPayload(), c.Transport())
	}
	first := f.seen()[0].URL.Query()
	if first.Get("EIO") != "4" || first.Get("transport") != "polling" || first.Get("t") == "" || first.Has("sid") || first.Has("b64") {
		t.Errorf("query of the handshake: %v", first)
	}
}

// TestInitialPacket: what comes with the handshake comes first.
func TestInitialPacket(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, &engineio.Options{InitialPacket: []byte("first")})
		_, r := f.open(t, opts)
		f.peer(t).send(t, "second")
		r.wantMessage(t, "first")
		r.wantMessage(t, "second")
	})
}

func TestUpgrade(t *testing.T) {
	f := start(t, nil)
	c, r := f.open(t, nil)
	p := f.peer(t)
	r.wantUpgrade(t)
	send(t, c, "there")
	p.wantMessage(t, "there")
	if c.Transport() != eioclient.WebSocket || p.session.Transport() != eioclient.WebSocket {
		t.Errorf("transports %q and %q", c.Transport(), p.session.Transport())
	}
	p.send(t, "back")
	r.wantMessage(t, "back")
	for _, request := range f.seen()[1:] {
		if got := request.URL.Query().Get("sid"); got != c.SID() {
			t.Errorf("%s %s without the sid", request.Method, request.URL)
		}
	}
}

func TestDisableUpgrade(t *testing.T) {
	f := start(t, nil)
	c, r := f.open(t, &eioclient.Options{DisableUpgrade: true})
	p := f.peer(t)
	for range 10 {
		p.send(t, "x")
		r.wantMessage(t, "x")
	}
	if c.Transport() != eioclient.Polling || len(r.upgrades) != 0 {
		t.Errorf("transport %q, %d upgrades", c.Transport(), len(r.upgrades))
	}
	for _, request := range f.seen() {
		if request.Header.Get("Upgrade") != "" {
			t.Error("a websocket handshake")
		}
	}
}

func TestServerWithoutUpgrades(t *testing.T) {
	f := start(t, &engineio.Options{DisableUpgrades: true})
	c, r := f.open(t, nil)
	p := f.peer(t)
	p.send(t, "x")
	r.wantMessage(t, "x")
	if c.Transport() != eioclient.Polling || len(r.upgrades) != 0 {
		t.Errorf("transport %q", c.Transport())
	}
}

// TestClose: all that was sent arrives, then the server knows at once that the
// client left.
func TestClose(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		c, r := f.open(t, opts)
		p := f.peer(t)
		for i := range 100 {
			send(t, c, fmt.Sprint(i))
		}
		closeConn(t, c)
		select {
		case <-c.Done():
		default:
			t.Error("Close returned before Done")
		}
		for i := range 100 {
			p.wantMessage(t, fmt.Sprint(i))
		}
		p.wantClosed(t, engineio.TransportClose)
		if err := r.wantClosed(t, "forced close"); err != nil {
			t.Errorf("OnClose: %v", err)
		}
		if err := c.Send(eioclient.Message{}); !errors.Is(err, eioclient.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		closeConn(t, c)
		c.Abort("again", nil)
		if c.Writable() {
			t.Error("writable")
		}
		if len(r.closed) != 0 {
			t.Error("OnClose again")
		}
	})
}

// TestCloseWhileServerSends: what the server is sending does not make the network
// forget what was sent to it.
func TestCloseWhileServerSends(t *testing.T) {
	for range 10 {
		f := start(t, nil)
		r := record(t)
		r.hold = func() { time.Sleep(100 * time.Microsecond) } // so that some is unread
		c := f.openWith(t, websockets(), r)
		p := f.peer(t)
		for range 200 {
			p.send(t, strings.Repeat("x", 10_000))
		}
		wait(t, r.messages, "message")
		for i := range 50 {
			send(t, c, fmt.Sprint(i)+strings.Repeat("y", 50_000))
		}
		closeConn(t, c)
		for range 50 {
			wait(t, p.messages, "message at the server")
		}
	}
}

// TestCloseGivesUp: Close returns with its context although nothing can be flushed.
func TestCloseGivesUp(t *testing.T) {
	f := start(t, nil)
	release := make(chan struct{})
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				<-release
			}
			next.ServeHTTP(w, r)
		})
	}
	defer close(release)
	c, r := f.open(t, polling())
	send(t, c, "x")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	r.wantClosed(t, "forced close")
	wait(t, c.Done(), "Done")
}

func TestAbort(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		c, r := f.open(t, opts)
		p := f.peer(t)
		boom := errors.New("boom")
		c.Abort("parse error", boom)
		c.Abort("second", nil)
		if err := r.wantClosed(t, "parse error"); !errors.Is(err, boom) {
			t.Errorf("OnClose: %v", err)
		}
		wait(t, c.Done(), "Done")
		if c.Transport() == eioclient.WebSocket && opts.Transports != nil {
			wait(t, p.closed, "OnClose of the server") // of polling it learns with the heartbeat
		}
	})
}

// TestAbortDuringClose: what Close still needs is not taken away by who ends the
// connection at the same time. The race detector is the judge.
func TestAbortDuringClose(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		for range 30 {
			c, r := f.open(t, opts)
			f.peer(t)
			go c.Abort("transport error", nil)
			if err := c.Close(context.Background()); err != nil {
				t.Errorf("Close: %v", err)
			}
			select {
			case <-r.closed:
			default:
				t.Error("Close has returned before OnClose")
			}
		}
	})
}

// TestAbortInHandler: a handler may end its own connection, by any method of the connection.
func TestEndInHandler(t *testing.T) {
	for _, how := range []string{"Abort", "Close"} {
		eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
			f := start(t, nil)
			r := record(t)
			conn := make(chan *eioclient.Conn, 1)
			r.hold = func() {
				c := <-conn
				if how == "Abort" {
					c.Abort("forced close", nil)
					return
				}
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				c.Close(ctx) // it cannot wait for its caller
			}
			c := f.openWith(t, opts, r)
			conn <- c
			f.peer(t).send(t, "x")
			r.wantClosed(t, "forced close")
			wait(t, c.Done(), "Done")
		})
	}
}

// TestAbortWhileHandlerRuns: OnClose waits for the handler, Done for OnClose.
func TestAbortWhileHandlerRuns(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		r := record(t)
		entered, release := make(chan struct{}), make(chan struct{})
		r.hold = func() { entered <- struct{}{}; <-release }
		c := f.openWith(t, opts, r)
		f.peer(t).send(t, "x")
		wait(t, entered, "OnMessage")
		c.Abort("forced close", nil)
		select {
		case <-c.Done():
			t.Error("Done while a handler runs")
		case <-r.closed:
			t.Error("OnClose while another method runs")
		case <-time.After(20 * time.Millisecond):
		}
		close(release)
		r.wantClosed(t, "forced close")
		wait(t, c.Done(), "Done")
	})
}

func TestServerCloses(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		c, r := f.open(t, opts)
		p := f.peer(t)
		p.send(t, "last words")
		p.session.Close()
		r.wantMessage(t, "last words")
		r.wantClosed(t, "transport close")
		wait(t, c.Done(), "Done")
	})
}

func TestFlush(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		c, _ := f.open(t, opts)
		p := f.peer(t)
		flush(t, c) // nothing
		for i := range 50 {
			send(t, c, strings.Repeat("x", 1000*i))
			if i%10 == 9 {
				flush(t, c)
			}
		}
		if c.Transport() == eioclient.Polling && len(p.messages) < 50 {
			t.Errorf("%d messages are there", len(p.messages))
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Flush without time: %v", err)
		}
		c.Abort("forced close", nil)
		if err := c.Flush(context.Background()); err != nil && !errors.Is(err, eioclient.ErrClosed) {
			t.Errorf("Flush of a closed connection: %v", err)
		}
	})
}

func TestQueueFull(t *testing.T) {
	f := start(t, nil)
	release := make(chan struct{})
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				<-release
			}
			next.ServeHTTP(w, r)
		})
	}
	opts := polling()
	opts.MaxQueueMessages, opts.MaxQueueBytes = 5, 100
	c, r := f.open(t, opts)
	p := f.peer(t)
	if !c.Writable() {
		t.Error("not writable")
	}
	send(t, c, "0", "1", "2")
	if c.Writable() {
		t.Error("writable while a POST is under way")
	}
	if err := c.Send(make([]eioclient.Message, 3)...); !errors.Is(err, eioclient.ErrQueueFull) {
		t.Errorf("too many: %v", err)
	}
	if err := c.Send(eioclient.Message{Data: make([]byte, 98)}); !errors.Is(err, eioclient.ErrQueueFull) {
		t.Errorf("too large: %v", err)
	}
	send(t, c, "3", "4")
	close(release)
	for i := range 5 {
		p.wantMessage(t, fmt.Sprint(i))
	}
	flush(t, c)
	if !c.Writable() {
		t.Error("not writable once flushed")
	}
	send(t, c, strings.Repeat("x", 99))
	if len(r.closed) != 0 {
		t.Error("closed")
	}
}

// TestBackPressure: a handler that takes its time holds back the server, not the
// memory of the client.
func TestBackPressure(t *testing.T) {
	const messages, size = 300, 100_000
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, &engineio.Options{MaxQueueBytes: -1})
		r := record(t)
		entered, release := make(chan struct{}, messages), make(chan struct{})
		r.hold = func() { entered <- struct{}{}; <-release }
		c := f.openWith(t, opts, r)
		p := f.peer(t)
		data := strings.Repeat("x", size)
		for range messages {
			p.send(t, data)
		}
		wait(t, entered, "OnMessage")
		send(t, c, "the other direction is free")
		p.wantMessage(t, "the other direction is free")
		if len(entered) > 0 {
			t.Error("OnMessage again")
		}
		close(release)
		for range messages {
			r.wantMessage(t, data)
		}
	})
}
