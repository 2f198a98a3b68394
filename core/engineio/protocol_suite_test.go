package engineio_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// The flows that the documents of the Engine.IO protocol, revisions 3 and 4, ask
// of any server (SU1 to SU6), against a server that echoes.

// revision is how a revision of the protocol looks on the wire.
type revision struct {
	eio     int
	payload func(packets ...string) string
	beat    func(*suite, int) // the client's side of n heartbeats over polling
	binary  string            // [1 2 3 4] as a packet of a text payload
	frame   string            // and in a binary frame
}

var revisions = []revision{
	{4, func(p ...string) string { return strings.Join(p, "\x1e") }, (*suite).pongs, "bAQIDBA==", "\x01\x02\x03\x04"},
	{3, lengths, (*suite).pings, "b4AQIDBA==", "\x04\x01\x02\x03\x04"},
}

// lengths is a text payload of revision 3, of ASCII packets.
func lengths(packets ...string) string {
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "%d:%s", len(p), p)
	}
	return b.String()
}

// suite is one run of a flow.
type suite struct {
	*fixture
	revision
	t *testing.T
}

// run runs a flow for each revision, with time of its own.
func runSuite(t *testing.T, flow func(*suite)) {
	for _, rev := range revisions {
		t.Run(fmt.Sprint("EIO=", rev.eio), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := pings()
				s := &suite{revision: rev, t: t}
				opts.OnConnection = func(session *engineio.Session) engineio.Handler {
					r := s.record(session)
					r.echo = true
					return r
				}
				var stop func()
				s.fixture, stop = startInMemory(t, opts)
				defer stop()
				s.fixture.eio = rev.eio
				flow(s)
			})
		})
	}
}

// handshake opens a polling session.
func (s *suite) handshake() (sid string) { s.t.Helper(); sid, _ = s.open(s.t); return sid }

// ws opens a websocket: a session, or an upgrade of one.
func (s *suite) ws(sid string) *conn {
	s.t.Helper()
	c := s.dialPipe(s.t, sid)
	if sid == "" {
		parseOpen(s.t, c.read(s.t))
	}
	return c
}

func (s *suite) want(sid string, packets ...string) {
	s.t.Helper()
	s.poll(s.t, sid).want(s.t, 200, s.payload(packets...))
}

func (s *suite) say(sid string, packets ...string) {
	s.t.Helper()
	s.post(s.t, sid, s.payload(packets...)).want(s.t, 200, "ok")
}

func (s *suite) wantGone(sid string) {
	s.t.Helper()
	if got := s.poll(s.t, sid).status; got != 400 {
		s.t.Errorf("a later poll: status %d", got)
	}
}

func (s *suite) pongs(n int) {
	sid := s.handshake()
	for range n {
		s.want(sid, "2")
		s.say(sid, "3")
	}
}

func (s *suite) pings(n int) {
	sid := s.handshake()
	for range n {
		time.Sleep(interval)
		s.say(sid, "2")
		s.want(sid, "3")
	}
}

func TestSuiteHandshakeSU1(t *testing.T) {
	runSuite(t, func(s *suite) {
		resp := s.request(s.t, "GET", s.url("polling", ""), "")
		_, packet, _ := strings.Cut(resp.body, "0{")
		o := parseOpen(s.t, "0{"+packet)
		if resp.status != 200 || o.SID == "" || !slices.Equal(o.Upgrades, []string{"websocket"}) || o.PingInterval != 300 ||
			o.PingTimeout != 200 || o.MaxPayload != 1_000_000 || resp.body != s.payload("0{"+packet) {
			s.t.Errorf("polling: %q", resp.body)
		}
		c := s.dialPipe(s.t, "")
		defer c.Close()
		o = parseOpen(s.t, c.read(s.t))
		if o.SID == "" || len(o.Upgrades) != 0 || o.PingInterval != 300 || o.PingTimeout != 200 || o.MaxPayload != 1_000_000 {
			s.t.Errorf("websocket: %+v", o)
		}
		for _, query := range []string{"transport=T", "EIO=abc&transport=T", fmt.Sprint("EIO=", s.revision.eio), fmt.Sprint("EIO=", s.revision.eio, "&transport=abc")} {
			for _, transport := range []string{"polling", "websocket"} {
				u := "http://127.0.0.1:1/engine.io/?" + strings.Replace(query, "T", transport, 1)
				if got := s.request(s.t, "GET", u, "").status; got != 400 {
					s.t.Errorf("GET %s: %d", u, got)
				}
				_, resp, err := s.dialer.Dial("ws"+strings.TrimPrefix(u, "http"), nil)
				if err == nil || resp.StatusCode != 400 {
					s.t.Errorf("websocket %s: %v", u, err)
				}
			}
		}
		for _, method := range []string{"POST", "PUT"} {
			if got := s.request(s.t, method, s.url("polling", ""), "").status; got != 400 {
				s.t.Errorf("%s: %d", method, got)
			}
		}
	})
}

func TestSuiteMessagesOverPollingSU2(t *testing.T) {
	runSuite(t, func(s *suite) {
		sid := s.handshake()
		s.say(sid, "4hello")
		s.want(sid, "4hello")
		s.say(sid, "4test1", "4test2", "4test3")
		s.want(sid, "4test1", "4test2", "4test3")
		s.query = "&b64=1" // revision 3 has another form without it: TestV3BinaryPayloadsEI5EI6
		sid = s.handshake()
		s.say(sid, "4hello", s.binary)
		s.want(sid, "4hello", s.binary)
	})
}

func TestSuiteMessagesOverWebSocketSU2(t *testing.T) {
	runSuite(t, func(s *suite) {
		c := s.ws("")
		defer c.Close()
		c.send(s.t, "4hello")
		c.want(s.t, "4hello")
		if err := c.WriteMessage(websocket.BinaryMessage, []byte(s.frame)); err != nil {
			s.t.Fatal(err)
		}
		if kind, data, err := c.ReadMessage(); err != nil || kind != websocket.BinaryMessage || string(data) != s.frame {
			s.t.Errorf("binary: %d %q %v", kind, data, err)
		}
		c.send(s.t, "abc")
		c.wantClosed(s.t)
	})
}

func TestSuiteBadRequestsSU3(t *testing.T) {
	runSuite(t, func(s *suite) {
		sid := s.handshake()
		if got := s.post(s.t, sid, "abc").status; got != 400 {
			s.t.Errorf("an invalid packet: %d", got)
		}
		s.wantGone(sid)

		sid = s.handshake()
		first := s.goPoll(s.t, sid)
		synctest.Wait()
		if got := s.poll(s.t, sid).status; got != 400 {
			s.t.Errorf("a second poll: %d", got)
		}
		wait(s.t, first, "answer").want(s.t, 200, s.payload("1"))
		s.wantGone(sid)

		sid = s.handshake()
		r := newRequest(s.t, "GET", s.url("polling", sid), "")
		aborted := &http.Client{Transport: s.client.Transport, Timeout: interval / 2}
		if resp, err := aborted.Do(r); err == nil {
			resp.Body.Close()
			s.t.Errorf("the poll was answered: %d", resp.StatusCode)
		}
		synctest.Wait()
		s.wantGone(sid)
	})
}

func TestSuiteHeartbeatSU4(t *testing.T) {
	runSuite(t, func(s *suite) {
		s.beat(s, 3)
		sid := s.handshake()
		time.Sleep(interval + timeout)
		synctest.Wait()
		s.wantGone(sid)

		c := s.ws("")
		defer c.Close()
		for range 3 {
			if s.revision.eio == 4 {
				c.want(s.t, "2")
				c.send(s.t, "3")
				continue
			}
			time.Sleep(interval)
			c.send(s.t, "2")
			c.want(s.t, "3")
		}
		began := time.Now()
		c.wantClosed(s.t)
		if d := time.Since(began); d != interval+timeout {
			s.t.Errorf("the silent websocket was closed after %v", d)
		}
	})
}

func TestSuiteCloseSU5(t *testing.T) {
	runSuite(t, func(s *suite) {
		sid := s.handshake()
		poll := s.goPoll(s.t, sid)
		synctest.Wait()
		s.say(sid, "1")
		wait(s.t, poll, "answer").want(s.t, 200, s.payload("6"))
		s.wantGone(sid)

		c := s.ws("")
		defer c.Close()
		c.send(s.t, "1")
		began := time.Now()
		c.wantClosed(s.t)
		if d := time.Since(began); d != 0 {
			s.t.Errorf("the websocket was closed after %v", d)
		}
	})
}

func TestSuiteUpgradeSU6(t *testing.T) {
	runSuite(t, func(s *suite) {
		sid := s.handshake()
		poll := s.goPoll(s.t, sid)
		synctest.Wait()
		c := s.ws(sid)
		defer c.Close()
		c.send(s.t, "2probe")
		c.want(s.t, "3probe")
		wait(s.t, poll, "answer").want(s.t, 200, s.payload("6"))
		c.send(s.t, "5")
		c.send(s.t, "4hello")
		c.want(s.t, "4hello")

		s.wantGone(sid)
		if got := s.post(s.t, sid, s.payload("4x")).status; got != 400 {
			s.t.Errorf("a POST after the upgrade: %d", got)
		}
		second := s.ws(sid)
		defer second.Close()
		second.wantClosed(s.t)
		c.send(s.t, "4still here")
		c.want(s.t, "4still here")
	})
}
