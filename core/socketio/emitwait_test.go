package socketio_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/socketio"
)

// Needs row 9: EmitWait sends as fast as the client reads, whatever happens to those
// who do not wait, and loses nothing.
func TestEmitWait(t *testing.T) {
	const n = 1000
	for name, opts := range map[string]*socketio.Options{
		"disconnect":  {MaxQueueMessages: 4},
		"reject":      {MaxQueueMessages: 4, QueuePolicy: socketio.QueueReject},
		"drop oldest": {MaxQueueMessages: 4, QueuePolicy: socketio.QueueDropOldest},
		"bytes":       {MaxQueueBytes: 1000},
		"recovery":    {MaxQueueMessages: 4, Recovery: &socketio.Recovery{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, opts)
			socketio.OnCall(h.sio, "stream", func(ctx context.Context, s *socketio.Socket, n int) (string, error) {
				for i := range n {
					if err := s.EmitWait(ctx, "part", i, strings.Repeat("x", 100)); err != nil {
						return "", err
					}
				}
				return "done", nil
			})
			c := h.connect()
			c.send(fmt.Sprintf(`42["stream",%d]`, n))
			for i := range n {
				got := c.next()
				if !strings.HasPrefix(got, fmt.Sprintf(`42["part",%d,`, i)) {
					t.Fatalf("part %d: %q", i, got)
				}
				if logged := strings.Count(got, ",") == 3; logged != (name == "recovery") {
					t.Fatalf("%s: %q", name, got)
				}
			}
			p := h.poll("EIO=4")
			p.post("40")
			p.get()
			p.post(`42["stream",50]`)
			for next := 0; next < 50; {
				for _, got := range strings.Split(p.get(), "\x1e") {
					if !strings.HasPrefix(got, fmt.Sprintf(`42["part",%d,`, next)) {
						t.Fatalf("polling, part %d: %q", next, got)
					}
					next++
				}
			}
		})
	}
}

// deaf returns the connection of a client that does not read any more.
func (h *harness) deaf(namespace string) *websocket.Conn {
	h.Helper()
	d := websocket.Dialer{NetDialContext: h.ln.dial}
	ws, _, err := d.Dial("ws://server/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { ws.Close() })
	ws.ReadMessage()
	ws.WriteMessage(websocket.TextMessage, []byte("40"+namespace+","))
	if _, m, err := ws.ReadMessage(); err != nil || !strings.HasPrefix(string(m), "40") {
		h.Fatalf("CONNECT was answered by %q, %v", m, err)
	}
	return ws
}

// A client whose queue is full cannot be told that it is disconnected: its connection
// ends, since it would take itself for connected otherwise.
func TestDisconnectOfADeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxQueueMessages: 2, QueuePolicy: socketio.QueueReject, PingInterval: time.Hour})
		sockets := make(chan *socketio.Socket, 1)
		h.sio.Of("/x").OnConnect(func(_ context.Context, s *socketio.Socket) error {
			sockets <- s
			return nil
		})
		h.deaf("/x")
		s := receive(t, sockets)
		synctest.Wait() // the CONNECT packet is out of the queue
		for i := 0; s.Emit("fill", i) == nil; i++ {
		}
		s.Disconnect(false)
		synctest.Wait()
		if n := h.sio.Engine().Count(); n != 0 {
			t.Errorf("%d connections", n)
		}
		h.sio.Close()
	})
}

// EmitWait ends with ctx, with the socket, or with the connection, and the event is
// not sent then.
func TestEmitWaitEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*websocket.Conn, *socketio.Socket, context.CancelFunc)
		want error
	}{
		"ctx":           {func(_ *websocket.Conn, _ *socketio.Socket, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"Disconnect":    {func(_ *websocket.Conn, s *socketio.Socket, _ context.CancelFunc) { s.Disconnect(false) }, socketio.ErrDisconnected},
		"client leaves": {func(c *websocket.Conn, _ *socketio.Socket, _ context.CancelFunc) { c.WriteMessage(1, []byte("41/x,")) }, socketio.ErrDisconnected},
		"client closes": {func(c *websocket.Conn, _ *socketio.Socket, _ context.CancelFunc) { c.NetConn().Close() }, socketio.ErrDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := serve(t, &socketio.Options{MaxQueueMessages: 2, QueuePolicy: socketio.QueueReject, PingInterval: time.Hour})
				sockets := make(chan *socketio.Socket, 1)
				h.sio.Of("/x").OnConnect(func(_ context.Context, s *socketio.Socket) error {
					sockets <- s
					return nil
				})
				cl := h.deaf("/x")
				s := receive(t, sockets)
				synctest.Wait() // the CONNECT packet is out of the queue
				for i := 0; s.Emit("fill", i) == nil; i++ {
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				result := make(chan error, 1)
				go func() { result <- s.EmitWait(ctx, "late") }()
				synctest.Wait()
				if len(result) > 0 {
					t.Fatalf("it does not wait: %v", <-result)
				}
				c.end(cl, s, cancel)
				synctest.Wait()
				if len(result) == 0 {
					t.Fatal("it still waits")
				}
				if err := <-result; err != c.want {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if err := s.EmitWait(ctx, "later"); err == nil {
					t.Error("no error for what comes later")
				}
				h.sio.Close()
			})
		})
	}
}

// A file goes to the client no faster than it reads, and takes little memory however
// large it is.
func ExampleSocket_EmitWait() {
	sio := socketio.NewServer(nil)
	socketio.On(sio, "download", func(ctx context.Context, s *socketio.Socket, name string) error {
		file, err := os.OpenInRoot("public", name)
		if err != nil {
			return err
		}
		defer file.Close()
		for {
			part := make([]byte, 64<<10) // a new one for each: what is sent must not change
			n, err := file.Read(part)
			if err != nil {
				return s.Emit("end", name, err.Error())
			}
			if err := s.EmitWait(ctx, "part", name, part[:n]); err != nil {
				return err // the client has left
			}
		}
	})
}
