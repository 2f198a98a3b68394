package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// guest is a client of a test, and what happened to it.
type guest struct {
	name   string
	socket *client.Socket

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	welcomes []welcome
	heard    []string
	doomed   []int    // the numbers that were said at the node that is killed
	known    int      // how much was heard when the client connected
	faults   []string // disconnections and failed attempts
	upgraded bool
}

// welcome is one arrival at a node.
type welcome struct {
	node      string
	recovered bool
	before    int // how much was heard before; others can speak before the welcome
}

// newGuest opens a client, which goes on to connect.
func newGuest(t *testing.T, url, name string, transports ...string) *guest {
	t.Helper()
	g := &guest{name: name, changed: make(chan struct{})}
	var err error
	g.socket, err = client.New(url, &client.Options{
		Transports:   transports,
		Reconnection: client.Reconnection{Delay: 50 * time.Millisecond, DelayMax: 500 * time.Millisecond},
		Trace: &client.Trace{
			Upgraded:       func(*client.Manager, string) { g.note(func() { g.upgraded = true }) },
			ReconnectError: func(_ *client.Manager, err error) { g.fault(err.Error()) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitTime)
		defer cancel()
		g.socket.Close(ctx)
	})
	client.On(g.socket, "welcome", func(_ context.Context, node string) error {
		g.note(func() { g.welcomes = append(g.welcomes, welcome{node, g.socket.Recovered(), g.known}) })
		return nil
	})
	client.On(g.socket, "said", func(_ context.Context, s said) error {
		if number, ok := strings.CutPrefix(s.Text, doomed); ok {
			n, err := strconv.Atoi(number)
			g.note(func() { g.doomed = append(g.doomed, n) })
			return err
		}
		g.note(func() { g.heard = append(g.heard, s.Text) })
		return nil
	})
	g.socket.OnConnect(func(context.Context) { g.note(func() { g.known = len(g.heard) }) })
	g.socket.OnConnectError(func(err error) { g.fault(err.Error()) })
	g.socket.OnDisconnect(func(reason client.Reason, _ error) { g.fault(string(reason)) })
	g.socket.Open()
	return g
}

func (g *guest) note(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *guest) fault(text string) { g.note(func() { g.faults = append(g.faults, text) }) }

// wait waits until cond, which is called with the mutex held, is true.
func (g *guest) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(waitTime)
	defer deadline.Stop()
	for {
		g.mu.Lock()
		ok, changed := cond(), g.changed
		g.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			g.mu.Lock()
			defer g.mu.Unlock()
			t.Fatalf("%s waits in vain: %s\nwelcomes %+v, heard %d, faults %v", g.name, what, g.welcomes, len(g.heard), g.faults)
		}
	}
}

// arrives waits for the nth welcome.
func (g *guest) arrives(t *testing.T, n int) (w welcome) {
	t.Helper()
	g.wait(t, "to be welcomed", func() bool {
		if len(g.welcomes) < n {
			return false
		}
		w = g.welcomes[n-1]
		return true
	})
	return w
}

func (g *guest) hears(t *testing.T, text string) {
	t.Helper()
	g.wait(t, text, func() bool { return slices.Contains(g.heard, text) })
}

// numbers returns the numbers that were heard.
func (g *guest) numbers(t *testing.T) []int {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]int, len(g.heard))
	for i, text := range g.heard {
		var err error
		if list[i], err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
