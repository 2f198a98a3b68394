package client_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/client"
)

// script is a server that does what the test says, byte by byte, over websocket.
type script struct {
	testing.TB
	ln    *tracked
	peers chan *peer
}

// peer is the server's end of a connection. What it gets are engine messages, with
// "b:" before binary ones.
type peer struct {
	testing.TB
	ws   *websocket.Conn
	got  chan string   // closed at the end
	turn chan struct{} // to be filled by who reads
}

const openPacket = `0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

func scripted(t testing.TB) *script {
	sc := &script{TB: t, peers: make(chan *peer, 100)}
	sc.ln = listen(t, sc)
	return sc
}

func (sc *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	ws.WriteMessage(websocket.TextMessage, []byte(openPacket))
	p := &peer{TB: sc.TB, ws: ws, got: make(chan string, 10_000), turn: make(chan struct{}, 1)}
	defer close(p.got)
	sc.peers <- p
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			data = append([]byte("b:"), data...)
		}
		p.turn <- struct{}{}
		p.got <- string(data)
		<-p.turn
	}
}

// new returns a socket of the server.
func (sc *script) new(namespace string, change ...func(*client.Options)) *client.Socket {
	sc.Helper()
	o := &client.Options{DialContext: sc.ln.Dial, Transports: []string{"websocket"}}
	for _, f := range change {
		f(o)
	}
	s, err := client.New(address+namespace, o)
	if err != nil {
		sc.Fatal(err)
	}
	closing(sc, s)
	return s
}

// accept waits for the next connection.
func (sc *script) accept() *peer { sc.Helper(); return receive(sc, sc.peers) }

// acceptSocket waits for the next connection and connects it to "/".
func (sc *script) acceptSocket() *peer {
	sc.Helper()
	p := sc.accept()
	if hello := p.next(); !strings.HasPrefix(hello, "40") {
		sc.Fatalf("CONNECT is %q", hello)
	}
	p.send(`40{"sid":"socket"}`)
	return p
}

// open returns a connected socket and its server.
func (sc *script) open(change ...func(*client.Options)) (*client.Socket, *peer) {
	sc.Helper()
	s := sc.new("/", change...)
	ran := connects(s)
	s.Open()
	p := sc.acceptSocket()
	receive(sc, ran)
	return s, p
}

// next returns the next message, or "closed". Engine packets that mean nothing to
// sockets are left out.
func (p *peer) next() string {
	p.Helper()
	for {
		got := receive(p, p.got)
		if got == "" {
			return "closed"
		}
		if got != "3" && got != "1" {
			return got
		}
	}
}

func (p *peer) want(messages ...string) {
	p.Helper()
	for _, m := range messages {
		if got := p.next(); got != m {
			p.Fatalf("the server got %q, want %q", got, m)
		}
	}
}

func (p *peer) send(messages ...string) {
	p.Helper()
	for _, m := range messages {
		kind := websocket.TextMessage
		if rest, ok := strings.CutPrefix(m, "b:"); ok {
			kind, m = websocket.BinaryMessage, rest
		}
		if err := p.ws.WriteMessage(kind, []byte(m)); err != nil {
			p.Fatal(err)
		}
	}
}

// stop has the server read nothing more until resume is called.
func (p *peer) stop() (resume func()) {
	p.turn <- struct{}{}
	return func() { <-p.turn }
}

// cut breaks the connection.
func (p *peer) cut() { p.ws.NetConn().Close() }

// events records what a socket tells.
type events chan string

func record(s *client.Socket) events {
	e := make(events, 10_000)
	s.OnConnect(func(context.Context) { e <- "connect" })
	s.OnDisconnect(func(reason client.Reason, _ error) {
		e <- fmt.Sprint("disconnect: ", reason)
	})
	s.OnConnectError(func(err error) { e <- fmt.Sprint("error: ", err) })
	return e
}

// next returns the next one, an error without what is behind its first colons.
func (e events) next(t testing.TB) string {
	t.Helper()
	s := receive(t, e)
	if strings.HasPrefix(s, "error: ") {
		return "error"
	}
	return s
}

func (e events) want(t testing.TB, values ...string) {
	t.Helper()
	for _, v := range values {
		if got := e.next(t); got != v {
			t.Fatalf("the socket told %q, want %q", got, v)
		}
	}
}

func (e events) wantNone(t testing.TB) {
	t.Helper()
	select {
	case v := <-e:
		t.Fatalf("the socket told %q", v)
	default:
	}
}
