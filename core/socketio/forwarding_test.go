package socketio_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

const secret = "correct horse battery staple"

// node is a server of a cluster, with its HTTP server.
type node struct {
	sio  *socketio.Server
	http *httptest.Server
	log  *logBuffer
	hits atomic.Int64
}

func (n *node) url() string { return n.http.URL + "/socket.io/" }

// kill takes the node away like a crash: connections break, nobody is told.
func (n *node) kill() {
	n.http.Listener.Close()
	n.http.CloseClientConnections()
}

// fleet is a cluster behind a load balancer that goes round.
type fleet struct {
	nodes    []*node
	faults   *clustertest.Faults
	balancer *httptest.Server
	next     atomic.Int64
}

func (f *fleet) url() string { return f.balancer.URL + "/socket.io/" }

// newFleet starts a cluster of three. Tune may change the options of a node.
func newFleet(t *testing.T, tune func(i int, f *fleet, o *socketio.Options)) *fleet {
	t.Helper()
	f := &fleet{faults: clustertest.NewFaults(cluster.NewMemory(nil))}
	f.balancer = httptest.NewUnstartedServer(f.balance())
	t.Cleanup(f.balancer.Close)
	f.balancer.Start()
	for i := range 3 {
		n := &node{log: new(logBuffer)}
		n.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.hits.Add(1)
			n.sio.ServeHTTP(w, r)
		}))
		opts := &socketio.Options{
			Cluster: f.faults,
			NodeID:  fmt.Sprint("node", i),
			Logger:  slog.New(slog.NewTextHandler(n.log, nil)),
			Forwarding: &socketio.Forwarding{
				URL:    "http://" + n.http.Listener.Addr().String() + "/socket.io/",
				Secret: secret,
			},
		}
		if tune != nil {
			tune(i, f, opts)
		}
		n.sio = socketio.NewServer(opts)
		n.http.Start()
		f.nodes = append(f.nodes, n)
		t.Cleanup(func() {
			n.sio.Close()
			n.http.CloseClientConnections()
			n.http.Close()
		})
	}
	for _, n := range f.nodes {
		if err := n.sio.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// balance sends each request to the next node, whatever it is about.
func (f *fleet) balance() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			u, _ := url.Parse(f.nodes[f.next.Add(1)%int64(len(f.nodes))].http.URL)
			p.SetURL(u)
			p.SetXForwarded()
			p.Out.Host = p.In.Host
		},
		FlushInterval: -1,
		Transport:     &http.Transport{DisableKeepAlives: true},
	}
}

// worker is a testing.TB for a goroutine that is not the test's.
type worker struct {
	testing.TB
	failed atomic.Bool
}

func (w *worker) Fatalf(format string, args ...any) {
	w.failed.Store(true)
	w.TB.Errorf(format, args...)
	runtime.Goexit()
}

func (w *worker) Fatal(args ...any) { w.Fatalf("%s", fmt.Sprint(args...)) }

// Clients that never reach the same node twice in a row, on all transports, get
// everything, once and in order, and so do the nodes.
func TestForwardingRoundRobin(t *testing.T) {
	const clients, messages = 200, 10
	f := newFleet(t, nil)
	for _, n := range f.nodes {
		var mu sync.Mutex
		last := map[string]int{}
		n.sio.Handle("up", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
			var i int
			if err := e.Scan(&i); err != nil {
				return err
			}
			mu.Lock()
			if i != last[e.Socket().ID()]+1 {
				t.Errorf("event %d after %d", i, last[e.Socket().ID()])
			}
			last[e.Socket().ID()] = i
			mu.Unlock()
			if err := e.Socket().Emit("down", i); err != nil {
				return err
			}
			return e.Reply(i)
		}))
	}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			w := &worker{TB: t}
			p := openPeer(w, f.url(), c%3)
			p.Connect("/", "")
			for i := 1; i <= messages; i++ {
				if c%3 == 1 && i == messages/2 {
					p.Upgrade()
				}
				p.Send(fmt.Sprintf(`42%d["up",%d]`, i, i))
				p.Expect(fmt.Sprintf(`42["down",%d]`, i), fmt.Sprintf(`43%d[%d]`, i, i))
			}
		})
	}
	wg.Wait()
	for i, n := range f.nodes {
		if log := n.log.String(); log != "" {
			t.Errorf("log of node %d: %s", i, log)
		}
	}
}

func openPeer(t testing.TB, url string, kind int) *siotest.Peer {
	if kind == 2 {
		return siotest.WebSocket(t, url, nil)
	}
	return siotest.Polling(t, url, nil)
}

// session opens a polling session on a node and returns its query.
func (n *node) session(t *testing.T) string {
	t.Helper()
	p := siotest.Polling(t, n.url(), nil)
	return "?EIO=4&transport=polling&sid=" + url.QueryEscape(p.Handshake().SID)
}

func get(t *testing.T, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	return roundTrip(t, "GET", url, "", header)
}

func roundTrip(t *testing.T, method, url, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != "" {
		req.Header.Set("Content-Type", "text/plain")
	}
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

const unknownSession = `{"code":1,"message":"Session ID unknown"}`

// The owner sees the request as if it had come to it, but for who brought it.
func TestForwardedRequestIsPreserved(t *testing.T) {
	type seen struct{ host, remote, forwardedFor, proto, header string }
	requests := make(chan seen, 8)
	f := newFleet(t, func(i int, _ *fleet, o *socketio.Options) {
		if i != 0 {
			return
		}
		o.CORS = &socketio.CORS{Origins: []string{"https://page.example"}}
		o.OnHeaders = func(h http.Header, r *http.Request) {
			requests <- seen{r.Host, r.RemoteAddr, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get(socketio.ForwardHeader)}
			h.Set("X-Owner", "yes")
		}
	})
	query := f.nodes[0].session(t)
	<-requests
	var client string
	direct := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			client = c.LocalAddr().String()
		}
		return c, err
	}}
	defer direct.CloseIdleConnections()
	for _, c := range []struct {
		name   string
		header http.Header
		want   seen
	}{
		{"from a client", http.Header{}, seen{forwardedFor: "127.0.0.1", proto: "http"}},
		{"from a balancer", http.Header{"X-Forwarded-For": {"9.9.9.9"}, "X-Forwarded-Proto": {"https"}}, seen{forwardedFor: "9.9.9.9", proto: "https"}},
		{"from a liar", http.Header{socketio.ForwardHeader: {"AAAAAAAA AAAA 6.6.6.6:6"}}, seen{forwardedFor: "127.0.0.1", proto: "http"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, _ := http.NewRequest("POST", f.nodes[1].url()+query, strings.NewReader("40"))
			req.Host = "public.example"
			req.Header = c.header
			req.Header.Set("Content-Type", "text/plain")
			res, err := direct.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, res); got != "ok" || res.Header.Get("X-Owner") != "yes" {
				t.Errorf("answer %q, %v", got, res.Header)
			}
			c.want.host, c.want.remote = "public.example", client
			if got := receive(t, requests); got != c.want {
				t.Errorf("the owner saw %+v, want %+v", got, c.want)
			}
		})
	}
}

// Headers that both nodes set come once.
func TestForwardedAnswerIsPreserved(t *testing.T) {
	f := newFleet(t, func(_ int, _ *fleet, o *socketio.Options) {
		o.CORS = &socketio.CORS{Origins: []string{"https://page.example"}, Credentials: true}
		o.InitialPacket = []byte("hello")
	})
	f.nodes[0].sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Emit("long", strings.Repeat("text ", 1000))
	})
	query := f.nodes[0].session(t)
	page := http.Header{"Origin": {"https://page.example"}, "Accept-Encoding": {"gzip"}}
	post, answer := roundTrip(t, "POST", f.nodes[1].url()+query, "40", page)
	if answer != "ok" {
		t.Fatalf("POST: %q", answer)
	}
	poll, _ := get(t, f.nodes[2].url()+query, page)
	for name, res := range map[string]*http.Response{"POST": post, "poll": poll} {
		for _, h := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Cache-Control", "Content-Type"} {
			if v := res.Header.Values(h); len(v) != 1 {
				t.Errorf("%s: %s is %q", name, h, v)
			}
		}
	}
}

// A session of a node that is gone is refused at once, and so are all after that.
func TestForwardingToADeadNode(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			f := newFleet(t, nil)
			query := f.nodes[0].session(t)
			if _, answer := roundTrip(t, "POST", f.nodes[1].url()+query, "40", nil); answer != "ok" {
				t.Fatalf("while it lives: %q", answer)
			}
			if silent {
				f.faults.Kill("node0")
			} else {
				f.nodes[0].sio.Close()
			}
			f.nodes[0].kill()
			for range 3 {
				start := time.Now()
				res, answer := get(t, f.nodes[1].url()+query, nil)
				if res.StatusCode != 400 || answer != unknownSession {
					t.Errorf("got %d %q", res.StatusCode, answer)
				}
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("that took %v", d)
				}
			}
		})
	}
}

// Nodes that have not heard of each other find each other when it matters.
func TestForwardingFindsNodesLate(t *testing.T) {
	f := newFleet(t, nil)
	query := f.nodes[0].session(t)
	f.faults.Drop(func(_ string, m *cluster.Message) bool { return m.Type == cluster.ServerSideEmit })
	late := &socketio.Options{
		Cluster: f.faults, NodeID: "late", Logger: slog.New(slog.DiscardHandler),
		Forwarding: &socketio.Forwarding{URL: "http://127.0.0.1:1/", Secret: secret},
	}
	sio := socketio.NewServer(late) // nobody hears its announcement, nor answers it
	t.Cleanup(func() { sio.Close() })
	h := httptest.NewServer(sio)
	t.Cleanup(h.Close)
	if _, answer := roundTrip(t, "POST", h.URL+query, "40", nil); answer != unknownSession {
		t.Errorf("while nobody knows: %q", answer)
	}
	f.faults.Drop(nil)
	until(t, func() bool {
		_, answer := roundTrip(t, "POST", h.URL+query, "40", nil)
		return answer == "ok"
	})
}

// Where nodes find each other by heartbeats, one that comes asks the others where they
// are before it knows that they are there. They are found all the same, from the first
// request on.
func TestForwardingWithHeartbeats(t *testing.T) {
	f := newFleet(t, func(i int, f *fleet, o *socketio.Options) {
		if i == 0 {
			f.faults = clustertest.NewHeartbeatFaults(cluster.NewMemory(nil))
			f.faults.Delay(5 * time.Millisecond) // for each message, one after the other
		}
		o.Cluster = f.faults
	})
	for i, owner := range f.nodes {
		query := owner.session(t)
		for j, n := range f.nodes {
			if _, answer := roundTrip(t, "POST", n.url()+query, "40", nil); j != i && answer != "ok" {
				t.Errorf("node %d, asked for a session of node %d: %q", j, i, answer)
			}
		}
	}
}

// until waits for something that needs repeated requests to become true.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
		runtime.Gosched()
	}
}

// A node whose URL leads to the load balancer: requests go round no more than once,
// and the log says what is wrong.
func TestForwardingDoesNotLoop(t *testing.T) {
	f := newFleet(t, func(i int, f *fleet, o *socketio.Options) {
		if i == 0 {
			o.Forwarding.URL = f.url()
		}
	})
	query := f.nodes[0].session(t)
	before := f.nodes[0].hits.Load() + f.nodes[1].hits.Load() + f.nodes[2].hits.Load()
	f.next.Store(1) // the balancer's next is node 2
	res, answer := get(t, f.nodes[1].url()+query, nil)
	if res.StatusCode != 400 || answer != unknownSession {
		t.Errorf("got %d %q", res.StatusCode, answer)
	}
	after := f.nodes[0].hits.Load() + f.nodes[1].hits.Load() + f.nodes[2].hits.Load()
	if after-before != 2 {
		t.Errorf("%d requests, want 2", after-before)
	}
	if log := f.nodes[2].log.String(); !strings.Contains(log, "leads to the load balancer") || !strings.Contains(log, "node=node0") {
		t.Errorf("log: %q", log)
	}
}

// Ids that were made up cost nobody anything but an answer; genuine ones of a node
// that is gone no more than a question per second.
func TestForwardingFlood(t *testing.T) {
	f := newFleet(t, nil)
	query := f.nodes[0].session(t)
	var asked atomic.Int64
	f.faults.Drop(func(to string, m *cluster.Message) bool {
		if to == "node2" && m.Type == cluster.ServerSideEmit {
			asked.Add(1)
		}
		return false
	})
	id := query[:len(query)-17]
	for i := range 300 {
		for _, q := range []string{
			fmt.Sprintf("?EIO=4&transport=polling&sid=%020d", i),
			fmt.Sprintf("%s.%016d", id, i),
			fmt.Sprintf("%s%d", query, i),
			"?EIO=4&transport=polling&sid=" + strings.Repeat("A", i),
		} {
			if res, answer := get(t, f.nodes[1].url()+q, nil); res.StatusCode != 400 || answer != unknownSession {
				t.Fatalf("%s: got %d %q", q, res.StatusCode, answer)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the nodes were asked %d times for made-up ids", n)
	}
	f.nodes[0].sio.Close()
	f.nodes[0].kill()
	start := time.Now()
	for range 300 {
		get(t, f.nodes[1].url()+query, nil)
	}
	if n, most := asked.Load(), int64(time.Since(start)/time.Second)+2; n > most {
		t.Errorf("the nodes were asked %d times for a lost session, want at most %d", n, most)
	}
}

// Nodes with another secret have nothing to do with each other.
func TestForwardingOtherSecret(t *testing.T) {
	f := newFleet(t, func(i int, _ *fleet, o *socketio.Options) {
		if i == 0 {
			o.Forwarding.Secret = "something else entirely"
		}
	})
	if res, answer := get(t, f.nodes[1].url()+f.nodes[0].session(t), nil); res.StatusCode != 400 || answer != unknownSession {
		t.Errorf("got %d %q", res.StatusCode, answer)
	}
	if _, answer := roundTrip(t, "POST", f.nodes[1].url()+f.nodes[2].session(t), "40", nil); answer != "ok" {
		t.Errorf("between the others: %q", answer)
	}
}

// Without forwarding, the error explains itself in the log.
func TestWrongNodeWithoutForwarding(t *testing.T) {
	f := newFleet(t, func(_ int, _ *fleet, o *socketio.Options) { o.Forwarding = nil })
	res, answer := get(t, f.nodes[1].url()+f.nodes[0].session(t), nil)
	if res.StatusCode != 400 || answer != unknownSession {
		t.Errorf("got %d %q", res.StatusCode, answer)
	}
	if log := f.nodes[1].log.String(); !strings.Contains(log, "sticky") || !strings.Contains(log, "Options.Forwarding") {
		t.Errorf("log: %q", log)
	}
}

// What passes through a node ends with it; the session lives on.
func TestForwardingNodeEnds(t *testing.T) {
	for _, end := range []string{"Close", "Shutdown"} {
		t.Run(end, func(t *testing.T) {
			f := newFleet(t, nil)
			p := siotest.Polling(t, f.nodes[0].url(), nil)
			p.Connect("/", "")
			query := "EIO=4&sid=" + url.QueryEscape(p.Handshake().SID)
			ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.nodes[1].url(), "http")+"?transport=websocket&"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			ws.WriteMessage(websocket.TextMessage, []byte("2probe"))
			if _, got, err := ws.ReadMessage(); string(got) != "3probe" {
				t.Fatalf("probe: %q, %v", got, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if end == "Close" {
				err = f.nodes[1].sio.Close()
			} else {
				err = f.nodes[1].sio.Shutdown(ctx)
			}
			if err != nil {
				t.Error(err)
			}
			if _, _, err := ws.ReadMessage(); err == nil {
				t.Error("the websocket is still there")
			}
			p.Send(`42["still there"]`)
			if res, _ := get(t, f.nodes[1].url()+"?transport=polling&"+query, nil); res.StatusCode == 200 {
				t.Error("it still forwards")
			}
		})
	}
}

// A request that waits at the owner when the node between ends gets an answer.
func TestForwardedPollEnds(t *testing.T) {
	polled := make(chan struct{})
	f := newFleet(t, func(i int, _ *fleet, o *socketio.Options) {
		if i == 1 {
			o.Forwarding.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == "GET" {
					close(polled)
				}
				return http.DefaultTransport.RoundTrip(r)
			})
		}
	})
	query := f.nodes[0].session(t)
	status := make(chan int, 1)
	go func() {
		res, err := http.Get(f.nodes[1].url() + query)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	receive(t, polled)
	f.nodes[1].sio.Close()
	if got := receive(t, status); got == 200 {
		t.Errorf("status %d", got)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestForwardingOptions(t *testing.T) {
	memory := cluster.NewMemory(nil)
	for name, o := range map[string]*socketio.Options{
		"no cluster":   {Forwarding: &socketio.Forwarding{URL: "http://a/", Secret: secret}},
		"no URL":       {Cluster: memory, Forwarding: &socketio.Forwarding{Secret: secret}},
		"bad URL":      {Cluster: memory, Forwarding: &socketio.Forwarding{URL: "http://a b/", Secret: secret}},
		"other scheme": {Cluster: memory, Forwarding: &socketio.Forwarding{URL: "ws://a/", Secret: secret}},
		"query":        {Cluster: memory, Forwarding: &socketio.Forwarding{URL: "http://a/?x=1", Secret: secret}},
		"short secret": {Cluster: memory, Forwarding: &socketio.Forwarding{URL: "http://a/", Secret: "short"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("NewServer took it")
				}
			}()
			socketio.NewServer(o).Close()
		})
	}
}
