package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/socketio"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// pipeListener is a listener whose connections are in memory, so that tests can
// use synctest.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe:1" }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// harness is a server under test.
type harness struct {
	testing.TB
	sio *socketio.Server
	ln  *pipeListener
	log *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server that ends with the test.
func serve(t testing.TB, opts *socketio.Options) *harness {
	t.Helper()
	h := &harness{TB: t, ln: newPipeListener(), log: new(logBuffer)}
	if opts == nil {
		opts = &socketio.Options{}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(h.log, nil))
	}
	h.sio = socketio.NewServer(opts)
	hs := &http.Server{Handler: h.sio}
	go hs.Serve(h.ln)
	t.Cleanup(func() {
		h.sio.Close()
		hs.Close()
	})
	return h
}

// client is a client that speaks the protocol by hand: what it sends and gets are
// engine messages, text as it is and binary as "b:" with the bytes.
type client struct {
	testing.TB
	ws   *websocket.Conn
	mu   sync.Mutex // for writing to ws
	got  chan string
	sid  string // of the engine
	gone chan struct{}
	mute atomic.Bool // do not answer pings
}

func (h *harness) open(query string) *client {
	h.Helper()
	d := websocket.Dialer{NetDialContext: h.ln.dial}
	ws, _, err := d.Dial("ws://server/socket.io/?transport=websocket&"+query, nil)
	if err != nil {
		h.Fatal(err)
	}
	c := &client{TB: h, ws: ws, got: make(chan string, 1<<16), gone: make(chan struct{})}
	go c.read()
	h.Cleanup(c.close)
	open := c.next()
	var hs struct{ SID string }
	if !strings.HasPrefix(open, "0{") || json.Unmarshal([]byte(open[1:]), &hs) != nil {
		h.Fatalf("open packet = %q", open)
	}
	c.sid = hs.SID
	return c
}

// dial opens a connection without connecting to a namespace.
func (h *harness) dial() *client { h.Helper(); return h.open("EIO=4") }

// connect opens a connection and connects to namespaces.
func (h *harness) connect(namespaces ...string) *client {
	h.Helper()
	c := h.dial()
	if len(namespaces) == 0 {
		namespaces = []string{"/"}
	}
	for _, n := range namespaces {
		c.join(n, "")
	}
	return c
}

func (c *client) read() {
	defer close(c.gone)
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		switch {
		case kind == websocket.BinaryMessage:
			c.got <- "b:" + string(data)
		case string(data) == "2":
			if !c.mute.Load() {
				c.write(websocket.TextMessage, "3")
			}
		default:
			c.got <- string(data)
		}
	}
}

func (c *client) close() {
	c.ws.Close()
	<-c.gone
}

// patience is only waited for by tests that fail.
const patience = 20 * time.Second

// next returns the next message, or "closed".
func (c *client) next() string {
	c.Helper()
	select {
	case m := <-c.got:
		return m
	default:
	}
	select {
	case m := <-c.got:
		return m
	case <-c.gone:
		select {
		case m := <-c.got:
			return m
		default:
			return "closed"
		}
	case <-time.After(patience):
		c.Fatal("no message came")
		return ""
	}
}

func (c *client) want(messages ...string) {
	c.Helper()
	for _, want := range messages {
		if got := c.next(); got != want {
			c.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (c *client) wantClosed() { c.Helper(); c.want("closed") }

// send sends engine messages: text, or binary with the prefix "b:".
func (c *client) send(messages ...string) {
	c.Helper()
	for _, m := range messages {
		kind, data := websocket.TextMessage, m
		if rest, ok := strings.CutPrefix(m, "b:"); ok {
			kind, data = websocket.BinaryMessage, rest
		}
		if err := c.write(kind, data); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *client) write(kind int, data string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws.WriteMessage(kind, []byte(data))
}

// join connects to a namespace and returns the id and the private id.
func (c *client) join(namespace, auth string) (sid, pid string) {
	c.Helper()
	ns := ""
	if namespace != "/" {
		ns = namespace + ","
	}
	c.send("40" + ns + auth)
	return c.joined(namespace)
}

func (c *client) joined(namespace string) (sid, pid string) {
	c.Helper()
	ns := ""
	if namespace != "/" {
		ns = namespace + ","
	}
	got := c.next()
	rest, ok := strings.CutPrefix(got, "40"+ns)
	var reply struct{ SID, PID string }
	if !ok || json.Unmarshal([]byte(rest), &reply) != nil || len(reply.SID) != 20 {
		c.Fatalf("CONNECT was answered by %q", got)
	}
	return reply.SID, reply.PID
}

// sync waits until the server has handled everything that c sent to namespace "/"
// and c has got everything sent before: the server must have a handler by barrier.
func (c *client) sync() {
	c.Helper()
	c.send(`4299["barrier"]`)
	c.want(`4399[]`)
}

func barrier(r socketio.Registrar) {
	r.Handle("barrier", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error { return e.Reply() }))
}

// receive gets a value that a handler sends, within patience.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// httpClient returns a client for plain HTTP requests to the server.
func (h *harness) httpClient() *http.Client {
	tr := &http.Transport{DialContext: h.ln.dial}
	h.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// poller is a client on long-polling.
type poller struct {
	testing.TB
	http *http.Client
	url  string
}

func (h *harness) poll(query string) *poller {
	h.Helper()
	p := &poller{TB: h, http: h.httpClient(), url: "http://server/socket.io/?transport=polling&" + query}
	open := p.get()
	var hs struct{ SID string }
	if !strings.HasPrefix(open, "0{") || json.Unmarshal([]byte(open[1:]), &hs) != nil {
		h.Fatalf("handshake = %q", open)
	}
	p.url += "&sid=" + hs.SID
	return p
}

func (p *poller) get() string {
	p.Helper()
	r, err := p.http.Get(p.url)
	if err != nil {
		p.Fatal(err)
	}
	return body(p, r)
}

func (p *poller) post(payload string) string {
	p.Helper()
	r, err := p.http.Post(p.url, "text/plain", strings.NewReader(payload))
	if err != nil {
		p.Fatal(err)
	}
	return body(p, r)
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Sprint(r.StatusCode, " ", string(b))
	}
	return string(b)
}

// stuck waits, in a bubble of synctest, until nothing happens and the server knows that
// handlers take long.
func stuck() {
	synctest.Wait()
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}
