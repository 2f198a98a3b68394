package socketio_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

// The benchmarks of this file show what a second processor is worth:
//
//	go test -run '^$' -bench Cores -cpu 1,2 ./core/socketio
//
// The clients take part of the time, but scale as well.

const (
	echoClients = 64
	echoWindow  = 8 // messages of each on their way
)

var echoFrame = clientFrame(1, `421["echo",`+sampleEvent[len(`42["message",`):])

func answerEchoes(sio *socketio.Server) {
	socketio.OnCall(sio, "echo", func(_ context.Context, _ *socketio.Socket, p payload) (payload, error) { return p, nil })
}

// BenchmarkCoresEcho is an event that is acknowledged, with the clients in memory: the
// goroutine that writes an answer sends the client's next message.
func BenchmarkCoresEcho(b *testing.B) {
	f := connectSinks(b, echoClients)
	answerEchoes(f.sio)
	all := newMeter()
	each := b.N/echoClients + 1
	for _, c := range f.clients {
		sent, got := min(echoWindow, each), 0
		c.got = func([]byte) { // one at a time
			if sent < each {
				sent++
				c.feed(echoFrame)
			}
			if got++; got == each {
				all.add()
			}
		}
	}
	b.ResetTimer()
	all.during(echoClients, func() {
		for _, c := range f.clients {
			for range min(echoWindow, each) {
				c.feed(echoFrame)
			}
		}
	})
}

// BenchmarkCoresEchoTCP is the same over loopback, with a goroutine for each client.
func BenchmarkCoresEchoTCP(b *testing.B) {
	_, clients, answer := dialEchoes(b, echoClients)
	each := b.N/echoClients + 1
	b.ResetTimer()
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			buf := make([]byte, answer)
			for n := range each + echoWindow {
				if n < each {
					c.Write(echoFrame)
				}
				if n < echoWindow {
					continue
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// dialEchoes starts a server that answers echoes, and connects clients to it. It returns
// how long an answer is, in bytes.
func dialEchoes(b *testing.B, n int) (sio *socketio.Server, clients []net.Conn, answer int) {
	b.Helper()
	sio = socketio.NewServer(nil)
	answerEchoes(sio)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("all") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	hs := &http.Server{Handler: sio}
	go hs.Serve(ln)
	b.Cleanup(func() { sio.Close(); hs.Close() })
	for range n {
		var c net.Conn
		c, answer = dialEcho(b, ln.Addr().String())
		b.Cleanup(func() { c.Close() })
		clients = append(clients, c)
	}
	return sio, clients, answer
}

// dialEcho connects a client and returns how long the answers to its messages are.
func dialEcho(b *testing.B, addr string) (c net.Conn, answer int) {
	b.Helper()
	s := newSink(nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	s.got = func(message []byte) {
		if answer = 2 + len(message); len(message) > 125 {
			answer += 2
		}
	}
	buf := make([]byte, 4096)
	for answer == 0 {
		select {
		case <-s.ready:
			s.ready = make(chan struct{})
			s.feed(echoFrame)
		default:
		}
		if len(s.in) > s.at {
			n, _ := s.Read(buf)
			c.Write(buf[:n])
		}
		n, err := c.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		s.Write(buf[:n])
	}
	return c, answer
}

const broadcastMembers = 1000

// broadcasts sends b.N deliveries' worth of broadcasts, at most 4 of which are under way.
// Each delivery is to be told to got.
type broadcasts struct {
	places chan struct{}
	n      atomic.Int64
}

func newBroadcasts() *broadcasts { return &broadcasts{places: make(chan struct{}, 4)} }

func (c *broadcasts) got() {
	if c.n.Add(1)%broadcastMembers == 0 { // as many as a broadcast brings
		<-c.places
	}
}

func (c *broadcasts) send(b *testing.B, sio *socketio.Server) {
	b.ResetTimer()
	for range b.N/broadcastMembers + 1 {
		c.places <- struct{}{}
		sio.To("all").Emit("message", sampleArgs...)
	}
	for range cap(c.places) {
		c.places <- struct{}{} // when the last ones have been delivered
	}
	b.StopTimer()
}

// BenchmarkCoresBroadcast is a delivery of a broadcast to 1,000 members in memory.
func BenchmarkCoresBroadcast(b *testing.B) {
	f, c := connectSinks(b, broadcastMembers), newBroadcasts()
	f.join("all", broadcastMembers)
	for _, client := range f.clients {
		client.got = func([]byte) { c.got() }
	}
	c.send(b, f.sio)
}

// BenchmarkCoresBroadcastTCP is the same over loopback, with a goroutine for each client.
func BenchmarkCoresBroadcastTCP(b *testing.B) {
	sio, clients, _ := dialEchoes(b, broadcastMembers)
	c := newBroadcasts()
	for _, client := range clients {
		go func() {
			s := newSink(func([]byte) { c.got() })
			s.upgraded = true
			io.Copy(s, client) // until it is closed
		}()
	}
	c.send(b, sio)
}
