package engineio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// patience bounds how long a test waits for what must happen.
const patience = 10 * time.Second

type message struct {
	data   string
	binary bool
}

type closed struct {
	reason engineio.Reason
	err    error
}

// recorder is a Handler that hands everything to the test.
type recorder struct {
	session  *engineio.Session
	messages chan message
	closed   chan closed
	echo     bool
}

func (r *recorder) OnMessage(data []byte, binary bool) {
	if r.echo {
		r.session.Send(&engineio.Outgoing{Data: data, Binary: binary})
		return
	}
	r.messages <- message{string(data), binary}
}

func (r *recorder) OnClose(reason engineio.Reason, err error) {
	r.closed <- closed{reason, err}
	close(r.closed) // a second call panics
}

// discard takes what is received until the session ends.
func (r *recorder) discard() {
	go func() {
		for {
			select {
			case <-r.messages:
			case <-r.session.Done():
				for len(r.messages) > 0 { // OnMessage may still wait for room, for its last time
					<-r.messages
				}
				return
			}
		}
	}()
}

// wantMessage fails unless the next message is data.
func (r *recorder) wantMessage(t *testing.T, data string) {
	t.Helper()
	if got := wait(t, r.messages, "message"); got.data != data {
		t.Fatalf("message = %q, want %q", got.data, data)
	}
}

func (r *recorder) wantClosed(t *testing.T, reason engineio.Reason) error {
	t.Helper()
	got := wait(t, r.closed, "OnClose")
	if got.reason != reason {
		t.Fatalf("closed: %q (%v), want %q", got.reason, got.err, reason)
	}
	return got.err
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// fixture is an engine behind an HTTP server.
type fixture struct {
	engine   *engineio.Server
	http     *httptest.Server
	sessions chan *recorder
	client   *http.Client
	logs     *logBuffer
	eio      int
	dialer   *websocket.Dialer
	query    string // added to every request

	connState func(net.Conn, http.ConnState) // may be nil
}

// start serves an engine with opts; nil is fine. Sessions are recorded unless
// opts has its own OnConnection.
func start(t testing.TB, opts *engineio.Options) *fixture {
	f := newFixture(opts)
	f.serve(t, f.engine)
	return f
}

func newFixture(opts *engineio.Options) *fixture {
	f := &fixture{sessions: make(chan *recorder, 1000), logs: &logBuffer{}, eio: 4}
	var o engineio.Options
	if opts != nil {
		o = *opts
	}
	if o.OnConnection == nil {
		o.OnConnection = func(s *engineio.Session) engineio.Handler { return f.record(s) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(f.logs, nil))
	}
	f.engine = engineio.NewServer(&o)
	return f
}

func (f *fixture) record(s *engineio.Session) *recorder {
	r := &recorder{session: s, messages: make(chan message, 10_000), closed: make(chan closed, 1)}
	f.sessions <- r
	return r
}

func (f *fixture) serve(t testing.TB, h http.Handler) {
	f.http = httptest.NewUnstartedServer(h)
	f.http.Config.ConnState = f.connState
	f.http.Start()
	f.client = f.http.Client()
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		f.engine.Close()
		f.http.CloseClientConnections()
		f.http.Close()
	})
}

func (f *fixture) url(transport, sid string) string {
	u := fmt.Sprintf("%s/engine.io/?EIO=%d&transport=%s", f.http.URL, f.eio, transport)
	if sid != "" {
		u += "&sid=" + sid
	}
	return u + f.query
}

type response struct {
	status int
	header http.Header
	body   string
}

func (f *fixture) do(t testing.TB, r *http.Request) response {
	t.Helper()
	resp, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(body)}
}

func (f *fixture) request(t testing.TB, method, url, body string, headers ...string) response {
	t.Helper()
	return f.do(t, newRequest(t, method, url, body, headers...))
}

func newRequest(t testing.TB, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

type openPacket struct {
	SID                       string
	Upgrades                  []string
	PingInterval, PingTimeout int
	MaxPayload                int64
}

func parseOpen(t testing.TB, data string) openPacket {
	t.Helper()
	var o openPacket
	if !strings.HasPrefix(data, "0{") {
		t.Fatalf("no open packet: %q", data)
	}
	if err := json.Unmarshal([]byte(data[1:]), &o); err != nil {
		t.Fatalf("open packet %q: %v", data, err)
	}
	return o
}

// open makes a polling session.
func (f *fixture) open(t testing.TB) (sid string, r *recorder) {
	t.Helper()
	resp := f.request(t, "GET", f.url("polling", ""), "")
	if resp.status != 200 {
		t.Fatalf("handshake: %d %s", resp.status, resp.body)
	}
	body := resp.body
	if f.eio == 3 {
		_, body, _ = strings.Cut(body, ":")
	}
	body, _, _ = strings.Cut(body, "\x1e")
	return parseOpen(t, body).SID, f.session(t)
}

func (f *fixture) session(t testing.TB) *recorder {
	t.Helper()
	select {
	case r := <-f.sessions:
		return r
	case <-time.After(patience):
		t.Fatal("no session")
		return nil
	}
}

func (f *fixture) poll(t testing.TB, sid string) response {
	t.Helper()
	return f.request(t, "GET", f.url("polling", sid), "")
}

// goPoll polls in the background.
func (f *fixture) goPoll(t testing.TB, sid string) <-chan response {
	c := make(chan response, 1)
	r := newRequest(t, "GET", f.url("polling", sid), "")
	go func() {
		resp, err := f.client.Do(r)
		if err != nil {
			c <- response{body: err.Error()}
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		c <- response{resp.StatusCode, resp.Header, string(body)}
	}()
	return c
}

func (f *fixture) post(t testing.TB, sid, body string) response {
	t.Helper()
	return f.request(t, "POST", f.url("polling", sid), body, "Content-Type", "text/plain;charset=UTF-8")
}

// dial opens a websocket, for a new session or to upgrade sid.
func (f *fixture) dial(t testing.TB, sid string) *conn {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { c.Close() })
	return &conn{c}
}

// openWS makes a websocket session and consumes the open packet.
func (f *fixture) openWS(t testing.TB) (*conn, openPacket, *recorder) {
	t.Helper()
	c := f.dial(t, "")
	o := parseOpen(t, c.read(t))
	return c, o, f.session(t)
}

type conn struct{ *websocket.Conn }

func (c *conn) read(t testing.TB) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	_, data, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("websocket read: %v", err)
	}
	return string(data)
}

func (c *conn) want(t testing.TB, data string) {
	t.Helper()
	if got := c.read(t); got != data {
		t.Fatalf("websocket: %q, want %q", got, data)
	}
}

func (c *conn) send(t testing.TB, data string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(data)); err != nil {
		t.Fatalf("websocket write: %v", err)
	}
}

// wantClosed reads until the connection ends and returns the error.
func (c *conn) wantClosed(t testing.TB) error {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		_, data, err := c.ReadMessage()
		if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
			t.Fatal("websocket still open")
		}
		if err != nil {
			return err
		}
		t.Logf("before the close: %q", data)
	}
}

func send(t testing.TB, s *engineio.Session, data string) {
	t.Helper()
	if err := s.Send(&engineio.Outgoing{Data: []byte(data)}); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func (resp response) want(t testing.TB, status int, body string) {
	t.Helper()
	if resp.status != status || resp.body != body {
		t.Fatalf("response: %d %q, want %d %q", resp.status, resp.body, status, body)
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// pipeBody is a request body that the test feeds.
type pipeBody struct {
	*io.PipeReader
	w *io.PipeWriter
}

func newPipeBody() *pipeBody {
	r, w := io.Pipe()
	return &pipeBody{r, w}
}

func (b *pipeBody) write(t testing.TB, data string) {
	t.Helper()
	if _, err := io.WriteString(b.w, data); err != nil {
		t.Fatal(err)
	}
}

// waitForPost sends small POSTs until one overlaps with one in progress, which
// ends the session.
func (f *fixture) waitForPost(t testing.TB, sid string) {
	t.Helper()
	for f.post(t, sid, "4x").status == 200 {
	}
}
