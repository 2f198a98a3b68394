package eioclient_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

// counting is a handler, and its counterpart, that only count.
type counting struct{ got chan int }

func (h counting) OnMessage(data []byte, _ bool) { h.got <- len(data) }
func (counting) OnUpgrade(string)                {}
func (counting) OnPing()                         {}
func (counting) OnClose(string, error)           {}
func (h counting) forServer() engineio.Handler   { return countingServer{h.got} }

type countingServer struct{ got chan int }

func (h countingServer) OnMessage(data []byte, _ bool) { h.got <- len(data) }
func (countingServer) OnClose(engineio.Reason, error)  {}

func benchPair(b *testing.B, opts *eioclient.Options) (c *eioclient.Conn, s *engineio.Session, atClient, atServer chan int) {
	atClient, atServer = make(chan int, 100_000), make(chan int, 100_000)
	sessions := make(chan *engineio.Session, 1)
	f := new(fixture)
	engine := engineio.NewServer(&engineio.Options{
		MaxQueueBytes: -1, MaxQueueMessages: -1,
		OnConnection: func(s *engineio.Session) engineio.Handler {
			sessions <- s
			return counting{atServer}.forServer()
		},
	})
	f.serveTCP(b, engine)
	b.Cleanup(func() { engine.Close() })
	opts.MaxQueueBytes, opts.MaxQueueMessages = -1, -1
	return f.openWith(b, opts, counting{atClient}), <-sessions, atClient, atServer
}

func eachBench(b *testing.B, bench func(b *testing.B, opts *eioclient.Options)) {
	b.Run("websocket", func(b *testing.B) { bench(b, websockets()) })
	b.Run("polling", func(b *testing.B) { bench(b, polling()) })
}

// window is how many messages are on their way in benchmarks of throughput.
const window = 256

// BenchmarkSend sends small messages to a server in the same process.
func BenchmarkSend(b *testing.B) {
	eachBench(b, func(b *testing.B, opts *eioclient.Options) {
		c, _, _, got := benchPair(b, opts)
		data := []byte(strings.Repeat("x", 100))
		b.ReportAllocs()
		flying := 0
		for b.Loop() {
			if flying == window {
				<-got
				flying--
			}
			if err := c.Send(eioclient.Message{Data: data}); err != nil {
				b.Fatal(err)
			}
			flying++
		}
		for ; flying > 0; flying-- {
			<-got
		}
	})
}

// BenchmarkReceive is the other direction.
func BenchmarkReceive(b *testing.B) {
	eachBench(b, func(b *testing.B, opts *eioclient.Options) {
		_, s, got, _ := benchPair(b, opts)
		out := &engineio.Outgoing{Data: []byte(strings.Repeat("x", 100))}
		b.ReportAllocs()
		flying := 0
		for b.Loop() {
			if flying == window {
				<-got
				flying--
			}
			if err := s.Send(out); err != nil {
				b.Fatal(err)
			}
			flying++
		}
		for ; flying > 0; flying-- {
			<-got
		}
	})
}

// BenchmarkSendLarge sends messages of 1 MB.
func BenchmarkSendLarge(b *testing.B) {
	c, _, _, got := benchPair(b, websockets())
	data := make([]byte, 999_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Send(eioclient.Message{Data: data, Binary: true}); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// BenchmarkRoundTrip waits for the answer to each message.
func BenchmarkRoundTrip(b *testing.B) {
	eachBench(b, func(b *testing.B, opts *eioclient.Options) {
		c, s, atClient, atServer := benchPair(b, opts)
		data := []byte("ping")
		out := &engineio.Outgoing{Data: data}
		b.ReportAllocs()
		for b.Loop() {
			c.Send(eioclient.Message{Data: data})
			<-atServer
			s.Send(out)
			<-atClient
		}
	})
}

const serverVariable = "EIOCLIENT_TEST_SERVER"

// serveParent is the program of a child process: a server, until its input ends.
func serveParent() {
	engine := engineio.NewServer(nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() { panic(http.Serve(l, engine)) }()
	os.Stdin.Read(make([]byte, 1))
}

// TestIdleMemory measures what an idle connection costs its process: memory and
// goroutines. The server is another process.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Log("does not apply under the race detector")
		return
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "http", Host: strings.TrimSpace(addr), Path: "/engine.io/"}
	for _, test := range []struct {
		name       string
		opts       *eioclient.Options
		bytes      float64
		goroutines float64
	}{
		{"websocket", websockets(), 16 << 10, 1.01},
		{"upgraded", &eioclient.Options{}, 20 << 10, 1.01},
		{"polling", polling(), 60 << 10, 3.01},
	} {
		t.Run(test.name, func(t *testing.T) {
			const n = 400
			goroutines := runtime.NumGoroutine()
			before := heap()
			conns := make([]*eioclient.Conn, n)
			for i := range conns {
				conns[i] = dialIdle(t, u, test.opts)
			}
			perConn := func() float64 { return float64(runtime.NumGoroutine()-goroutines) / n }
			// The requests of the upgrade leave connections behind for a moment.
			for end := time.Now().Add(patience); perConn() > test.goroutines && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			bytes := float64(heap()-before) / n
			t.Logf("%.1f KiB and %.2f goroutines per connection", bytes/1024, perConn())
			if bytes > test.bytes || perConn() > test.goroutines {
				t.Errorf("more than %.1f KiB or %.2f goroutines", test.bytes/1024, test.goroutines)
			}
			for _, c := range conns {
				c.Abort("end of test", nil)
				<-c.Done()
			}
		})
	}
}

func dialIdle(t *testing.T, u *url.URL, opts *eioclient.Options) *eioclient.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := eioclient.Dial(ctx, u, opts)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(counting{})
	if err := c.Flush(ctx); err != nil { // also waits for the upgrade
		t.Fatal(err)
	}
	return c
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
