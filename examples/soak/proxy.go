package main

import (
	"io"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy forwards TCP connections, and does to them what bad networks do.
type proxy struct {
	ln      net.Listener
	target  string
	forward sync.WaitGroup

	quit chan struct{} // closed by close

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	done  bool

	faults [faultKinds]atomic.Int64 // how often each was done
}

// fault is what happens to a connection.
type fault int

const (
	noFault    fault = iota
	faultCut         // closed in the middle
	faultRST         // reset in the middle
	faultHang        // half-open: nothing passes any more, nothing is said
	faultStall       // nothing passes for a while
	faultSlow        // the client reads slowly
	faultKinds
)

var faultNames = [...]string{"none", "cut", "reset", "half-open", "stalled", "slow"}

func newProxy(target string) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{ln: ln, target: target, conns: map[net.Conn]bool{}, quit: make(chan struct{})}
	p.forward.Go(p.serve)
	return p, nil
}

func (p *proxy) url() string { return "http://" + p.ln.Addr().String() }

func (p *proxy) serve() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.forward.Go(func() { p.pass(c.(*net.TCPConn)) })
	}
}

// hangTime is how long a half-open connection stays: the server has to give it up before.
const hangTime = 15 * time.Second

// pass forwards one connection until a fault is due.
func (p *proxy) pass(client *net.TCPConn) {
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	server := conn.(*net.TCPConn)
	if !p.hold(client, server) {
		return
	}
	defer p.release(client, server)
	line := &line{fault: pickFault(), quit: p.quit, client: client, server: server}
	line.after.Store(faultAfter())
	p.faults[line.fault].Add(1)
	var both sync.WaitGroup
	both.Go(func() { line.copy(server, client, false) })
	both.Go(func() { line.copy(client, server, true) })
	both.Wait()
}

// pickFault leaves a few of the connections alone.
func pickFault() fault {
	if rand.IntN(10) == 0 {
		return noFault
	}
	return fault(1 + rand.IntN(int(faultKinds)-1))
}

// faultAfter says after how many bytes a fault is due: within the handshake or within
// minutes, any order of magnitude as often as the others.
func faultAfter() int64 { return int64(100 * math.Pow(10, 3.5*rand.Float64())) }

// hold keeps both ends, to be closed by close.
func (p *proxy) hold(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.done {
			c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.done
}

func (p *proxy) release(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
}

// close closes all connections and waits for their goroutines.
func (p *proxy) close() {
	close(p.quit)
	p.ln.Close()
	p.mu.Lock()
	p.done = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.forward.Wait()
}

// line is a connection and its fault.
type line struct {
	fault          fault
	quit           <-chan struct{}
	client, server *net.TCPConn
	after          atomic.Int64 // bytes until the fault
}

// copy forwards one direction.
func (l *line) copy(dst, src *net.TCPConn, toClient bool) {
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if n > 0 && l.after.Add(-int64(n)) < 0 && !l.misbehave(toClient) {
			return
		}
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err == io.EOF {
			dst.CloseWrite()
			return
		}
		if err != nil { // both directions end
			dst.Close()
			src.Close()
			return
		}
	}
}

// misbehave does what the fault is about. It reports whether the line goes on.
func (l *line) misbehave(toClient bool) bool {
	switch l.fault {
	case faultCut:
		l.end(-1)
		return false
	case faultRST:
		l.end(0)
		return false
	case faultHang: // the ends are not told
		l.sleep(hangTime)
		l.end(0)
		return false
	case faultStall:
		l.sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
		l.after.Store(100_000)
	case faultSlow:
		if toClient {
			l.sleep(50 * time.Millisecond)
		}
	}
	return true
}

func (l *line) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.quit:
	}
}

// end closes both ends; a linger of 0 resets them.
func (l *line) end(linger int) {
	for _, c := range []*net.TCPConn{l.client, l.server} {
		c.SetLinger(linger)
		c.Close()
	}
}
