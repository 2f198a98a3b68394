//go:build linux

package hardening_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// measure has well-behaved clients ask and broadcast in turns, one of them at a time, and
// returns how long each round took: from the request until everyone had the broadcast.
func measure(clients []*peer, rounds int) (times []time.Duration, err error) {
	for i := range rounds {
		began := time.Now()
		if err := clients[i%len(clients)].send(fmt.Sprintf(`42["say",%d]`, i)); err != nil {
			return nil, err
		}
		results := make(chan error, len(clients))
		for _, c := range clients {
			go func() { results <- c.await(fmt.Sprintf(`42["said",%d]`, i)) }()
		}
		for range clients {
			if e := <-results; err == nil {
				err = e
			}
		}
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i, err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times, nil
}

// quantile returns that of sorted times.
func quantile(times []time.Duration, q float64) time.Duration {
	return times[min(int(q*float64(len(times))), len(times)-1)]
}

// nuisance has clients behave badly until stop is closed.
type nuisance func(t *testing.T, p *process, stop chan struct{})

// background runs do until it fails or stop is closed, and waits for it at the end of the
// test.
func background(t *testing.T, stop chan struct{}, do func() error) {
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if do() != nil {
				return
			}
		}
	}()
}

// pending is what is on its way to a client that does not read, and more than the kernel
// takes.
const pending = 12 << 20

var nuisances = []struct {
	name string
	do   nuisance
}{
	{"TCP window shut", func(t *testing.T, p *process, _ chan struct{}) {
		p.narrow(t, "shut")
	}},
	{"reads a byte per second", func(t *testing.T, p *process, stop chan struct{}) {
		d := p.narrow(t, "slow")
		background(t, stop, func() error {
			pause(stop, time.Second)
			_, err := d.main.Read(make([]byte, 1))
			return err
		})
	}},
	{"handler panics", func(t *testing.T, p *process, stop chan struct{}) {
		background(t, stop, func() error {
			c, err := p.open(websocket)
			if err != nil {
				t.Error(err)
				return err
			}
			defer c.reset()
			c.join(auth{})
			c.send(`42["panic"]`)
			c.await("41")
			return nil
		})
	}},
	{"200 bodies at a byte per second", func(t *testing.T, p *process, stop chan struct{}) {
		for _, c := range p.crowd(t, 200, "", polling) {
			if err := c.beginBody(); err != nil {
				t.Fatal(err)
			}
			background(t, stop, func() error {
				pause(stop, time.Second)
				return c.main.write("x")
			})
		}
	}},
	{"flood of events", func(t *testing.T, p *process, stop chan struct{}) {
		d := p.dying(t, websocket, "flood")
		go d.wait()
		events := ""
		for range 500 {
			events += frameText(`42["noise",1]`)
		}
		background(t, stop, func() error { // 100,000 per second
			pause(stop, 5*time.Millisecond)
			d.main.SetDeadline(time.Now().Add(patience))
			return d.main.write(events)
		})
	}},
}

// pause waits, unless stop is closed.
func pause(stop chan struct{}, d time.Duration) {
	select {
	case <-stop:
	case <-time.After(d):
	}
}

// slowBody is how long the body of a POST is that never comes whole.
const slowBody = 1000

// beginBody writes a POST but for most of its body.
func (c *peer) beginBody() error {
	request := requestText("POST", c.query(polling), `42["`+strings.Repeat("x", slowBody)+`"]`)
	return c.main.write(request[:len(request)-slowBody])
}

// narrow connects a client that does not read what is sent to it.
func (p *process) narrow(t *testing.T, tag string) *dying {
	t.Helper()
	d := &dying{t: t, tag: tag}
	var err error
	d.peer, err = p.openOver(p.dialNarrow, websocket)
	d.must(err)
	t.Cleanup(d.reset)
	d.must(d.join(auth{Tag: tag}))
	d.must(d.echo()) // OnConnect has returned
	d.does(Order{Tag: tag, What: "emit", Bytes: pending})
	return d
}

// TestIsolation (needs 4, 9, 10 and 56; C-25, C-26): clients that behave badly delay
// nobody else. The same rounds are measured with and without them, side by side.
func TestIsolation(t *testing.T) {
	for _, n := range nuisances {
		t.Run(n.name, func(t *testing.T) { compare(t, config{}, n.do) })
	}
	t.Run("flood of events, limited", func(t *testing.T) {
		compare(t, config{EventsPerSecond: 1000}, nuisances[len(nuisances)-1].do)
	})
	t.Run("all", func(t *testing.T) {
		compare(t, config{}, func(t *testing.T, p *process, stop chan struct{}) {
			for _, n := range nuisances {
				n.do(t, p, stop)
			}
		})
	})
}

// generous is how much slower the others may become, with everything on two processors.
const generous = 10

func compare(t *testing.T, c config, bad nuisance) {
	t.Helper()
	rounds := size(100, 1000)
	p := start(t, c)
	clients := p.others(t)
	stop := make(chan struct{})
	defer close(stop)
	alone := measured(t, clients, rounds)
	bad(t, p, stop)
	for range 3 { // somebody else may use the processors
		medians, text := ratio(alone, measured(t, clients, rounds))
		t.Log(text)
		if medians < generous {
			return
		}
	}
	t.Errorf("the others became more than %d times as slow", generous)
}

// others connects clients that behave well.
func (p *process) others(t *testing.T) []*peer {
	t.Helper()
	return p.crowd(t, 20, "", transports...)
}

func measured(t *testing.T, clients []*peer, rounds int) []time.Duration {
	t.Helper()
	times, err := measure(clients, rounds)
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// ratio returns how much longer rounds took beside nuisances than alone, and all of it as
// a text.
func ratio(alone, beside []time.Duration) (medians float64, text string) {
	const micro = time.Microsecond
	a, b := quantile(alone, 0.5), quantile(beside, 0.5)
	a99, b99 := quantile(alone, 0.99), quantile(beside, 0.99)
	medians = float64(b) / float64(a)
	return medians, fmt.Sprintf("median %v, p99 %v alone; %v, %v beside: medians ×%.1f, p99 ×%.1f",
		a.Round(micro), a99.Round(micro), b.Round(micro), b99.Round(micro), medians, float64(b99)/float64(a99))
}

// TestBroadcast (need 4): a client whose TCP window is shut does not keep a broadcast from
// the others, nor the one that sends it.
func TestBroadcast(t *testing.T) {
	n := size(200, 1000)
	p := start(t, config{})
	clients := p.crowd(t, n, "", websocket)
	alone, all := p.broadcasts(t, clients)
	p.narrow(t, "shut")
	beside, allBeside := p.broadcasts(t, clients)
	t.Logf("a broadcast to %d returns after %v and is everywhere after %v; beside one whose window is shut after %v and %v",
		n, alone, all, beside, allBeside)
	if j := call[Journal](t, p, "Journal", "shut"); len(j.Reasons) > 0 {
		t.Errorf("that one was disconnected: %s", j.Reasons)
	}
	if limit := max(generous*all, patience/2); beside > limit || allBeside > limit {
		t.Error("it keeps the others waiting")
	}
}

// broadcasts returns the median times of a broadcast: until it is sent, and until everyone
// has it.
func (p *process) broadcasts(t *testing.T, clients []*peer) (sent, all time.Duration) {
	t.Helper()
	var sending, arriving []time.Duration
	for range 21 {
		began := time.Now()
		results := make(chan error, len(clients))
		for _, c := range clients {
			go func() { results <- c.await(`42["text"`) }()
		}
		sending = append(sending, call[time.Duration](t, p, "Broadcast", 1000))
		untilAll(t, results, len(clients), began)
		arriving = append(arriving, time.Since(began))
	}
	slices.Sort(sending)
	slices.Sort(arriving)
	return quantile(sending, 0.5).Round(time.Microsecond), quantile(arriving, 0.5).Round(time.Microsecond)
}

// TestSlowHandler (need 10): a handler that takes two ping timeouts costs its client
// neither the connection nor the answer, and the others nothing.
func TestSlowHandler(t *testing.T) {
	const timeout = time.Second
	p := start(t, config{PingInterval: timeout / 2, PingTimeout: timeout})
	clients := p.others(t)
	alone := measured(t, clients, 50)
	d := p.dying(t, websocket, "sleeper")
	d.sends(fmt.Sprintf(`427["sleep",%d]`, 2*timeout.Milliseconds()))
	awake := make(chan error, 1)
	go func() { awake <- d.await("437") }()
	best, text := math.Inf(1), ""
	for asleep := true; asleep; {
		if medians, s := ratio(alone, measured(t, clients, 50)); medians < best {
			best, text = medians, s
		}
		select {
		case err := <-awake:
			d.must(err)
			asleep = false
		default:
		}
	}
	t.Log(text)
	if best > generous {
		t.Errorf("the others became more than %d times as slow", generous)
	}
	d.must(d.echo())
}

// TestSlowBody (C-25): a body that comes a byte at a time is refused in the end, and its
// session closed.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := start(t, config{PingInterval: time.Second, PingTimeout: time.Second})
	var group sync.WaitGroup
	for _, c := range p.crowd(t, size(50, 1000), "", polling) {
		if err := c.beginBody(); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		group.Go(func() {
			background(t, done, func() error { pause(done, 200*time.Millisecond); return c.main.write("x") })
		})
		group.Go(func() {
			defer close(done)
			if status, _, err := c.main.response(); err == nil && status != http.StatusRequestTimeout && status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
		})
	}
	group.Wait()
	p.calm(t)
}
