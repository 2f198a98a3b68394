package client_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/socketio"
)

// proxy is between a client and a server, and cuts connections, or has them fall
// silent, after some bytes: in the middle of a frame, as a rule.
type proxy struct {
	ln     net.Listener
	target string
	tasks  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	rnd    *rand.Rand
	most   int // bytes until a fault
	served int
	sound  bool
	conns  map[net.Conn]bool // of both sides
	cuts   int
	stalls int
}

func newProxy(t *testing.T, target string, seed uint64, most int) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target, rnd: rand.New(rand.NewPCG(seed, 2)), most: most, conns: make(map[net.Conn]bool)}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.drop()
		p.tasks.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.tasks.Go(func() { p.serve(c) })
	}
}

// serve is one connection through the proxy.
func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the server is down
	}
	defer s.Close()
	limit, stalls := p.plan(c, s)
	defer p.forget(c, s)
	f := &flow{left: limit, stalls: stalls, a: c, b: s, p: p}
	p.tasks.Go(func() { f.copy(s, c) })
	f.copy(c, s)
}

// plan says after how many bytes a connection breaks, or falls silent.
func (p *proxy) plan(c, s net.Conn) (limit int, stalls bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c], p.conns[s] = true, true
	if p.sound {
		return 1 << 30, false
	}
	p.served++
	return 300 + p.rnd.IntN(p.most), p.served%6 == 0
}

func (p *proxy) forget(c, s net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	delete(p.conns, s)
}

// drop breaks all connections.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// heal ends the faults.
func (p *proxy) heal() {
	p.mu.Lock()
	p.sound = true
	p.mu.Unlock()
	p.drop()
}

// flow is the bytes of one connection.
type flow struct {
	p    *proxy
	a, b net.Conn

	mu     sync.Mutex // guards what follows
	left   int
	stalls bool
	over   bool
}

// take returns how many of n bytes get through.
func (f *flow) take(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, f.left)
	f.left -= n
	return n
}

// broke counts a fault, once, and reports whether it is silence.
func (f *flow) broke() (silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return f.stalls
	}
	f.over = true
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if f.stalls {
		f.p.stalls++
	} else {
		f.p.cuts++
	}
	return f.stalls
}

func (f *flow) copy(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		through := f.take(n)
		if through > 0 {
			if _, failed := to.Write(buf[:through]); failed != nil {
				break
			}
		}
		if through < n && f.broke() {
			for err == nil { // nothing comes out any more, until an end gives up
				_, err = from.Read(buf)
			}
			break
		}
		if through < n || err != nil {
			break
		}
	}
	f.a.Close()
	f.b.Close()
}

// process is a server that is killed and started again at its address.
type process struct {
	t       testing.TB
	handler http.Handler
	addr    string
	server  *http.Server
	done    chan struct{}
}

func startProcess(t testing.TB, handler http.Handler) *process {
	p := &process{t: t, handler: handler, addr: "127.0.0.1:0"}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	ln, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.addr = ln.Addr().String()
	p.server = &http.Server{Handler: p.handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	p.done = make(chan struct{})
	go func(s *http.Server, done chan struct{}) {
		defer close(done)
		s.Serve(ln)
	}(p.server, p.done)
}

func (p *process) kill() {
	p.server.Close()
	<-p.done
}

// What TestFaults says holds over real sockets too: behind a proxy that cuts
// connections in the middle of a frame or lets them hang, and for a server that is
// killed, away for a while, and comes back knowing nothing.
func TestRealFaults(t *testing.T) {
	for _, retries := range []int{0, 1000} {
		for name, transport := range transports {
			t.Run(fmt.Sprintf("%s/retries=%d", name, retries), func(t *testing.T) {
				t.Parallel()
				testRealFaults(t, transport, retries)
			})
		}
	}
}

func testRealFaults(t *testing.T, transport func(*client.Options), retries int) {
	x := newExchange(&socketio.Options{
		PingInterval: 200 * time.Millisecond, PingTimeout: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}, retries)
	defer x.server.close()
	server := startProcess(t, &x.server)
	most := 2500
	if strings.Contains(t.Name(), "polling") {
		most = 15_000 // HTTP has more to say
	}
	network := newProxy(t, server.addr, uint64(len(t.Name())), most)
	x.heal = network.heal
	x.restart = func() {
		server.kill()
		x.server.restart()
		network.drop()
		server.start()
	}
	o := &client.Options{
		AckTimeout: 2 * time.Second, ConnectTimeout: 2 * time.Second, CloseTimeout: time.Second,
		Reconnection: client.Reconnection{Delay: 10 * time.Millisecond, DelayMax: 50 * time.Millisecond},
		Logger:       slog.New(slog.DiscardHandler),
	}
	transport(o)
	before := time.Now()
	x.run(t, "http://"+network.ln.Addr().String(), o)
	network.mu.Lock()
	defer network.mu.Unlock()
	t.Logf("%d cuts, %d stalls, in %v", network.cuts, network.stalls, time.Since(before))
	if network.cuts < 5 || network.stalls < 1 {
		t.Error("too few faults to say anything")
	}
}
