package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Each limit of packets, at it and one beyond: the first reaches the handler, the
// second closes the connection.
func TestPacketLimits(t *testing.T) {
	n := strings.Repeat
	twoAttachments := `452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for _, c := range []struct {
		name      string
		opts      socketio.Options
		at, above []string
	}{
		{"MaxEventLength", socketio.Options{MaxEventLength: 4}, []string{`42["four"]`}, []string{`42["fifth"]`}},
		{"MaxEventLength by default", socketio.Options{}, []string{`42["` + n("e", 256) + `"]`}, []string{`42["` + n("e", 257) + `"]`}},
		{"MaxEventLength off", socketio.Options{MaxEventLength: -1}, []string{`42["` + n("e", 1e5) + `"]`}, nil},
		{"MaxArguments", socketio.Options{MaxArguments: 2}, []string{`42["x",1,2]`}, []string{`42["x",1,2,3]`}},
		{"MaxArguments by default", socketio.Options{}, []string{`42["x"` + n(",1", 1000) + `]`}, []string{`42["x"` + n(",1", 1001) + `]`}},
		{"MaxDepth", socketio.Options{MaxDepth: 3}, []string{`42["x",[[]]]`}, []string{`42["x",[[[]]]]`}},
		{"MaxAttachments", socketio.Options{MaxAttachments: 2}, []string{twoAttachments, "b:1", "b:2"}, []string{`453-["x"]`}},
		{"MaxAttachmentBytes", socketio.Options{MaxAttachmentBytes: 10}, []string{twoAttachments, "b:12345", "b:12345"}, []string{twoAttachments, "b:12345", "b:123456"}},
		{"MaxPayload", socketio.Options{MaxPayload: 20}, []string{`42["x","` + n("a", 10) + `"]`}, []string{`42["x","` + n("a", 11) + `"]`}},
		{"MaxNamespaceLength", socketio.Options{MaxNamespaceLength: 4}, []string{`42/abc,["x"]`}, []string{`40/abcd,`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.ErrorHandler = func(*socketio.Socket, string, error) {}
			h := serve(t, &c.opts)
			barrier(h.sio)
			got := make(chan string, 10)
			seen := func(_ context.Context, e *socketio.Event) { got <- e.Name() }
			h.sio.OnAny(seen)
			h.sio.Of("/abc").OnAny(seen)
			cl := h.connect("/", "/abc")
			cl.send(c.at...)
			receive(t, got)
			cl.send(c.above...)
			if c.above != nil {
				cl.wantClosed()
			}
			if len(got) > 0 {
				t.Errorf("%q was handled", <-got)
			}
		})
	}
}

// C-17: until it has joined a namespace a client may send little, and that counts
// over all its packets.
func TestPreConnectBytes(t *testing.T) {
	connect := func(bytes int) string { // a CONNECT of that many bytes without the type of the engine
		const head, tail = `0/x,{"a":"`, `"}`
		return "4" + head + strings.Repeat("a", bytes-len(head)-len(tail)) + tail
	}
	refused := `44/x,{"message":"Invalid namespace"}`
	for _, limit := range []int{0, 1000} {
		h := serve(t, &socketio.Options{MaxPreConnectBytes: limit})
		barrier(h.sio)
		if limit == 0 {
			limit = 64 << 10
		}
		c := h.dial()
		c.send(connect(limit - 100))
		c.want(refused)
		c.send(connect(100))
		c.want(refused)
		c.send(`40`)
		c.wantClosed()

		p := h.poll("EIO=4")
		p.post(connect(limit/2) + "\x1e" + connect(limit-limit/2+1))
		if got := p.get(); strings.Contains(got, refused+"\x1e4") {
			t.Errorf("polling: %q", got)
		}

		c = h.dial()
		c.join("/", "")
		c.send(`42["x","`+strings.Repeat("a", limit)+`"]`, connect(limit+1))
		c.want(refused)
		c.sync()
	}
	h := serve(t, &socketio.Options{MaxPreConnectBytes: -1})
	c := h.dial()
	c.send(connect(100_000), connect(100_000))
	c.want(refused, refused)
}

// The limit before the first namespace does not hold for one that was just joined,
// be the client ever so fast.
func TestLargeEventRightAfterConnect(t *testing.T) {
	h := serve(t, &socketio.Options{MaxPreConnectBytes: 100})
	barrier(h.sio)
	event := `42["x","` + strings.Repeat("a", 1000) + `"]`
	for range 100 {
		c := h.dial()
		c.send("40")
		c.joined("/")
		c.send(event)
		c.sync()
		c.close()
	}
}

// C-27: a client that is refused again and again has to come back on a new
// connection. Being let in once sets it back.
func TestRefusalsAreCounted(t *testing.T) {
	h := serve(t, &socketio.Options{MaxPreConnectBytes: -1})
	barrier(h.sio)
	h.sio.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	refuse := func(c *client, n int) {
		for i := range n {
			if i%2 == 0 {
				c.send("40/no,")
				c.want(`44/no,{"message":"no"}`)
			} else {
				c.send("40/unknown,")
				c.want(`44/unknown,{"message":"Invalid namespace"}`)
			}
		}
	}
	c := h.dial()
	refuse(c, 1000)
	c.join("/", "")
	c.sync()
	refuse(c, 1000)
	c.send("40/no,")
	c.want(`44/no,{"message":"no"}`)
	c.wantClosed()
}

func TestAttachmentTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{AttachmentTimeout: time.Second})
		patient := serve(t, &socketio.Options{AttachmentTimeout: -1})
		barrier(h.sio)
		barrier(patient.sio)
		const event = `452-["barrier",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
		late, good, later := h.connect(), h.connect(), patient.connect()
		late.send(event)
		good.send(event)
		later.send(event)
		time.Sleep(900 * time.Millisecond)
		late.send("b:1")
		good.send("b:1")
		time.Sleep(900 * time.Millisecond)
		good.send("b:2")
		good.sync()
		time.Sleep(101 * time.Millisecond)
		late.wantClosed()
		time.Sleep(time.Hour)
		later.send("b:1", "b:2")
		later.sync()
		h.sio.Close()
		patient.sio.Close()
	})
}

// Needs row 10: what waits for a handler that does not return is bounded in bytes,
// and then holds the client back, not the server's memory.
func TestInflightBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, size = 100_000, 1000
		h := serve(t, &socketio.Options{MaxInflight: -1, MaxInflightBytes: limit})
		gate, handled := make(chan struct{}), 0
		h.sio.OnAny(func(context.Context, *socketio.Event) { <-gate; handled++ })
		c := h.connect()
		event := `42["x","` + strings.Repeat("a", size-6) + `"]`
		var sent atomic.Int32
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 1000 {
				c.write(1, event)
				sent.Add(1)
			}
		}()
		stuck()
		// Besides what waits, one is handled, one is with the reader, and a few are in
		// the buffers of the connection.
		if n := int(sent.Load()); n < limit/size*3/5 || n > limit/size+20 {
			t.Errorf("%d events of %d bytes were read", n, size)
		}
		close(gate)
		<-done
		synctest.Wait()
		if handled != 1000 {
			t.Errorf("%d of 1000 events were handled", handled)
		}
		c.send(`42["x","` + strings.Repeat("a", 2*limit) + `"]`) // alone it may have any size
		synctest.Wait()
		if handled != 1001 {
			t.Error("a large event was not let in")
		}
		h.sio.Close()
	})
}

// While an answer is awaited bytes are bounded as well.
func TestFloodOfBytesWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, size = 100_000, 1000
		taken := 0 // what the client sends after the end is read, to find its close frame, but not taken
		h := serve(t, &socketio.Options{MaxInflight: -1, MaxInflightBytes: limit, Trace: &socketio.Trace{
			EventReceived: func(_ *socketio.Socket, name string) {
				if name == "x" {
					taken++
				}
			},
		}})
		var reason socketio.Reason
		h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reason = r })
		socketio.On(h.sio, "start", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
			s.Ask(ctx, "question")
			return nil
		})
		c := h.connect()
		c.send(`42["start"]`)
		c.want(`421["question"]`)
		event := `42["x","` + strings.Repeat("a", size-6) + `"]`
		for range 1000 {
			if c.write(1, event) != nil {
				break
			}
		}
		synctest.Wait()
		if reason != socketio.ForcedServerClose || taken < limit/size || taken > 2*limit/size {
			t.Errorf("reason %q after %d events", reason, taken)
		}
		h.sio.Close()
	})
}

func TestPendingAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxPendingAcks: 2})
		sockets := make(chan *socketio.Socket, 1)
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
		c := h.connect()
		s := receive(t, sockets)
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := s.Ask(t.Context(), "q")
				answers <- err
			}()
			synctest.Wait() // one after the other
		}
		c.want(`421["q"]`, `422["q"]`)
		if _, err := s.Ask(t.Context(), "q"); err != socketio.ErrTooManyCalls {
			t.Errorf("one too many: %v", err)
		}
		for _, err := range socketio.CallAll[string](t.Context(), h.sio, "q") {
			if m := (*socketio.MissingError)(nil); !errors.As(err, &m) || m.Sockets != 1 {
				t.Errorf("CallAll: %v", err)
			}
		}
		c.send(`431[]`)
		if err := <-answers; err != nil {
			t.Error(err)
		}
		go func() {
			_, err := s.Ask(t.Context(), "q")
			answers <- err
		}()
		synctest.Wait()
		c.want(`425["q"]`) // two ids were used by those that were not sent
		c.send(`432[]`, `435[]`)
		if err := errors.Join(<-answers, <-answers); err != nil {
			t.Error(err)
		}
		h.sio.Close()
	})
}

func TestRoomLimits(t *testing.T) {
	h := serve(t, &socketio.Options{MaxRooms: 3, MaxRoomLength: 4})
	sockets := make(chan *socketio.Socket, 2)
	h.sio.Use(func(_ context.Context, s *socketio.Socket) error {
		if err := s.Join("a", "b", "c", "d"); err != socketio.ErrTooManyRooms {
			t.Errorf("in a middleware: %v", err)
		}
		return nil
	})
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	c := h.connect()
	s := receive(t, sockets)
	for _, step := range []struct {
		rooms []string
		want  error
		in    int
	}{
		{[]string{"a", "long!"}, socketio.ErrRoomNameTooLong, 0},
		{[]string{"a", "four"}, nil, 2},
		{[]string{"b", "c"}, socketio.ErrTooManyRooms, 2},
		{[]string{"b", "a", "b"}, nil, 3},
		{[]string{"c"}, socketio.ErrTooManyRooms, 3},
		{[]string{"a", "b", "four"}, nil, 3},
	} {
		if err := s.Join(step.rooms...); err != step.want || len(s.Rooms()) != 1+step.in {
			t.Errorf("Join(%q): %v, rooms %q", step.rooms, err, s.Rooms())
		}
	}
	if err := h.sio.SocketsJoin("long!"); err != socketio.ErrRoomNameTooLong {
		t.Errorf("SocketsJoin: %v", err)
	}
	for range 3 {
		if err := h.sio.SocketsJoin("x"); err != nil {
			t.Errorf("SocketsJoin: %v", err)
		}
	}
	s.Leave("a")
	if err := h.sio.SocketsJoin("y"); err != nil || len(s.Rooms()) != 4 || s.Rooms()[3] != "y" {
		t.Errorf("SocketsJoin: %v, rooms %q", err, s.Rooms())
	}
	if n := strings.Count(h.log.String(), "left out a socket"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, h.log)
	}
	c.close()
	<-s.Context().Done()
	if err := s.Join("b"); err != socketio.ErrDisconnected {
		t.Errorf("after the disconnect: %v", err)
	}
}

// The default limits of rooms and of their names.
func TestRoomLimitsByDefault(t *testing.T) {
	for _, off := range []bool{false, true} {
		opts := &socketio.Options{}
		if off {
			opts.MaxRooms, opts.MaxRoomLength = -1, -1
		}
		h := serve(t, opts)
		errs := make(chan error, 2)
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			var many []string
			for i := range 4096 {
				many = append(many, fmt.Sprint(i))
			}
			if err := s.Join(append(many, many...)...); err != nil {
				t.Error(err)
			}
			errs <- s.Join("one more")
			s.Leave("0")
			if err := s.Join(strings.Repeat("r", 512)); err != nil {
				t.Error(err)
			}
			s.Leave("1")
			errs <- s.Join(strings.Repeat("r", 513))
			return nil
		})
		h.connect()
		if many, long := receive(t, errs), receive(t, errs); off && (many != nil || long != nil) || !off && (many != socketio.ErrTooManyRooms || long != socketio.ErrRoomNameTooLong) {
			t.Errorf("off %v: %v, %v", off, many, long)
		}
	}
}
