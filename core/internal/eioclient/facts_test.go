package eioclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

// bodies is a wrap that collects what is POSTed.
type bodies struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (b *bodies) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			data, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(data))
			b.mu.Lock()
			b.list = append(b.list, string(data))
			b.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

func (b *bodies) posted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

func TestBatchingEC1(t *testing.T) {
	f := newFixture(&engineio.Options{MaxPayload: 100})
	b := new(bodies)
	f.wrap = b.wrap
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	c, r := f.open(t, polling())
	p := f.peer(t)
	times := func(s string, n int) string { return strings.Repeat(s, n) }

	send(t, c, times("a", 99), times("b", 30), times("c", 30), times("d", 35), times("€", 33), times("f", 99))
	flush(t, c)
	want := []string{
		"4" + times("a", 99),
		"4" + times("b", 30) + "\x1e4" + times("c", 30) + "\x1e4" + times("d", 35),
		"4" + times("€", 33),
		"4" + times("f", 99),
	}
	if got := b.posted(); !slices.Equal(got, want) {
		t.Fatalf("posted %q\nwant %q", got, want)
	}
	for range 6 {
		wait(t, p.messages, "message")
	}

	binary := func(n int) eioclient.Message { return eioclient.Message{Data: make([]byte, n), Binary: true} }
	if err := c.Send(binary(72), binary(20), eioclient.Message{Data: []byte(times("x", 20))}, binary(20), binary(72)); err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	var counts []int
	for _, body := range b.posted()[4:] {
		counts = append(counts, strings.Count(body, "\x1e")+1)
		if len(body) > 100 {
			t.Errorf("a body of %d bytes", len(body))
		}
	}
	if !slices.Equal(counts, []int{1, 3, 1}) {
		t.Errorf("binary messages per POST: %v", counts)
	}
	for range 5 {
		wait(t, p.messages, "message")
	}

	send(t, c, times("g", 101)) // is sent anyway, and refused
	err := r.wantClosed(t, "transport error")
	if got := b.posted(); got[len(got)-1] != "4"+times("g", 101) {
		t.Errorf("posted %q", got[len(got)-1])
	}
	var e *eioclient.Error
	if !errors.As(err, &e) || e.Status != 413 || e.Op != "POST" { // EC5
		t.Errorf("error %v", err)
	}
}

// gate holds back websocket handshakes until it is opened.
type gate struct {
	arrived chan struct{}
	open    chan struct{}
	refuse  bool
}

func newGate() *gate { return &gate{arrived: make(chan struct{}, 10), open: make(chan struct{})} }

func (g *gate) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			g.arrived <- struct{}{}
			<-g.open
			if g.refuse {
				http.Error(w, "no websockets here", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func TestCloseDuringUpgradeEC2(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refuse=%v", refuse), func(t *testing.T) {
			f := newFixture(nil)
			g := newGate()
			g.refuse = refuse
			f.wrap = g.wrap
			f.serveTCP(t, f)
			t.Cleanup(func() { f.engine.Close() })
			c, r := f.open(t, nil)
			p := f.peer(t)
			wait(t, g.arrived, "handshake")
			send(t, c, "before")
			returned := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				returned <- c.Close(ctx)
			}()
			for c.Send(eioclient.Message{Data: []byte("x")}) == nil { // until Close has begun
			}
			select {
			case got := <-r.closed:
				t.Fatalf("closed with %q during the upgrade", got.reason)
			default:
			}
			close(g.open)
			if err := wait(t, returned, "end of Close"); err != nil {
				t.Errorf("Close: %v", err)
			}
			if got := len(r.upgrades); refuse != (got == 0) {
				t.Errorf("%d upgrades", got)
			}
			r.wantClosed(t, "forced close")
			p.wantMessage(t, "before")
			p.wantClosed(t, engineio.TransportClose)
		})
	}
}

func TestPreferWebSocketEC3(t *testing.T) {
	f := start(t, nil)
	c, _ := f.open(t, &eioclient.Options{PreferWebSocket: true})
	if c.Transport() != eioclient.WebSocket || len(f.seen()) != 1 {
		t.Errorf("transport %q after %d requests", c.Transport(), len(f.seen()))
	}
	c, _ = f.open(t, &eioclient.Options{PreferWebSocket: true, Transports: []string{eioclient.Polling}})
	if c.Transport() != eioclient.Polling {
		t.Errorf("transport %q, which is not listed", c.Transport())
	}
}

func TestTryAllTransportsEC4(t *testing.T) {
	f := start(t, &engineio.Options{Transports: []string{"websocket"}})
	c, _ := f.open(t, &eioclient.Options{TryAllTransports: true})
	if c.Transport() != eioclient.WebSocket {
		t.Errorf("transport %q", c.Transport())
	}
	err := f.openFails(t, nil)
	var e *eioclient.Error
	if !errors.As(err, &e) || e.Transport != eioclient.Polling || e.Status != 400 || e.Message != "Transport unknown" {
		t.Errorf("error %v", err)
	}

	f = start(t, &engineio.Options{Transports: []string{"polling"}})
	c, _ = f.open(t, &eioclient.Options{TryAllTransports: true, PreferWebSocket: true})
	if c.Transport() != eioclient.Polling {
		t.Errorf("transport %q", c.Transport())
	}
}

// TestTryAllTransportsFail: the error tells of each.
func TestTryAllTransportsFail(t *testing.T) {
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, `{"code":5,"message":"no `+r.URL.Query().Get("transport")+`"}`, 403)
	})
	err := f.openFails(t, &eioclient.Options{TryAllTransports: true})
	for _, want := range []string{"polling", "websocket", "403", "no websocket"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error %q", want, err)
		}
	}
}

func TestErrorsEC5(t *testing.T) {
	var refuse atomic.Pointer[string] // the method that is refused
	f := newFixture(nil)
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if method := refuse.Load(); method != nil && *method == r.Method {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "sid=", "sid=zz", 1)
			}
			next.ServeHTTP(w, r)
		})
	}
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	for _, op := range []string{"GET", "POST"} {
		refuse.Store(nil)
		c, r := f.open(t, polling())
		p := f.peer(t)
		p.send(t, "x")
		r.wantMessage(t, "x")
		refuse.Store(&op)
		if op == "GET" {
			p.send(t, "y") // ends the poll
		} else {
			send(t, c, "z")
		}
		err := r.wantClosed(t, "transport error")
		var e *eioclient.Error
		if !errors.As(err, &e) {
			t.Fatalf("error %v", err)
		}
		if e.Op != op || e.Status != 400 || e.Code != 1 || e.Message != "Session ID unknown" || string(e.Body) != `{"code":1,"message":"Session ID unknown"}` {
			t.Errorf("error %+v", e)
		}
		if want := "polling: " + op + ": 400 Bad Request: Session ID unknown"; e.Error() != want {
			t.Errorf("error %q", e)
		}
	}
	f.url.RawQuery = "sid=abc"
	err := f.openFails(t, websockets())
	var e *eioclient.Error
	if !errors.As(err, &e) || e.Transport != eioclient.WebSocket || e.Status != 400 || e.Message != "Session ID unknown" {
		t.Errorf("error %v, body %q", err, e.Body)
	}
}

func TestMessageTooBigForServerEC6(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 100})
	c, r := f.open(t, websockets())
	send(t, c, strings.Repeat("x", 200))
	err := r.wantClosed(t, "transport close")
	var e *eioclient.Error
	if !errors.As(err, &e) || e.CloseCode != 1009 {
		t.Errorf("error %v", err)
	}
}

func TestCookiesEC7(t *testing.T) {
	f := newFixture(nil)
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !r.URL.Query().Has("sid") {
				w.Header().Add("Set-Cookie", "1=1; Path=/; HttpOnly")
				w.Header().Add("Set-Cookie", "2=a=b&c; Path=/; Max-Age=1000")
			}
			next.ServeHTTP(w, r)
		})
	}
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	for _, with := range []bool{true, false} {
		opts := new(eioclient.Options)
		if with {
			opts.Jar, _ = cookiejar.New(nil)
		}
		before := len(f.seen())
		c, r := f.open(t, opts)
		p := f.peer(t)
		send(t, c, "x")
		p.wantMessage(t, "x")
		r.wantUpgrade(t)
		want := ""
		if with {
			want = "1=1; 2=a=b&c"
		}
		for i, request := range f.seen()[before:] {
			if got := request.Header.Get("Cookie"); i > 0 && got != want {
				t.Errorf("%s %s: Cookie %q, want %q", request.Method, request.URL.Query().Get("transport"), got, want)
			}
		}
	}
	// Those of a websocket handshake are kept as well.
	opts := websockets()
	jar, _ := cookiejar.New(nil)
	opts.Jar = jar
	f.open(t, opts)
	if got := len(jar.Cookies(f.url)); got != 2 {
		t.Errorf("%d cookies of a websocket handshake", got)
	}
}

func TestNoTransportsEC8(t *testing.T) {
	f := start(t, nil)
	for _, transports := range [][]string{{}, {"carrier pigeon"}} {
		err := f.openFails(t, &eioclient.Options{Transports: transports})
		t.Logf("%q: %v", transports, err)
	}
	if len(f.seen()) != 0 {
		t.Error("requests were made")
	}
}

func TestTransportsAreNotChangedEC9(t *testing.T) {
	f := start(t, nil)
	transports := []string{eioclient.Polling, eioclient.WebSocket}
	_, r := f.open(t, &eioclient.Options{Transports: transports})
	r.wantUpgrade(t)
	f.open(t, &eioclient.Options{Transports: transports, PreferWebSocket: true, TryAllTransports: true})
	if !slices.Equal(transports, []string{"polling", "websocket"}) {
		t.Errorf("transports %q", transports)
	}
}

func TestQueryEC10(t *testing.T) {
	f := start(t, nil)
	f.url.RawQuery = "token=a%20b"
	given := *f.url
	_, r := f.open(t, nil)
	r.wantUpgrade(t)
	_, r = f.open(t, &eioclient.Options{TimestampParam: "ts"})
	r.wantUpgrade(t)
	_, r = f.open(t, &eioclient.Options{NoTimestamp: true})
	r.wantUpgrade(t)
	if *f.url != given {
		t.Errorf("Dial changed the URL: %v", f.url)
	}
	stamp := regexp.MustCompile(`^[0-9A-Za-z_-]+$`)
	seen := map[string]int{}
	for _, request := range f.seen() {
		q := request.URL.Query()
		if q.Get("token") != "a b" || q.Get("EIO") != "4" {
			t.Errorf("query %v", q)
		}
		ws := q.Get("transport") == "websocket"
		for _, name := range []string{"t", "ts"} {
			if !q.Has(name) {
				continue
			}
			seen[name+q.Get(name)]++
			if ws || !stamp.MatchString(q.Get(name)) {
				t.Errorf("%s=%q on %s", name, q.Get(name), q.Get("transport"))
			}
		}
	}
	for value, n := range seen {
		if n > 1 {
			t.Errorf("timestamp %q %d times", value, n)
		}
	}
	if len(seen) < 4 {
		t.Errorf("timestamps %v", seen)
	}
}

func TestSchemes(t *testing.T) {
	f := start(t, nil)
	for _, scheme := range []string{"ws", "http"} {
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			f.url.Scheme = scheme
			c, _ := f.open(t, opts)
			closeConn(t, c)
		}
	}
	for _, bad := range []*url.URL{{}, {Scheme: "ftp", Host: f.url.Host}, {Scheme: "http"}} {
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			if c, err := eioclient.Dial(context.Background(), bad, opts); err == nil {
				c.Abort("", nil)
				t.Errorf("%v: connected", bad)
			}
		}
	}
}

func TestHeadersAndSubprotocols(t *testing.T) {
	f := start(t, nil)
	header := http.Header{"X-Token": {"secret"}, "Host": {"example.com"}}
	_, r := f.open(t, &eioclient.Options{Header: header, Subprotocols: []string{"one", "two"}})
	r.wantUpgrade(t)
	for _, request := range f.seen() {
		if got := request.Header.Get("X-Token"); got != "secret" {
			t.Errorf("%s: X-Token %q", request.URL.Query().Get("transport"), got)
		}
		if request.Host != "example.com" {
			t.Errorf("%s: Host %q", request.URL.Query().Get("transport"), request.Host)
		}
	}
	last := f.seen()[len(f.seen())-1]
	i := slices.IndexFunc(f.seen(), func(r *http.Request) bool { return r.Header.Get("Upgrade") != "" })
	if i < 0 {
		t.Fatalf("no handshake, last %v", last.URL)
	}
	if got := f.seen()[i].Header.Get("Sec-Websocket-Protocol"); got != "one, two" {
		t.Errorf("subprotocols %q", got)
	}
	if len(header) != 2 {
		t.Errorf("the header was changed: %v", header)
	}
}

// counter counts what is written to its connections.
type counter struct{ written atomic.Int64 }

func (c *counter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &countedConn{conn, c}, err
}

type countedConn struct {
	net.Conn
	c *counter
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.c.written.Add(int64(len(p)))
	return c.Conn.Write(p)
}

func TestCompressionThresholdEC11(t *testing.T) {
	f := start(t, &engineio.Options{WebSocketCompressionThreshold: 1})
	for _, test := range []struct {
		name       string
		threshold  int
		noCompress bool
		small      bool
	}{
		{"off", 0, false, false}, {"below", 6000, false, false}, {"from", 5000, false, true}, {"message without", 5000, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			count := new(counter)
			opts := websockets()
			opts.DialContext, opts.CompressionThreshold = count.dial, test.threshold
			c, r := f.open(t, opts)
			p := f.peer(t)
			before := count.written.Load()
			data := strings.Repeat("x", 5000)
			if err := c.Send(eioclient.Message{Data: []byte(data), NoCompress: test.noCompress}); err != nil {
				t.Fatal(err)
			}
			p.wantMessage(t, data)
			if n := count.written.Load() - before; (n < 1000) != test.small {
				t.Errorf("%d bytes on the wire", n)
			}
			p.send(t, data)
			r.wantMessage(t, data)
		})
	}
}

func TestRedirect(t *testing.T) {
	f := newFixture(nil)
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/old") {
				http.Redirect(w, r, "/engine.io/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	f.url.Path = "/old/"
	c, r := f.open(t, polling())
	p := f.peer(t)
	send(t, c, "x")
	p.wantMessage(t, "x")
	p.send(t, "y")
	r.wantMessage(t, "y")
	err := f.openFails(t, websockets())
	var e *eioclient.Error
	if !errors.As(err, &e) || e.Status != 307 {
		t.Errorf("a websocket handshake that is redirected: %v", err)
	}
}

// TestHTTPClient: a caller's client is used, and its transport is left alone.
func TestHTTPClient(t *testing.T) {
	f := start(t, nil)
	var used atomic.Int32
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	opts := polling()
	opts.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		used.Add(1)
		return transport.RoundTrip(r)
	})}
	c, _ := f.open(t, opts)
	send(t, c, "x")
	f.peer(t).wantMessage(t, "x")
	closeConn(t, c)
	if n := len(f.seen()); int(used.Load()) < n { // one that is cut off may not have arrived
		t.Errorf("%d of %d requests", used.Load(), n)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
