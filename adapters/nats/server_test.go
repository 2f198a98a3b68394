package sionats_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsServer is a NATS server in this process.
type natsServer struct {
	t    testing.TB
	opts server.Options
	s    *server.Server
}

// startServer starts a server with JetStream, on a free port.
func startServer(t testing.TB) *natsServer {
	t.Helper()
	return startServerWith(t, func(*server.Options) {})
}

func startServerWith(t testing.TB, configure func(*server.Options)) *natsServer {
	t.Helper()
	n := &natsServer{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	}}
	configure(&n.opts)
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *natsServer) start() {
	n.t.Helper()
	opts := n.opts // the server writes into its own
	s, err := server.NewServer(&opts)
	if err != nil {
		n.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		n.t.Fatal("the NATS server does not start")
	}
	n.opts.Port = s.Addr().(*net.TCPAddr).Port
	n.s = s
}

func (n *natsServer) stop() {
	n.s.Shutdown()
	n.s.WaitForShutdown()
}

func (n *natsServer) addr() string { return n.s.Addr().String() }

// waitClients waits until there are so many connections.
func (n *natsServer) waitClients(t testing.TB, count int) {
	t.Helper()
	eventually(t, "connections", func() bool { return n.s.NumClients() == count })
}

// connect returns a connection that is used to make others like it.
func (n *natsServer) connect(opts ...nats.Option) *nats.Conn {
	n.t.Helper()
	return connect(n.t, n.s.ClientURL(), opts...)
}

func connect(t testing.TB, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// line is a network between clients and a server that can be held up.
type line struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu    sync.Mutex
	held  chan struct{} // closed when it goes on; nil unless held up
	conns []net.Conn
}

func startLine(t testing.TB, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, to: to}
	l.wg.Go(l.accept)
	t.Cleanup(l.close)
	return l
}

func (l *line) url() string { return "nats://" + l.listener.Addr().String() }

func (l *line) accept() {
	for {
		a, err := l.listener.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", l.to)
		if err != nil {
			a.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, a, b)
		l.mu.Unlock()
		l.wg.Go(func() { l.copy(a, b) })
		l.wg.Go(func() { l.copy(b, a) })
	}
}

func (l *line) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held != nil {
			<-held
		}
		if _, e := to.Write(buf[:n]); err != nil || e != nil {
			return
		}
	}
}

// pause has nothing get through until resume.
func (l *line) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
}

func (l *line) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

// cut ends all connections.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *line) close() {
	l.listener.Close()
	l.resume()
	l.cut()
	l.wg.Wait()
}
