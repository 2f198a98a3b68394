package engineio_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func startV3(t *testing.T) *fixture {
	f := start(t, &engineio.Options{AllowEIO3: true})
	f.eio = 3
	return f
}

func TestV3TextPayloadsEI4EI8EI9(t *testing.T) {
	f := startV3(t)
	sid, r := f.open(t)
	f.post(t, sid, "6:4hello6:4€uro!").want(t, 200, "ok")
	r.wantMessage(t, "hello")
	r.wantMessage(t, "€uro!")
	send(t, r.session, "test1")
	send(t, r.session, "€")
	f.poll(t, sid).want(t, 200, "6:4test12:4€")
	f.post(t, sid, "1:2").want(t, 200, "ok")
	f.poll(t, sid).want(t, 200, "1:3")
	if r.session.Protocol() != 3 {
		t.Error("protocol")
	}
}

func TestV3BinaryPayloadsEI5EI6(t *testing.T) {
	f := startV3(t)
	sid, r := f.open(t)
	o := &engineio.Outgoing{Data: []byte("hello"), Attachments: [][]byte{{1, 2, 3, 4}}}
	r.session.Send(o)
	resp := f.poll(t, sid)
	payload := "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"
	resp.want(t, 200, payload)
	if got := resp.header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("Content-Type %q", got)
	}
	f.request(t, "POST", f.url("polling", sid), payload, "Content-Type", "application/octet-stream").want(t, 200, "ok")
	r.wantMessage(t, "hello")
	if m := wait(t, r.messages, "binary"); m != (message{"\x01\x02\x03\x04", true}) {
		t.Errorf("message %+v", m)
	}

	f.query = "&b64=1"
	sid, r = f.open(t)
	r.session.Send(o)
	resp = f.poll(t, sid)
	resp.want(t, 200, "6:4hello10:b4AQIDBA==")
	if got := resp.header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestV3WebSocketEI7(t *testing.T) {
	f := startV3(t)
	c, _, r := f.openWS(t)
	o := &engineio.Outgoing{Data: []byte("hello"), Attachments: [][]byte{{1, 2}}}
	r.session.Send(o)
	c.want(t, "4hello")
	kind, data, err := c.ReadMessage()
	if err != nil || kind != websocket.BinaryMessage || string(data) != "\x04\x01\x02" {
		t.Errorf("binary %d %q %v", kind, data, err)
	}
	c.WriteMessage(websocket.BinaryMessage, []byte("\x04\x07"))
	if m := wait(t, r.messages, "binary"); m != (message{"\x07", true}) {
		t.Errorf("message %+v", m)
	}
	f.query = "&b64=1"
	c, _, r = f.openWS(t)
	r.session.Send(o)
	c.want(t, "4hello")
	c.want(t, "b4AQI=")
}

func TestV3UpgradeEI13(t *testing.T) {
	f := startV3(t)
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	f.waitForPoll(t, r, poll)
	c := f.dial(t, sid)
	c.send(t, "2probe")
	c.want(t, "3probe")
	wait(t, poll, "noop").want(t, 200, "1:6")
	c.send(t, "5")
	send(t, r.session, "hi")
	c.want(t, "4hi")
}

func TestJSONPEI11EI12(t *testing.T) {
	for _, eio := range []int{3, 4} {
		t.Run(strconv.Itoa(eio), func(t *testing.T) {
			f := startV3(t)
			f.eio, f.query = eio, "&j=1x2()"
			resp := f.request(t, "GET", f.url("polling", ""), "")
			if !strings.HasPrefix(resp.body, `___eio[12]("`) || !strings.HasSuffix(resp.body, `");`) {
				t.Fatalf("body %q", resp.body)
			}
			if got := resp.header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
				t.Errorf("Content-Type %q", got)
			}
			r := f.session(t)
			sid := r.session.ID()
			f.query = "&j=99" // fixed at the handshake
			send(t, r.session, "a\n\"\u2028")
			body := f.poll(t, sid).body
			payload := `4a\n\"\u2028`
			if eio == 3 {
				payload = "5:" + payload
			}
			if want := `___eio[12]("` + payload + `");`; body != want {
				t.Errorf("body %q, want %q", body, want)
			}
			posted := "4a\\nb"
			if eio == 3 {
				posted = "4:" + posted
			}
			f.request(t, "POST", f.url("polling", sid), "d="+url.QueryEscape(posted),
				"Content-Type", "application/x-www-form-urlencoded").want(t, 200, "ok")
			r.wantMessage(t, "a\nb")
		})
	}
}

func TestV4Base64(t *testing.T) {
	f := start(t, nil)
	f.query = "&b64=1"
	c, _, r := f.openWS(t)
	r.session.Send(&engineio.Outgoing{Data: []byte{1, 2, 3, 4}, Binary: true})
	c.want(t, "bAQIDBA==")
	c.send(t, "bAQIDBA==")
	if m := wait(t, r.messages, "binary"); m != (message{"\x01\x02\x03\x04", true}) {
		t.Errorf("message %+v", m)
	}
}
