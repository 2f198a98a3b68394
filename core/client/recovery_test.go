package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/socketio"
)

// CC20: after a break the socket has its id, and gets what it missed, once and in
// order.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
		s := h.new("/", transports["websocket"])
		got := make(chan int, 1000)
		client.On(s, "n", func(_ context.Context, n int) error { got <- n; return nil })
		told := record(s)
		s.Open()
		told.want(t, "connect")
		id := s.ID()
		if s.Recovered() {
			t.Error("recovered from nothing")
		}
		next, expected := 0, 0
		emit := func() {
			h.sio.Emit("n", next)
			next++
		}
		emit()
		for range 20 {
			synctest.Wait()
			h.ln.drop()
			emit()
			told.want(t, "disconnect: transport close")
			emit()
			told.want(t, "connect")
			if s.ID() != id || !s.Recovered() {
				t.Fatalf("id %s, before %s, recovered: %t", s.ID(), id, s.Recovered())
			}
			emit()
			for ; expected < next; expected++ {
				want(t, got, expected)
			}
		}
		synctest.Wait()
		if len(got) > 0 {
			t.Errorf("%d came twice", <-got)
		}
	})
}

// The offset that the client asks for is that of the last event that had one.
func TestOffsets(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		want   string
	}{
		"none":                        {[]string{`42["x"]`, `42["x",5]`}, ``},
		"last":                        {[]string{`42["x","a1"]`, `42["x",{},"a2"]`}, `a2`},
		"binary":                      {[]string{`451-["x",{"_placeholder":true,"num":0},"a2"]`, "b:\x01"}, `a2`},
		"not of an event to answer":   {[]string{`42["x","a1"]`, `427["x","a2"]`}, `a1`},
		"text":                        {[]string{`42["x","a1"]`, `42["x","hello world"]`, `42["x","ünï"]`, `42["x",""]`}, `a1`},
		"word after a counter":        {[]string{`42["x","1c"]`, `42["x","hello"]`, `42["x","Hi"]`}, `1c`},
		"counter goes on":             {[]string{`42["x","z"]`, `42["x","10"]`}, `10`},
		"counter jumps":               {[]string{`42["x","9"]`, `42["x","rs"]`}, `rs`},
		"number":                      {[]string{`42["x","999999"]`, `42["x","1000000"]`, `42["x","17"]`}, `1000000`},
		"stream":                      {[]string{`42["x","1764155471042-0"]`, `42["x","bob"]`, `42["x","1764155471042-11"]`, `42["x","message"]`}, `1764155471042-11`},
		"time":                        {[]string{`42["x","PfHmeW5"]`, `42["x","PfHmeW5.1"]`, `42["x","Qa00000"]`, `42["x","general"]`}, `Qa00000`},
		"object id":                   {[]string{`42["x","6569a1b2c3d4e5f6a7b8c9d0"]`, `42["x","room-7"]`}, `6569a1b2c3d4e5f6a7b8c9d0`},
		"the first one was no offset": {[]string{`42["x","general"]`, `42["x","4"]`, `42["x","5"]`, `42["x","6"]`, `42["x","7"]`}, `7`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := scripted(t)
				s := sc.new("/", func(o *client.Options) { o.Auth = map[string]any{"big": uint64(1<<63 + 1)} })
				s.Open()
				p := sc.accept()
				p.want(`40{"big":9223372036854775809}`)
				p.send(`40{"sid":"s","pid":"p"}`)
				p.send(c.events...)
				synctest.Wait()
				p.cut()
				p = sc.accept()
				offset := ""
				if c.want != "" {
					offset = fmt.Sprintf(`"offset":%q,`, c.want)
				}
				p.want(`40{"big":9223372036854775809,` + offset + `"pid":"p"}`)
				// A server that does not know the session any more begins a new one, to
				// which the old offset means nothing.
				p.send(`42["x","0"]`, `40{"sid":"s2","pid":"p2"}`)
				synctest.Wait()
				if s.Recovered() || s.ID() != "s2" {
					t.Error("recovered")
				}
				p.cut()
				sc.accept().want(`40{"big":9223372036854775809,"offset":"0","pid":"p2"}`)
			})
		})
	}
}

// What came before a connection broke and its CONNECT was answered comes again, and is
// not handled twice.
func TestRecoveryBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/")
		got := make(chan string, 10)
		client.On(s, "x", func(_ context.Context, text string) error { got <- text; return nil })
		s.Open()
		p := sc.accept()
		p.want("40")
		p.send(`40{"sid":"s","pid":"p"}`, `42["x","a","1"]`)
		want(t, got, "a")
		p.cut()
		p = sc.accept()
		p.want(`40{"offset":"1","pid":"p"}`)
		p.send(`42["x","b","2"]`)
		synctest.Wait()
		p.cut()
		p = sc.accept()
		p.want(`40{"offset":"1","pid":"p"}`)
		p.send(`42["x","b","2"]`, `40{"sid":"s","pid":"p"}`)
		want(t, got, "b")
		synctest.Wait()
		if !s.Recovered() || len(got) != 0 {
			t.Errorf("recovered: %t, more events: %d", s.Recovered(), len(got))
		}
		time.Sleep(time.Second)
	})
}

// Whatever happens to the connections: with recovery every event comes once, in order.
func TestRecoveryFaults(t *testing.T) {
	for name, transport := range transports {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testRecoveryFaults(t, transport, seed) })
			})
		}
	}
}

func testRecoveryFaults(t *testing.T, transport func(*client.Options), seed uint64) {
	h := serve(t, &socketio.Options{
		Recovery:     &socketio.Recovery{MaxDisconnection: time.Hour},
		PingInterval: 2 * time.Second, PingTimeout: 2 * time.Second,
	})
	network := &faultyNet{ln: h.ln, rnd: rand.New(rand.NewPCG(seed, 3)), most: 5000}
	s := h.new("/", transport, func(o *client.Options) {
		o.DialContext = network.Dial
		o.Reconnection = client.Reconnection{Delay: 100 * time.Millisecond, DelayMax: time.Second}
		o.ConnectTimeout = 5 * time.Second
	})
	var got ledger
	client.On(s, "n", func(_ context.Context, n int) error { got.add(n); return nil })
	recovered := 0
	s.OnConnect(func(context.Context) {
		if s.Recovered() {
			recovered++
		}
	})
	// Only who has got an event can say where to go on, so the first one comes before
	// the faults.
	network.repair.Store(true)
	told := record(s)
	s.Open()
	told.want(t, "connect")
	synctest.Wait()
	h.sio.Emit("n", 0)
	time.Sleep(200 * time.Millisecond)
	network.repair.Store(false)
	h.ln.drop()
	for n := range 999 {
		h.sio.Emit("n", 1+n)
		time.Sleep(200 * time.Millisecond)
	}
	network.repair.Store(true)
	h.ln.drop()
	time.Sleep(time.Minute)
	synctest.Wait()
	got.check(t, numbers(1000), false)
	if recovered < 3 {
		t.Errorf("recovered %d times from %d cuts and %d stalls", recovered, network.cuts, network.stalls)
	}
}
