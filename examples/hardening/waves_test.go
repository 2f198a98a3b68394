//go:build linux

package hardening_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// victim is a client that will be cut off in the middle of something.
type victim struct {
	peer
	probe *wire  // the websocket of an upgrade
	at    *wire  // what is being written to
	rest  string // of what was written by half
}

// step is one of those that a victim does before it is cut off.
type step func(*victim) error

// half writes the first half of something.
func half(text func(*victim) string) step {
	return func(v *victim) error {
		all := text(v)
		v.rest = all[len(all)/2:]
		return v.at.write(all[:len(all)/2])
	}
}

// other writes the other half.
func other(v *victim) error { return v.at.write(v.rest) }

func connectMain(v *victim) (err error) {
	v.main, err = v.dial()
	v.at = v.main
	return err
}

func connectProbe(v *victim) (err error) {
	v.probe, err = v.dial()
	v.at = v.probe
	return err
}

// text is something to be written that is the same for all.
func text(s string) func(*victim) string { return func(*victim) string { return s } }

var ( // what victims write
	handshakeText = text(requestText("GET", "transport=polling", ""))
	websocketText = text(requestText("GET", "transport=websocket", "", upgradeHeaders...))
	refusedText   = text(requestText("GET", "transport=polling", "", refuseHeader+": 1"))
	postText      = func(v *victim) string { return requestText("POST", v.query(polling), "40") }
	probeText     = func(v *victim) string { return requestText("GET", v.query(websocket), "", upgradeHeaders...) }
)

// whole does all of a step of peers.
func whole(transport string, a auth) step {
	return func(v *victim) error {
		c, err := v.server.open(transport)
		if err != nil {
			return err
		}
		v.peer = *c
		v.at = v.main
		if a.Refuse {
			return v.ask(a)
		}
		return v.join(a)
	}
}

func readOpen(v *victim) error {
	_, body, err := v.main.response()
	if err != nil {
		return err
	}
	return v.opened(body)
}

func readPost(v *victim) error   { _, _, err := v.main.response(); return err }
func readProbe(v *victim) error  { _, _, err := v.probe.frame(); return err }
func becomesWS(v *victim) error  { v.ws = true; return v.main.switched() }
func receiveOne(v *victim) error { _, err := v.receive(); return err }
func pollOnce(v *victim) error   { return v.poll() }

// becomesUpgraded forgets the polling connection but for cutting it off.
func becomesUpgraded(v *victim) error {
	v.posts, v.main, v.probe, v.ws = v.main, v.probe, nil, true
	return nil
}

// attacks are the ways to connect; a victim does the first few of its steps.
var attacks = []struct {
	name  string
	steps []step
}{
	{"polling", []step{
		connectMain, half(handshakeText), other, readOpen, half(postText), other, readPost,
		receiveOne, pollOnce, half(text("GET")),
	}},
	{"websocket", []step{
		connectMain, half(websocketText), other, becomesWS, receiveOne, half(text(frameText("40"))), other, receiveOne,
		half(text(frameText(`42["echo",1]`))), other, half(text(closeFrame(1000))),
	}},
	{"mid-upgrade", []step{
		whole(polling, auth{}), pollOnce, connectProbe, half(probeText), other, func(v *victim) error { return v.probe.switched() },
		half(text(frameText("2probe"))), other, readProbe, half(text(frameText("5"))), other, becomesUpgraded, (*victim).echoed,
	}},
	{"refused by the middleware", []step{whole(polling, auth{Refuse: true}), pollOnce, receiveOne}},
	{"refused by the middleware, over websocket", []step{whole(websocket, auth{Refuse: true}), receiveOne}},
	{"refused by AllowRequest", []step{connectMain, half(refusedText), other, readPost}},
}

func (v *victim) echoed() error { return v.peer.echo() }

// cut resets all connections.
func (v *victim) cut() {
	v.reset()
	v.probe.reset()
}

// wave has n clients connect, each until a random step, and then cuts them off all at
// once. It returns the errors of those that did not get as far as planned.
func (p *process) wave(random *rand.Rand, n int) (failed []error) {
	type plan struct{ attack, steps int }
	plans := make(chan plan, n)
	for i := range n {
		attack := i % len(attacks)
		plans <- plan{attack, 1 + random.IntN(len(attacks[attack].steps))}
	}
	close(plans)
	var mu sync.Mutex
	var victims []*victim
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for todo := range plans {
				v := &victim{peer: peer{server: p, dial: p.dial}}
				attack := attacks[todo.attack]
				err := v.run(attack.steps[:todo.steps])
				mu.Lock()
				victims = append(victims, v)
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", attack.name, err))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for _, v := range victims {
		v.cut()
	}
	return failed
}

func (v *victim) run(steps []step) error {
	for i, do := range steps {
		if err := do(v); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// TestWaves (need 2, C-10): after ten waves of clients that were cut off in the middle
// of whatever they did, the server is what it was after the first: no session, no
// goroutine, no file, no memory is left, and each connect had its disconnect.
func TestWaves(t *testing.T) {
	const waves = 10
	n := size(300, 5000)
	t.Parallel()
	heartbeat := time.Duration(size(500, 2000)) * time.Millisecond
	p := start(t, config{PingInterval: heartbeat, PingTimeout: heartbeat, ConnectTimeout: 2 * heartbeat})
	random := rand.New(rand.NewPCG(1, 2))
	p.wave(random, n) // fills pools, tables and caches
	p.settled(t)
	var first Counts
	for i := range waves {
		began := time.Now()
		failed := p.wave(random, n)
		cut := time.Since(began)
		c, files := p.calm(t)
		if i == 0 {
			first = c
		}
		t.Logf("wave %d of %d clients: %.1f s, settled %.1f s later; %d steps failed; %d connects, %d goroutines, %d files, %d KiB live",
			i+1, n, cut.Seconds(), (time.Since(began) - cut).Seconds(), len(failed), c.Connects, c.Goroutines, files, c.Heap>>10)
		if len(failed) > 0 && cut < heartbeat { // else the server may have found them dead
			t.Errorf("wave %d: %d of %d clients did not get as far as planned: %v …", i+1, len(failed), n, failed[0])
		}
		if grown := c.Heap - first.Heap; grown > max(first.Heap/10, 256<<10) { // few clients leave little to compare with
			t.Errorf("wave %d leaves %d KiB live, the first one %d KiB", i+1, c.Heap>>10, first.Heap>>10)
		}
		if c.Disconnecting != c.Connects || c.Connects == 0 {
			t.Errorf("wave %d: %d connects, OnDisconnecting %d times", i+1, c.Connects, c.Disconnecting)
		}
	}
	p.alive(t)
}

// TestShutdownAmidWave: a shutdown while clients connect and are cut off leaves nothing
// behind, either.
func TestShutdownAmidWave(t *testing.T) {
	t.Parallel()
	n := size(600, 5000)
	// Some who polled are gone for good, and events are queued for them: these are waited for.
	p := start(t, config{CloseTimeout: 2 * time.Second})
	over := make(chan []error, 1)
	go func() { over <- p.wave(rand.New(rand.NewPCG(3, 4)), n) }()
	eventually(t, "that some are connected", func() bool { return p.counts(t).Connects > n/10 })
	result := call[ShutdownResult](t, p, "Shutdown", patience)
	t.Logf("shutdown took %v; %d clients came too late for something", result.Took.Round(time.Millisecond), len(<-over))
	if result.Error != "" {
		t.Errorf("shutdown: %s", result.Error)
	}
	if c, _ := p.calm(t); c.Disconnecting != c.Connects {
		t.Errorf("%d connects, OnDisconnecting %d times", c.Connects, c.Disconnecting)
	}
}
