package socketio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/socketio"
)

type payload struct {
	Room string `json:"room"`
	Text string `json:"text"`
	Seq  int    `json:"seq"`
}

var sample = payload{"lobby", "hello, world: a message of about a hundred bytes, as chats have them", 42}

// benchServer serves on loopback and returns n connected clients.
func benchServer(b *testing.B, n int, register func(*socketio.Server)) (*socketio.Server, []*websocket.Conn) {
	b.Helper()
	sio := socketio.NewServer(&socketio.Options{QueuePolicy: socketio.QueueReject})
	joined := make(chan struct{}, n)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join("bench")
		joined <- struct{}{}
		return nil
	})
	register(sio)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	hs := &http.Server{Handler: sio}
	go hs.Serve(ln)
	clients := make([]*websocket.Conn, n)
	for i := range clients {
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+ln.Addr().String()+"/?EIO=4&transport=websocket", nil)
		if err != nil {
			b.Fatal(err)
		}
		ws.WriteMessage(websocket.TextMessage, []byte("40"))
		ws.ReadMessage()
		ws.ReadMessage()
		<-joined
		clients[i] = ws
	}
	b.Cleanup(func() {
		for _, ws := range clients {
			ws.Close()
		}
		sio.Close()
		hs.Close()
	})
	return sio, clients
}

// BenchmarkReceive is what an event costs from the socket to its handler.
func BenchmarkReceive(b *testing.B) {
	message := []byte(`42["message",{"room":"lobby","text":"hello, world: a message of about a hundred bytes, as chats have them","seq":42}]`)
	done := make(chan struct{}, 1)
	left := 0
	count := func() {
		if left--; left == 0 {
			done <- struct{}{}
		}
	}
	for name, register := range map[string]func(*socketio.Server){
		"typed": func(sio *socketio.Server) {
			socketio.On(sio, "message", func(context.Context, *socketio.Socket, payload) error { count(); return nil })
		},
		"untyped": func(sio *socketio.Server) {
			sio.Handle("message", socketio.HandlerFunc(func(context.Context, *socketio.Event) error { count(); return nil }))
		},
	} {
		b.Run(name, func(b *testing.B) {
			_, clients := benchServer(b, 1, register)
			b.ReportAllocs()
			left = b.N
			b.ResetTimer()
			for range b.N {
				clients[0].WriteMessage(websocket.TextMessage, message)
			}
			<-done
		})
	}
}

// BenchmarkEchoAck is a round trip: an event that is acknowledged.
func BenchmarkEchoAck(b *testing.B) {
	_, clients := benchServer(b, 1, func(sio *socketio.Server) {
		socketio.OnCall(sio, "echo", func(_ context.Context, _ *socketio.Socket, p payload) (payload, error) { return p, nil })
	})
	ws := clients[0]
	message := []byte(`421["echo",{"room":"lobby","text":"hello, world: a message of about a hundred bytes, as chats have them","seq":42}]`)
	b.ReportAllocs()
	for b.Loop() {
		ws.WriteMessage(websocket.TextMessage, message)
		ws.ReadMessage()
	}
}

// BenchmarkEmit is what sending to one socket costs, up to the system call.
func BenchmarkEmit(b *testing.B) {
	for name, arg := range map[string]any{"struct": sample, "string": sample.Text, "binary": make([]byte, 4096)} {
		b.Run(name, func(b *testing.B) {
			sio, clients := benchServer(b, 1, func(*socketio.Server) {})
			go io.Copy(io.Discard, clients[0].NetConn())
			var s *socketio.Socket
			for s = range sio.Sockets() {
			}
			b.ReportAllocs()
			for b.Loop() {
				for s.Emit("message", arg) == socketio.ErrQueueFull {
					runtime.Gosched()
				}
			}
		})
	}
}

// BenchmarkBroadcast is what an Emit to n sockets costs until it is queued, and
// the writing that goes on beside it.
func BenchmarkBroadcast(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sio, _ := benchSockets(b, n)
			b.ReportAllocs()
			for b.Loop() {
				sio.To("bench").Emit("message", sample)
			}
		})
	}
}

// benchSockets returns a server with n sockets whose connections swallow what is
// written to them: file descriptors would be the limit.
func benchSockets(b *testing.B, n int) (*socketio.Server, []*socketio.Socket) {
	b.Helper()
	sio := socketio.NewServer(&socketio.Options{MaxQueueMessages: -1, MaxQueueBytes: -1, PingInterval: 1 << 50, ConnectTimeout: -1})
	sockets := make(chan *socketio.Socket, n)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join("bench")
		sockets <- s
		return nil
	})
	ln := newPipeListener()
	hs := &http.Server{Handler: sio}
	go hs.Serve(ln)
	list := make([]*socketio.Socket, n)
	for i := range list {
		d := websocket.Dialer{NetDialContext: ln.dial}
		ws, _, err := d.Dial("ws://server/?EIO=4&transport=websocket", nil)
		if err != nil {
			b.Fatal(err)
		}
		go ws.WriteMessage(websocket.TextMessage, []byte("40"))
		go io.Copy(io.Discard, ws.NetConn())
		list[i] = <-sockets
	}
	b.Cleanup(func() { sio.Close(); hs.Close() })
	return sio, list
}

func BenchmarkJoinLeave(b *testing.B) {
	_, sockets := benchSockets(b, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := sockets[i%len(sockets)]
		s.Join("room")
		s.Leave("room")
	}
}

func BenchmarkCall(b *testing.B) {
	sio, clients := benchServer(b, 1, func(*socketio.Server) {})
	go func() {
		for {
			_, data, err := clients[0].ReadMessage()
			if err != nil {
				return
			}
			id := 2
			for id < len(data) && data[id] >= '0' && data[id] <= '9' {
				id++
			}
			if id > 2 {
				clients[0].WriteMessage(websocket.TextMessage, append(append([]byte("43"), data[2:id]...), "[1]"...))
			}
		}
	}()
	var s *socketio.Socket
	for s = range sio.Sockets() {
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := socketio.Call[int](context.Background(), s, "q", 1); err != nil {
			b.Fatal(err)
		}
	}
}
