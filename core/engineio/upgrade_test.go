package engineio_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gosocketio/sio/core/engineio"
)

func TestUpgradeSU6(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	c := f.dial(t, sid)
	c.send(t, "2probe")
	c.want(t, "3probe")
	wait(t, poll, "noop").want(t, 200, "6")
	c.send(t, "5")
	c.send(t, "4hello")
	r.wantMessage(t, "hello")
	send(t, r.session, "back")
	c.want(t, "4back")
	if got := r.session.Transport(); got != "websocket" {
		t.Errorf("Transport = %q", got)
	}
	f.poll(t, sid).want(t, 400, `{"code":3,"message":"Bad request"}`)       // O6
	f.post(t, sid, "4x").want(t, 400, `{"code":3,"message":"Bad request"}`) // O6
	c.Close()
	r.wantClosed(t, engineio.TransportClose)
}

func TestPollingEchoSU2(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	f.post(t, sid, "4hello\x1ebAQID").want(t, 200, "ok")
	r.wantMessage(t, "hello")
	r.wantMessage(t, "\x01\x02\x03")
	send(t, r.session, "a")
	send(t, r.session, "b")
	f.poll(t, sid).want(t, 200, "4a\x1e4b")
	r.session.Close()
	f.poll(t, sid).want(t, 200, "6\x1e1")
	r.wantClosed(t, engineio.ForcedClose)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestWebSocketEchoSU2(t *testing.T) {
	f := start(t, nil)
	c, o, r := f.openWS(t)
	if len(o.Upgrades) != 0 || o.SID != r.session.ID() {
		t.Errorf("open packet %+v", o)
	}
	c.send(t, "4hello")
	r.wantMessage(t, "hello")
	send(t, r.session, "a")
	send(t, r.session, "b")
	r.session.Close()
	c.want(t, "4a")
	c.want(t, "4b")
	c.wantClosed(t)
	r.wantClosed(t, engineio.ForcedClose)
}

var upgrades = flag.Int("upgrades", 60, "upgrades of TestUpgradeLosesNothing")

// upgradeClient does what the official client does: it polls and posts, probes,
// pauses polling once it has its answer, and then switches.
type upgradeClient struct {
	f        *fixture
	sid      string
	received []string
	count    int // messages to send, and to receive
	rand     *rand.Rand
}

func (c *upgradeClient) pause() {
	time.Sleep(time.Duration(c.rand.IntN(300)) * time.Microsecond)
}

func (c *upgradeClient) request(method, body string) (string, error) {
	r, err := http.NewRequest(method, c.f.url("polling", c.sid), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.f.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s: %d %s", method, resp.StatusCode, data)
	}
	return string(data), err
}

func (c *upgradeClient) receive(payload string) error {
	for p := range strings.SplitSeq(payload, "\x1e") {
		switch {
		case strings.HasPrefix(p, "4"):
			c.received = append(c.received, p[1:])
		case p != "6":
			return fmt.Errorf("packet %q", p)
		}
	}
	return nil
}

// poll polls until paused is closed and the poll in progress has returned.
func (c *upgradeClient) poll(paused <-chan struct{}) error {
	for {
		body, err := c.request("GET", "")
		if err != nil {
			return err
		}
		if err := c.receive(body); err != nil {
			return err
		}
		select {
		case <-paused:
			return nil
		default:
			if len(c.received) == c.count {
				<-paused // nothing more to come: a poll would only wait
				return nil
			}
		}
	}
}

// post posts messages one by one until paused; it returns how many.
func (c *upgradeClient) post(paused <-chan struct{}) (int, error) {
	for i := range c.count / 2 {
		select {
		case <-paused:
			return i, nil
		default:
		}
		if _, err := c.request("POST", fmt.Sprintf("4%d", i)); err != nil {
			return i, err
		}
	}
	<-paused
	return c.count / 2, nil
}

func (c *upgradeClient) run() error {
	paused := make(chan struct{})
	var wg sync.WaitGroup
	var pollErr, postErr error
	var sent int
	wg.Go(func() { pollErr = c.poll(paused) })
	wg.Go(func() { sent, postErr = c.post(paused) })
	c.pause()
	ws, err := c.probe()
	close(paused)
	wg.Wait()
	if err := errors.Join(err, pollErr, postErr); err != nil {
		return err
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte("5")); err != nil {
		return err
	}
	for ; sent < c.count; sent++ {
		if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "4%d", sent)); err != nil {
			return err
		}
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	for len(c.received) < c.count {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("after %d messages: %w", len(c.received), err)
		}
		if string(data) == "6" {
			return errors.New("a noop on the websocket")
		}
		if err := c.receive(string(data)); err != nil {
			return err
		}
	}
	return nil
}

func (c *upgradeClient) probe() (*websocket.Conn, error) {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.f.url("websocket", c.sid), "http"), nil)
	if err != nil {
		return nil, err
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte("2probe")); err != nil {
		return ws, err
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	if _, data, err := ws.ReadMessage(); err != nil || string(data) != "3probe" {
		return ws, fmt.Errorf("probe: %q %v", data, err)
	}
	c.pause()
	return ws, nil
}

// TestUpgradeLosesNothing (S6, needs 29 and 30): numbered messages both ways
// during an upgrade arrive whole, once and in order.
func TestUpgradeLosesNothingS6(t *testing.T) {
	const messages = 100
	f := start(t, nil)
	f.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 100
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range *upgrades {
		slots <- struct{}{}
		mu.Lock()
		sid, r := f.open(t)
		mu.Unlock()
		wg.Go(func() {
			defer func() { <-slots }()
			seed := rand.New(rand.NewPCG(uint64(i), 1))
			c := &upgradeClient{f: f, sid: sid, count: messages, rand: seed}
			var sender sync.WaitGroup
			sender.Go(func() {
				for n := range messages {
					r.session.Send(&engineio.Outgoing{Data: fmt.Appendf(nil, "%d", n)})
					if n%7 == 0 {
						time.Sleep(time.Duration(i%13) * 50 * time.Microsecond)
					}
				}
			})
			if err := c.run(); err != nil {
				t.Errorf("upgrade %d: %v", i, err)
				return
			}
			sender.Wait()
			for n, got := range c.received {
				if got != fmt.Sprint(n) {
					t.Errorf("upgrade %d: the client received %q as message %d", i, got, n)
					return
				}
			}
			for n := range messages {
				select {
				case m := <-r.messages:
					if m.data != fmt.Sprint(n) {
						t.Errorf("upgrade %d: the server received %q as message %d", i, m.data, n)
						return
					}
				case <-time.After(patience):
					t.Errorf("upgrade %d: the server received %d messages", i, n)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestSecondUpgradeV9C24(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	c := f.dial(t, sid)
	c.send(t, "2probe")
	c.want(t, "3probe")
	f.dial(t, sid).wantClosed(t) // parallel
	c.send(t, "5")
	send(t, r.session, "a")
	c.want(t, "4a")
	f.dial(t, sid).wantClosed(t) // late
	c.send(t, "4b")
	r.wantMessage(t, "b")
}

// waitForProbe closes the connection and returns when its slot is free.
func (f *fixture) waitForProbe(c *conn, r *recorder) {
	c.NetConn().Close()
	for engineio.Probing(r.session) {
		time.Sleep(time.Millisecond)
	}
}

func TestBrokenProbesO7(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	for _, first := range []string{"2", "2prob", "4hello", "x", "", "3probe", "1"} {
		c := f.dial(t, sid)
		c.send(t, first)
		c.wantClosed(t)
		f.waitForProbe(c, r)
	}
	for range 10 { // C-10: reset
		c := f.dial(t, sid)
		c.NetConn().(*net.TCPConn).SetLinger(0)
		f.waitForProbe(c, r)
	}
	c := f.dial(t, sid)
	c.NetConn().Write([]byte("\xff\xff garbage")) // V8
	c.wantClosed(t)
	f.waitForProbe(c, r)
	f.post(t, sid, "4alive").want(t, 200, "ok")
	r.wantMessage(t, "alive")
	c = f.dial(t, sid)
	c.send(t, "5") // without a probe
	c.send(t, "4upgraded")
	r.wantMessage(t, "upgraded")
}

// TestUpgradeResetAtEveryByteC10C8 breaks the connection at every byte of the
// exchange.
func TestUpgradeResetAtEveryByteC10C8(t *testing.T) {
	f := start(t, nil)
	addr := strings.TrimPrefix(f.http.URL, "http://")
	var frames []byte // masked with zeros
	for _, data := range []string{"2probe", "5"} {
		frames = append(frames, 0x81, 0x80|byte(len(data)), 0, 0, 0, 0)
		frames = append(frames, data...)
	}
	for n := 0; n <= len(frames); n++ {
		sid, r := f.open(t)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", sid)
		c.Write(frames[:n])
		if n%2 == 0 {
			c.SetReadDeadline(time.Now().Add(patience))
			c.Read(make([]byte, 1))
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
		r.session.Close()
	}
	f.engine.Close()
	if f.engine.Count() != 0 {
		t.Error("sessions left")
	}
}

func TestSessionCloseClosesProbeC19(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	c := f.dial(t, sid)
	c.send(t, "2probe")
	c.want(t, "3probe")
	r.session.Close()
	f.poll(t, sid).want(t, 200, "6\x1e1")
	c.wantClosed(t)
	r.wantClosed(t, engineio.ForcedClose)
}

// TestSessionCloseDuringUpgrade: a client that has the answer to its probe polls no
// more. What is queued reaches it over the websocket, and then the close.
func TestSessionCloseDuringUpgrade(t *testing.T) {
	for _, before := range []string{"probe", "switch"} {
		f := start(t, nil)
		sid, r := f.open(t)
		c := f.dial(t, sid)
		end := func() {
			send(t, r.session, "last words")
			r.session.Close()
		}
		if before == "probe" {
			end()
		}
		c.send(t, "2probe")
		c.want(t, "3probe")
		if before == "switch" {
			end()
		}
		c.send(t, "5")
		c.want(t, "4last words")
		var closed *websocket.CloseError
		if err := c.wantClosed(t); !errors.As(err, &closed) || closed.Code != 1000 {
			t.Errorf("closed with %v", err)
		}
		r.wantClosed(t, engineio.ForcedClose)
	}
}

// TestPostAcrossTheSwitch: a POST that is still being handled comes first.
func TestPostAcrossTheSwitch(t *testing.T) {
	o, b, sessions := blockingOptions()
	f := start(t, &engineio.Options{OnConnection: o.OnConnection})
	sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
	r := sessions.session(t)
	posted := make(chan response, 1)
	go func() { posted <- f.post(t, sid, "4block\x1e4second") }()
	wait(t, b.entered, "OnMessage")
	c := f.dial(t, sid)
	c.send(t, "5")
	c.send(t, "4third")
	for r.session.Transport() != "websocket" {
		time.Sleep(time.Millisecond)
	}
	close(b.release)
	r.wantMessage(t, "block")
	r.wantMessage(t, "second")
	r.wantMessage(t, "third")
	wait(t, posted, "answer").want(t, 200, "ok")
}
