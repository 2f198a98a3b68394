//go:build linux

package hardening_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// traveller is a client that goes over to websocket while numbered messages go both ways.
type traveller struct {
	*peer
	random *rand.Rand // of one goroutine
	up     int        // number of the last message that was sent
	down   int        // number of the last that came
	wrong  error      // the first that was not the next
	report string     // the server's, when it came
	ended  bool       // the server has disconnected the socket
}

// legTime is how long a leg between client and server takes at most.
const legTime = 50 * time.Millisecond

// leg takes as long as one between client and server.
func leg(random *rand.Rand) { time.Sleep(time.Duration(random.Int64N(int64(legTime)))) }

func (v *traveller) sendNext() error {
	v.up++
	return v.send(fmt.Sprintf(`42["up",%d]`, v.up))
}

// take checks what came.
func (v *traveller) take(packet string) {
	var n int
	if report, ok := strings.CutPrefix(packet, "431"); ok {
		v.report = report
		return
	}
	if packet == "41" {
		v.ended = true
		return
	}
	_, err := fmt.Sscanf(packet, `42["down",%d]`, &n)
	if (err != nil || n != v.down+1 || v.ended) && v.wrong == nil {
		v.wrong = fmt.Errorf("after message %d from the server came %s", v.down, packet)
	}
	v.down = n
}

// sends sends until pause is closed.
func (v *traveller) sends(random *rand.Rand, pause chan struct{}) error {
	for {
		select {
		case <-pause:
			return nil
		default:
		}
		if err := v.sendNext(); err != nil {
			return fmt.Errorf("post: %w", err)
		}
		leg(random)
	}
}

// polls polls until pause is closed.
func (v *traveller) polls(random *rand.Rand, pause chan struct{}) error {
	for {
		for len(v.got) > 0 {
			packet, err := v.receive()
			if err != nil {
				return err
			}
			if packet != "6" {
				v.take(packet)
			}
		}
		select {
		case <-pause:
			return nil
		default:
		}
		if err := v.fetch(); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		leg(random)
	}
}

// travel goes over to websocket. It returns how long that took, from the request until
// the first message over the websocket.
func (v *traveller) travel(seed uint64) (took time.Duration, err error) {
	var group sync.WaitGroup
	var posting, polling error
	pause := make(chan struct{})
	posts := &traveller{peer: &peer{server: v.server, dial: v.dial, sid: v.sid, main: v.posts}}
	group.Go(func() { posting = posts.sends(rand.New(rand.NewPCG(seed, 1)), pause) })
	group.Go(func() { polling = v.polls(rand.New(rand.NewPCG(seed, 2)), pause) })
	leg(v.random)
	began := time.Now()
	w, err := v.slowProbe()
	close(pause)
	group.Wait()
	for _, e := range []error{posting, polling} {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		w.close()
		return 0, err
	}
	leg(v.random)
	if err := w.write(frameText("5")); err != nil {
		return 0, err
	}
	v.up = posts.up
	v.main.close()
	v.posts.close()
	v.main, v.posts, v.ws = w, nil, true
	return v.arrive(began)
}

// slowProbe is probe with legs.
func (v *traveller) slowProbe() (*wire, error) {
	w, err := v.server.dial()
	if err != nil {
		return nil, err
	}
	if err := w.switchProtocols(v.query(websocket), nil); err != nil {
		return w, err
	}
	leg(v.random)
	if err := w.write(frameText("2probe")); err != nil {
		return w, err
	}
	leg(v.random)
	_, answer, err := w.frame()
	if err == nil && string(answer) != "3probe" {
		err = fmt.Errorf("the probe was answered with %q", answer)
	}
	leg(v.random)
	return w, err
}

// arrive sends some more messages over the websocket, and reads up to the server's report.
func (v *traveller) arrive(began time.Time) (took time.Duration, err error) {
	sent := make(chan error, 1)
	go func() {
		for range 5 {
			if err := v.sendNext(); err != nil {
				sent <- err
				return
			}
			leg(v.random)
		}
		sent <- v.send(`421["stop"]`)
	}()
	for v.report == "" && err == nil {
		var packet string
		if packet, err = v.receive(); err == nil {
			v.take(packet)
		}
		if took == 0 {
			took = time.Since(began)
		}
	}
	if e := <-sent; err == nil {
		err = e
	}
	return took, err
}

// verify compares what both sides say.
func (v *traveller) verify() error {
	var reports []travelReport
	if err := json.Unmarshal([]byte(v.report), &reports); err != nil || len(reports) != 1 {
		return fmt.Errorf("report %q: %v", v.report, err)
	}
	r := reports[0]
	switch {
	case v.wrong != nil:
		return v.wrong
	case r.Wrong != "":
		return fmt.Errorf("the server got %s", r.Wrong)
	case r.Up != v.up:
		return fmt.Errorf("the server got %d of %d messages", r.Up, v.up)
	case r.Down != v.down:
		return fmt.Errorf("%d of %d messages came", v.down, r.Down)
	}
	return nil
}

// TestUpgrades (needs 29 and 30): many clients upgrade over slow lines while numbered
// messages go both ways. None is lost, doubled or overtaken, no noop is sent to a
// websocket, and no upgrade waits for the next ping.
func TestUpgrades(t *testing.T) {
	t.Parallel()
	n := size(200, 5000)
	p := start(t, config{})
	var mu sync.Mutex
	var slowest, sum time.Duration
	var messages int
	err := inParallel(n, func(i int) error {
		v, took, err := p.journey(uint64(i))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		slowest, sum = max(slowest, took), sum+took
		messages += v.up + v.down
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d upgrades with legs of 0 to %v, from the request to the first message: on average %v, at most %v; %d messages",
		n, legTime, (sum / time.Duration(n)).Round(time.Millisecond), slowest.Round(time.Millisecond), messages)
	if slowest > 15*time.Second { // the first ping comes after 25 s
		t.Errorf("an upgrade took %v", slowest)
	}
	p.calm(t)
}

// journey returns what became of the traveller, also with an error.
func (p *process) journey(seed uint64) (v *traveller, took time.Duration, err error) {
	v, err = p.traveller(seed, auth{})
	if err != nil {
		return v, 0, err
	}
	defer v.leave()
	if err := v.send(`42["start"]`); err != nil {
		return v, 0, err
	}
	if took, err = v.travel(seed); err != nil {
		return v, 0, err
	}
	return v, took, v.verify()
}

// traveller connects one.
func (p *process) traveller(seed uint64, a auth) (v *traveller, err error) {
	v = &traveller{random: rand.New(rand.NewPCG(seed, 0))}
	if v.peer, err = p.open(polling); err != nil {
		return v, err
	}
	if v.posts, err = p.dial(); err == nil {
		err = v.join(a)
	}
	if err == nil {
		err = v.echo() // OnConnect has returned
	}
	if err != nil {
		v.reset()
	}
	return v, err
}

// TestShutdownAmidUpgrades: a shutdown while clients upgrade ends each of them once, and
// waits for none for long.
func TestShutdownAmidUpgrades(t *testing.T) {
	t.Parallel()
	n := size(100, 3000)
	p := start(t, config{})
	var group sync.WaitGroup
	group.Go(func() {
		inParallel(n, func(i int) error {
			if v, _, _ := p.journey(uint64(i)); v.wrong != nil && !strings.Contains(v.wrong.Error(), lastWords) {
				t.Error(v.wrong)
			}
			return nil
		})
	})
	eventually(t, "that they are on the way", func() bool { return p.counts(t).Connects > n/3 })
	result := call[ShutdownResult](t, p, "Shutdown", patience)
	t.Logf("shutdown took %v", result.Took.Round(time.Millisecond))
	if result.Error != "" {
		t.Errorf("shutdown: %s", result.Error)
	}
	group.Wait()
	if c, _ := p.calm(t); c.Disconnecting != c.Connects {
		t.Errorf("%d connects, OnDisconnecting %d times", c.Connects, c.Disconnecting)
	}
}

// farewells is how many events a socket is sent before it is disconnected.
const farewells = 20

// TestDisconnectAmidUpgrades (need 30): what was sent before a Disconnect arrives before it,
// wherever in an upgrade the client is.
func TestDisconnectAmidUpgrades(t *testing.T) {
	t.Parallel()
	p := start(t, config{})
	if err := inParallel(size(200, 3000), func(i int) error { return p.farewell(uint64(i)) }); err != nil {
		t.Error(err)
	}
	p.calm(t)
}

func (p *process) farewell(seed uint64) error {
	a := auth{Tag: fmt.Sprint(seed)}
	v, err := p.traveller(seed, a)
	if err != nil {
		return err
	}
	defer v.leave()
	said := make(chan error, 1)
	go func() {
		leg(rand.New(rand.NewPCG(seed, 3)))
		said <- p.rpc.Call("Control.Do", Order{Tag: a.Tag, What: "farewell", Pause: 3 * time.Millisecond}, new(bool))
	}()
	err = v.upgradeUntilClosed(seed)
	if e := <-said; e != nil {
		return e
	}
	if v.wrong != nil {
		return v.wrong
	}
	if v.down != farewells || !v.ended {
		return fmt.Errorf("of %d events %d arrived, disconnected: %t; then came %w", farewells, v.down, v.ended, err)
	}
	return nil
}

// upgradeUntilClosed goes over to websocket, and reads until the server closes the session.
func (v *traveller) upgradeUntilClosed(seed uint64) error {
	pause, closed := make(chan struct{}), make(chan error, 1)
	go func() { closed <- v.polls(rand.New(rand.NewPCG(seed, 2)), pause) }()
	w, err := v.slowProbe()
	if w != nil {
		defer w.close()
	}
	if err != nil { // the session ends, or it goes on over polling
		return <-closed
	}
	close(pause)
	if err := <-closed; err != nil {
		return err
	}
	leg(v.random)
	if err := w.write(frameText("5")); err != nil {
		return err
	}
	v.main.close()
	v.main, v.ws = w, true
	for {
		packet, err := v.receive()
		if err != nil {
			return err
		}
		v.take(packet)
	}
}
