package socketio_test

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// allocations returns how many allocations a run of f makes, whatever goroutines they are
// made by. A fraction is lost: what is amortised is 0.
func allocations(t *testing.T, f func()) float64 {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates, and empties pools at random")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	for range 20 {                                   // queues and buffers grow to their sizes
		f()
	}
	return testing.AllocsPerRun(200, f)
}

// A broadcast is encoded once, however many get it.
func TestLargeBroadcastEncodesOnce(t *testing.T) {
	n := 10_000
	if raceEnabled {
		n = 500
	}
	f := connectSinks(t, n)
	f.join("all", n)
	v := &counted{}
	f.meter.during(n, func() { f.sio.To("all").Emit("message", v) })
	if v.n != 1 {
		t.Errorf("the argument was encoded %d times for %d receivers", v.n, n)
	}
}

// Rooms that others are in cost those who come and go nothing, however often they do.
func TestJoinLeaveAllocations(t *testing.T) {
	f := connectSinks(t, 200)
	s := f.sockets[0]
	rooms := []string{"one", "another"}
	for _, other := range f.sockets[1:] { // so many that some are in each shard of the index
		other.Join(rooms...)
	}
	for name, turn := range map[string]func(){
		"one room":  func() { s.Join("one"); s.Leave("one") },
		"two rooms": func() { s.Join(rooms...); s.Leave(rooms...) },
		"again":     func() { f.sockets[1].Join("one") },
	} {
		if got := allocations(t, turn); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	t.Logf("a room that nobody else is in: %v allocations", allocations(t, func() { s.Join("own"); s.Leave("own") }))
}

// Allocations that an event takes from the connection to its handler, besides those of
// decoding the argument. Handlers that get the event may keep it, so for them there are
// the event, its packet and the message. Where the connection is not TCP there is a reader
// of gorilla's for each message, too.
const (
	maxTyped, maxTypedTCP     = 1, 0
	maxUntyped, maxUntypedTCP = 4, 3
)

const sampleEvent = `42["message",{"room":"lobby","text":"hello, world: a message of about a hundred bytes, as chats have them","seq":42}]`

func TestReceiveAllocations(t *testing.T) {
	handled := make(chan struct{}, 1)
	serve := func(sio *socketio.Server) {
		sio.Handle("untyped", socketio.HandlerFunc(func(context.Context, *socketio.Event) error {
			handled <- struct{}{}
			return nil
		}))
		socketio.On(sio, "message", func(_ context.Context, _ *socketio.Socket, p payload) error {
			if p != sample {
				t.Errorf("got %v", p)
			}
			handled <- struct{}{}
			return nil
		})
	}
	packet, err := new(parser.JSON).NewDecoder().Decode([]byte(sampleEvent)[1:], false)
	if err != nil {
		t.Fatal(err)
	}
	decoding := allocations(t, func() {
		var v payload
		packet.Args.DecodeOne(&v)
	})
	inMemory := connectSinks(t, 1)
	serve(inMemory.sio)
	overTCP := socketio.NewServer(nil)
	serve(overTCP)
	conn, _ := dialTCP(t, overTCP)
	for _, c := range []struct {
		name, message string
		feed          func([]byte)
		decoding, max float64
	}{
		{"typed", sampleEvent, inMemory.clients[0].feed, decoding, maxTyped},
		{"typed, over TCP", sampleEvent, func(frame []byte) { conn.Write(frame) }, decoding, maxTypedTCP},
		{"untyped", `42["untyped",{"room":"lobby"}]`, inMemory.clients[0].feed, 0, maxUntyped},
		{"untyped, over TCP", `42["untyped",{"room":"lobby"}]`, func(frame []byte) { conn.Write(frame) }, 0, maxUntypedTCP},
	} {
		frame := clientFrame(1, c.message)
		got := allocations(t, func() {
			c.feed(frame)
			<-handled
		})
		t.Logf("%s: %v allocations, %v of them to decode the argument", c.name, got, c.decoding)
		if got-c.decoding > c.max {
			t.Errorf("%s: %v allocations, want at most %v besides the %v of decoding", c.name, got, c.max, c.decoding)
		}
	}
}
