package client_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/socketio"
)

type update struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

// window is how many events are on their way in benchmarks of throughput.
const window = 256

// benchPair is a client and a server in one process, connected over TCP.
func benchPair(b *testing.B, register func(*socketio.Server)) *client.Socket {
	sio := socketio.NewServer(nil)
	register(sio)
	server := startProcess(b, sio)
	b.Cleanup(func() { sio.Close() })
	s, err := client.Dial(soon(b), "http://"+server.addr, &client.Options{Transports: []string{"websocket"}})
	if err != nil {
		b.Fatal(err)
	}
	closing(b, s)
	return s
}

// BenchmarkEmit sends events to a server that decodes them.
func BenchmarkEmit(b *testing.B) {
	got := make(chan struct{}, window)
	s := benchPair(b, func(sio *socketio.Server) {
		socketio.On(sio, "update", func(context.Context, *socketio.Socket, update) error { got <- struct{}{}; return nil })
	})
	b.ReportAllocs()
	flying := 0
	for n := 0; b.Loop(); n++ {
		if flying == window {
			<-got
			flying--
		}
		if err := s.Emit("update", update{n, "some text"}); err != nil {
			b.Fatal(err)
		}
		flying++
	}
	for ; flying > 0; flying-- {
		<-got
	}
}

// BenchmarkReceive is the other direction: until the handler has the decoded argument.
func BenchmarkReceive(b *testing.B) {
	sockets := make(chan *socketio.Socket, 1)
	c := benchPair(b, func(sio *socketio.Server) {
		sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	})
	got := make(chan struct{}, window)
	client.On(c, "update", func(context.Context, update) error { got <- struct{}{}; return nil })
	s := <-sockets
	b.ReportAllocs()
	flying := 0
	for n := 0; b.Loop(); n++ {
		if flying == window {
			<-got
			flying--
		}
		if err := s.Emit("update", update{n, "some text"}); err != nil {
			b.Fatal(err)
		}
		flying++
	}
	for ; flying > 0; flying-- {
		<-got
	}
}

// BenchmarkCall waits for each answer.
func BenchmarkCall(b *testing.B) {
	s := benchPair(b, func(sio *socketio.Server) {
		socketio.OnCall(sio, "echo", func(_ context.Context, _ *socketio.Socket, u update) (update, error) { return u, nil })
	})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if u, err := client.Call[update](b.Context(), s, "echo", update{n, "some text"}); err != nil || u.ID != n {
			b.Fatal(u, err)
		}
	}
}

const serverVariable = "CLIENT_TEST_SERVER"

// serveParent is the program of a child process: a server, until its input ends.
func serveParent() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	go func() { panic(http.Serve(ln, socketio.NewServer(nil))) }()
	os.Stdin.Read(make([]byte, 1))
}

// childServer starts a server in another process.
func childServer(t *testing.T) (url string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(addr)
}

// TestThousandClients measures what an idle client costs its process: memory and
// goroutines. Nothing is left of it after Close. The server is another process.
func TestThousandClients(t *testing.T) {
	if raceEnabled {
		t.Log("does not apply under the race detector")
		return
	}
	url := childServer(t)
	for name, limit := range map[string]struct{ bytes, goroutines float64 }{
		"websocket": {15 << 10, 1.01},
		"upgrade":   {20 << 10, 1.01},
		"polling":   {55 << 10, 3.01},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 1000
			goroutines, before := runtime.NumGoroutine(), heap()
			sockets := make([]*client.Socket, n)
			for i := range sockets {
				sockets[i] = dialIdle(t, url, transports[name])
			}
			each := func() float64 { return float64(runtime.NumGoroutine()-goroutines) / n }
			waitFor(t, func() bool { return each() <= limit.goroutines }) // the requests of an upgrade leave some for a moment
			bytes := float64(heap()-before) / n
			t.Logf("%.1f KiB and %.2f goroutines per client", bytes/1024, each())
			if bytes > limit.bytes {
				t.Errorf("more than %.1f KiB", limit.bytes/1024)
			}
			for _, s := range sockets {
				if err := s.Close(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			if left := leakcheck.Wait(patience); len(left) > 0 {
				t.Errorf("%d goroutines are left:\n%s", len(left), left[0])
			}
		})
	}
}

// dialIdle returns a connected socket whose connection has come to rest.
func dialIdle(t *testing.T, url string, transport func(*client.Options)) *client.Socket {
	upgraded := make(chan struct{})
	o := &client.Options{Trace: &client.Trace{Upgraded: func(*client.Manager, string) { close(upgraded) }}}
	transport(o)
	s, err := client.Dial(soon(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Transports) != 1 {
		receive(t, upgraded)
	}
	return s
}

// waitFor waits until a condition holds that nobody tells of.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("that did not come about")
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
