//go:build linux

package hardening_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// ending is a cause for a socket to be disconnected.
type ending struct {
	name  string
	on    []string          // transports; nil: all
	cause func(*dying)      // brings it about
	want  map[string]string // the reason by transport; under "" for all others
}

// dying is the client of an ending.
type dying struct {
	*peer
	t   *testing.T
	tag string
}

// must ends the test if err is not nil.
func (d *dying) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *dying) sends(packet string) { d.t.Helper(); d.must(d.send(packet)) }

// listens has a poll wait, on polling.
func (d *dying) listens() {
	d.t.Helper()
	if d.ws {
		return
	}
	d.must(d.poll())
	eventually(d.t, "that the poll has come", func() bool { return call[bool](d.t, d.server, "Polls", d.sid) })
}

func (d *dying) order(what string) { d.t.Helper(); d.does(Order{Tag: d.tag, What: what}) }

func (d *dying) does(o Order) { d.t.Helper(); call[bool](d.t, d.server, "Do", o) }

var (
	onlyWS      = []string{websocket, upgraded}
	onlyPolling = []string{polling}
)

func always(reason string) map[string]string { return map[string]string{"": reason} }

// broken are the reasons of a connection that broke: a poll is an answer owed, a
// websocket is closed.
var broken = map[string]string{polling: "transport error", "": "transport close"}

var endings = []ending{
	{"client leaves the namespace", nil, func(d *dying) { d.sends("41") }, always("client namespace disconnect")},
	{"client closes the engine", nil, func(d *dying) { d.sends("1") }, always("transport close")},
	{"tab closed", onlyWS, func(d *dying) { d.must(d.main.write(closeFrame(1001))) }, always("transport close")},
	{"end of the TCP connection", nil, func(d *dying) { d.listens(); d.close() }, broken},
	{"TCP reset", nil, func(d *dying) { d.listens(); d.reset() }, broken},
	{"TCP reset within a frame", onlyWS, func(d *dying) {
		d.must(d.main.write(frameText(`42["echo",1]`)[:7]))
		d.reset()
	}, always("transport close")},
	{"TCP reset within a body", onlyPolling, func(d *dying) {
		request := requestText("POST", d.query(polling), `42["echo",1]`)
		d.must(d.main.write(request[:len(request)-3]))
		eventually(d.t, "that the POST has come", func() bool { return d.server.counts(d.t).Requests > 0 })
		d.reset()
	}, always("transport error")},
	{"not an engine packet", nil, func(d *dying) { d.send("x") }, always("parse error")},
	{"not a packet", nil, func(d *dying) { d.send("4x") }, always("forced close")},
	{"packet out of order", nil, func(d *dying) { d.send("4" + `4{"message":"you are refused"}`) }, always("forced server close")},
	{"malformed frame", onlyWS, func(d *dying) { d.must(d.main.write("\xf3\x80")) }, always("transport error")},
	{"message over the limit", onlyWS, func(d *dying) { d.send(large) }, always("transport error")},
	{"two polls at a time", onlyPolling, func(d *dying) {
		d.must(d.poll())
		w, err := d.server.dial()
		d.must(err)
		defer w.close()
		d.must(w.write(requestText("GET", d.query(polling), "")))
		one, _, err := d.main.response()
		d.must(err)
		other, _, err := w.response()
		d.must(err)
		if one+other != http.StatusOK+http.StatusBadRequest {
			d.t.Errorf("the polls got status %d and %d", one, other)
		}
	}, always("transport error")},
	{"Disconnect(false)", nil, func(d *dying) { d.order("Disconnect(false)") }, always("server namespace disconnect")},
	{"Disconnect(true)", nil, func(d *dying) { d.order("Disconnect(true)") }, always("server namespace disconnect")},
	{"DisconnectSockets", nil, func(d *dying) { d.order("DisconnectSockets") }, always("server namespace disconnect")},
	{"handler panics", nil, func(d *dying) { d.sends(`42["panic"]`) }, always("server namespace disconnect")},
	{"never reads", nil, func(d *dying) { d.does(Order{Tag: d.tag, What: "flood", Bytes: 64 << 10}) }, always("slow consumer")},
	{"leaves after the upgrade, with a poll", onlyPolling, func(d *dying) {
		d.listens()
		w, err := d.probe()
		d.must(err)
		d.must(w.write(frameText("5")))
		_, _, err = d.main.response()
		d.must(err)
		d.must((&peer{server: d.server, main: w, ws: true}).echo())
		d.reset()
		w.reset()
	}, always("transport close")},
}

// maxPayload is that of the servers of these tests.
const maxPayload = 10_000

var large = "4" + strings.Repeat("x", maxPayload)

// TestEndings (need 40): whatever ends a connection, each socket that was connected is
// disconnected once, with the right reason, and its rooms are still there to be read in
// OnDisconnecting.
func TestEndings(t *testing.T) {
	t.Parallel()
	p := start(t, config{MaxPayload: maxPayload, MaxQueueBytes: 1 << 20})
	var told []verdict
	for _, e := range endings {
		for _, transport := range transports {
			if e.on != nil && !slices.Contains(e.on, transport) {
				continue
			}
			name := e.name + ", " + transport
			t.Run(name, func(t *testing.T) {
				d := p.dying(t, transport, name)
				defer d.leave()
				e.cause(d)
				want, own := e.want[transport]
				if !own {
					want = e.want[""]
				}
				told = append(told, verdict{d.tag, want})
				d.eventuallyEnds()
			})
		}
	}
	p.judge(t, told)
	p.alive(t)
}

// dying connects a client that is to end.
func (p *process) dying(t *testing.T, transport, tag string) *dying {
	t.Helper()
	d := &dying{t: t, tag: tag}
	var err error
	d.peer, err = p.open(transport)
	d.must(err)
	t.Cleanup(d.reset)
	d.must(d.join(auth{Tag: d.tag}))
	d.must(d.echo()) // OnConnect has returned
	return d
}

func (d *dying) journal() Journal {
	d.t.Helper()
	return call[Journal](d.t, d.server, "Journal", d.tag)
}

func (d *dying) eventuallyEnds() Journal {
	d.t.Helper()
	var j Journal
	eventually(d.t, "for the disconnect", func() bool {
		j = d.journal()
		return len(j.Reasons) > 0
	})
	return j
}

// verdict is how a socket should have ended.
type verdict struct{ tag, reason string }

// judge compares how sockets ended, when nothing can follow any more.
func (p *process) judge(t *testing.T, verdicts []verdict) {
	t.Helper()
	p.settled(t)
	for _, v := range verdicts {
		j := call[Journal](t, p, "Journal", v.tag)
		if j.Connects != 1 || j.Disconnecting != 1 || len(j.Reasons) != 1 {
			t.Errorf("%s: connected %d times, disconnecting %d times, disconnected %q", v.tag, j.Connects, j.Disconnecting, j.Reasons)
			continue
		}
		if j.Reasons[0] != v.reason {
			t.Errorf("%s: reason %q instead of %q", v.tag, j.Reasons[0], v.reason)
		}
		if !j.RoomSeen {
			t.Errorf("%s: OnDisconnecting did not see the rooms", v.tag)
		}
	}
}

// survivals are what a session has to survive.
var survivals = []ending{
	{name: "upgrade refused", cause: func(d *dying) {
		w, err := d.server.dial()
		d.must(err)
		defer w.reset()
		headers := slices.Clone(upgradeHeaders)
		headers[2] = "Sec-WebSocket-Version: 7"
		d.must(w.write(requestText("GET", d.query(websocket), "", headers...)))
		if status, _, err := w.response(); err != nil || status < 400 {
			d.t.Errorf("status %d, %v", status, err)
		}
	}},
	{name: "upgrade cut off", cause: func(d *dying) {
		w, err := d.server.dial()
		d.must(err)
		d.must(w.write(requestText("GET", d.query(websocket), "", upgradeHeaders...)[:50]))
		w.reset()
	}},
	{name: "upgrade cut off after the probe", cause: func(d *dying) {
		w, err := d.probe()
		d.must(err)
		w.reset()
	}},
	{name: "upgrade goes wrong", cause: func(d *dying) {
		w, err := d.probe()
		d.must(err)
		defer w.reset()
		d.must(w.write(frameText("42[\"echo\",1]")))
		for err == nil {
			_, _, err = w.frame()
		}
	}},
	{name: "body over the limit", cause: func(d *dying) {
		w, err := d.server.dial()
		d.must(err)
		defer w.reset()
		d.must(w.write(requestText("POST", d.query(polling), large+"x")))
		if status, _, err := w.response(); err != nil || status != http.StatusRequestEntityTooLarge {
			d.t.Errorf("status %d, %v", status, err)
		}
	}},
}

// TestSurvivals: a session goes on over polling when an upgrade, or a POST, fails (need
// 40, C-10), and can be upgraded after that.
func TestSurvivals(t *testing.T) {
	t.Parallel()
	p := start(t, config{MaxPayload: maxPayload})
	var told []verdict
	for _, e := range survivals {
		t.Run(e.name, func(t *testing.T) {
			d := p.dying(t, polling, e.name)
			defer d.leave()
			e.cause(d)
			d.must(d.echo())
			eventually(t, "for the next upgrade", func() bool { return d.upgrade() == nil })
			d.must(d.echo())
			d.sends("41")
			told = append(told, verdict{d.tag, "client namespace disconnect"})
			d.eventuallyEnds()
		})
	}
	p.judge(t, told)
}

// TestUpgradeCutAnywhere (C-10): a TCP reset after any byte of an upgrade leaves the session
// where it was, on polling.
func TestUpgradeCutAnywhere(t *testing.T) {
	t.Parallel()
	p := start(t, config{})
	request := len(requestText("GET", "transport=websocket&sid="+strings.Repeat("x", 20), "", upgradeHeaders...))
	n := request + len(frameText("2probe")) + len(frameText("5"))
	if err := inParallel(n, p.cutUpgrade); err != nil {
		t.Error(err)
	}
	p.calm(t)
}

// cutUpgrade sends the first bytes of an upgrade, and uses the session after that.
func (p *process) cutUpgrade(bytes int) error {
	c, err := p.open(polling)
	if err != nil {
		return err
	}
	defer c.leave()
	if err := c.join(auth{}); err != nil {
		return err
	}
	w, err := p.dial()
	if err != nil {
		return err
	}
	err = c.upgradeUpTo(w, bytes)
	w.reset()
	if err == nil {
		err = c.echo()
	}
	return err
}

func (c *peer) upgradeUpTo(w *wire, bytes int) error {
	probed := func() error { _, _, err := w.frame(); return err }
	for _, stage := range []struct {
		text   string
		answer func() error
	}{
		{requestText("GET", c.query(websocket), "", upgradeHeaders...), w.switched},
		{frameText("2probe"), probed},
		{frameText("5"), nil},
	} {
		if bytes <= len(stage.text) {
			return w.write(stage.text[:bytes])
		}
		bytes -= len(stage.text)
		if err := w.write(stage.text); err != nil {
			return err
		}
		if err := stage.answer(); err != nil {
			return err
		}
	}
	return nil
}

// TestVanished (needs 40 and 43): a peer that is gone without a word is found dead, also
// if the server writes to it all the time.
func TestVanished(t *testing.T) {
	t.Parallel()
	const heartbeat = 2 * time.Second
	p := start(t, config{PingInterval: heartbeat, PingTimeout: heartbeat})
	var all []*dying
	for _, transport := range transports {
		for _, written := range []bool{false, true} {
			d := p.dying(t, transport, fmt.Sprintf("%s, written to: %t", transport, written))
			if written { // in two heartbeats more than the kernel takes, less than the queue
				d.does(Order{Tag: d.tag, What: "flood", Bytes: 16 << 10, Pause: 5 * time.Millisecond})
			}
			all = append(all, d)
		}
	}
	vanished := time.Now()
	var told []verdict
	for _, d := range all {
		j := d.eventuallyEnds()
		late := j.Ended.Sub(vanished) - 2*heartbeat
		t.Logf("%s: found dead after interval + timeout + %v", d.tag, late.Round(time.Millisecond))
		if late > 10*time.Second {
			t.Errorf("%s: found dead %v late", d.tag, late)
		}
		told = append(told, verdict{d.tag, "ping timeout"})
	}
	p.judge(t, told)
}
