package main

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// twoHeartbeats is within which a node that is gone must be forgotten. Nodes that find
// each other by heartbeats send one every 5 s.
const twoHeartbeats = 10 * time.Second

// slack is what a busy machine may take longer for anything.
const slack = 3 * time.Second

// writer says numbers until it is told to stop, or one is not acknowledged.
type writer struct {
	stop, ended chan struct{}
	acked       []int // the numbers that were acknowledged
	err         error // why the one after them was not
}

// doomed is before the numbers that are said at the node that is killed.
const doomed = "doomed "

func startWriter(g *guest, prefix string) *writer {
	w := &writer{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			case <-time.After(time.Millisecond): // as people do, not as fast as can be
			}
			ctx, cancel := context.WithTimeout(context.Background(), waitTime)
			_, w.err = client.Call[string](ctx, g.socket, "say", prefix+strconv.Itoa(n))
			if cancel(); w.err != nil {
				return
			}
			w.acked = append(w.acked, n)
		}
	}()
	return w
}

func (w *writer) end() []int {
	close(w.stop)
	<-w.ended
	return w.acked
}

// TestKill kills a node with kill -9 while numbers are said at it and at another. The
// others forget it in time, and nothing waits for it for longer than it may. Clients
// that were elsewhere hear every number, and those of the killed node that it has
// acknowledged. The client of the killed node comes back, and hears either what it
// missed, or that it may have missed something.
func TestKill(t *testing.T) {
	onEach(t, func(t *testing.T, redis string) {
		c := startTestCluster(t, redis)
		victim := c.nodes[2]
		at := func(n *node) *guest { return newGuest(t, "http://"+n.addr, "at "+n.name, "websocket") }
		safe := []*guest{at(c.nodes[0]), at(c.nodes[1])}
		lost := guestAt(t, c, victim)
		for _, g := range safe {
			g.arrives(t, 1)
		}
		speaker := at(c.nodes[0])
		speaker.arrives(t, 1)
		doomedSpeaker := at(victim)
		doomedSpeaker.arrives(t, 1)
		w, last := startWriter(speaker, ""), startWriter(doomedSpeaker, doomed)
		lost.hears(t, "20")
		testForgotten(t, safe[1], victim)
		testLastWords(t, safe, last.end())
		back := lost.arrives(t, 2)
		lost.hears(t, strconv.Itoa(safe[0].latest(t)+20))
		acked := w.end()
		if w.err != nil {
			t.Errorf("number %d was not acknowledged, at a node that was not killed: %v", len(acked), w.err)
		}
		testHeard(t, safe, lost, back, acked)
	})
}

// testLastWords checks that others have heard what the killed node has acknowledged.
func testLastWords(t *testing.T, safe []*guest, acked []int) {
	t.Helper()
	if len(acked) == 0 {
		t.Fatal("the killed node has acknowledged nothing")
	}
	for _, g := range safe {
		var got []int
		g.wait(t, "the last words of the killed node", func() bool {
			got = g.doomed[:min(len(g.doomed), len(acked))]
			return len(got) == len(acked)
		})
		if !slices.Equal(got, acked) {
			t.Errorf("%s heard %v, the killed node has acknowledged %v", g.name, got, acked)
		}
	}
}

// guestAt connects by way of the load balancer, and is at a node in the end.
func guestAt(t *testing.T, c *theCluster, n *node) *guest {
	t.Helper()
	for range 10 * len(c.nodes) {
		g := newGuest(t, c.url(), "at "+n.name, "websocket")
		if g.arrives(t, 1).node == n.name {
			return g
		}
		g.socket.Disconnect()
	}
	t.Fatalf("the load balancer leads nobody to %s", n.name)
	return nil
}

func (g *guest) latest(t *testing.T) int {
	list := g.numbers(t)
	return list[len(list)-1]
}

// testForgotten kills a node, and has the others count clients until nothing is
// missing any more.
func testForgotten(t *testing.T, g *guest, victim *node) {
	t.Helper()
	victim.kill()
	killed := time.Now()
	for {
		began := time.Now()
		_, err := client.Call[int](t.Context(), g.socket, "count", "everybody")
		if took := time.Since(began); took > countTimeout+slack {
			t.Errorf("a request took %v (%v)", took, err)
		}
		forgotten := time.Since(killed)
		if err == nil {
			t.Logf("forgotten after %v", forgotten)
			return
		}
		if forgotten > twoHeartbeats+slack {
			t.Fatalf("not forgotten after %v: %v", forgotten, err)
		}
	}
}

func testHeard(t *testing.T, safe []*guest, lost *guest, back welcome, acked []int) {
	t.Helper()
	last := acked[len(acked)-1]
	for _, g := range safe {
		g.hears(t, strconv.Itoa(last))
		if got := g.numbers(t); !slices.Equal(got[:len(acked)], acked) {
			t.Errorf("%s heard other numbers than were said, or in another order: %v", g.name, got)
		}
	}
	lost.hears(t, strconv.Itoa(last))
	got := lost.numbers(t)
	before, after := got[:back.before], got[back.before:]
	t.Logf("of %d numbers, the client of the killed node missed %d; recovered: %v", len(acked), last+1-len(got), back.recovered)
	if back.recovered && last+1 != len(got) {
		t.Errorf("it was told that it had missed nothing")
	}
	for _, part := range [][]int{before, after} {
		if len(part) == 0 || part[len(part)-1]-part[0]+1 != len(part) || !slices.IsSorted(part) {
			t.Errorf("it missed more than was said while it was away: %v", part)
		}
	}
}
