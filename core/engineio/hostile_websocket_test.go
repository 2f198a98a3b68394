package engineio_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// rawConn is a client that writes bytes.
type rawConn struct {
	*net.TCPConn
	r *bufio.Reader
}

func (f *fixture) rawDial(t testing.TB) *rawConn {
	t.Helper()
	c, err := net.Dial("tcp", f.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(patience))
	return &rawConn{c.(*net.TCPConn), bufio.NewReader(c)}
}

// upgradeRequest is a websocket request; sid may be empty.
func upgradeRequest(sid string, headers ...string) string {
	if sid != "" {
		sid = "&sid=" + sid
	}
	return "GET /?EIO=4&transport=websocket" + sid + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

// want101 reads the head of the answer.
func (c *rawConn) want101(t testing.TB) {
	t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("answer: %v, %v", resp, err)
	}
}

// wantCloseCode reads frames up to the close frame.
func (c *rawConn) wantCloseCode(t testing.TB, code int) {
	t.Helper()
	for {
		var head [2]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		size := int64(head[1])
		if size == 126 {
			var n uint16
			binary.Read(c.r, binary.BigEndian, &n)
			size = int64(n)
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(c.r, payload); err != nil {
			t.Fatal(err)
		}
		if head[0] == 0x88 {
			if len(payload) < 2 || int(binary.BigEndian.Uint16(payload)) != code {
				t.Fatalf("close frame %q, want code %d", payload, code)
			}
			return
		}
	}
}

// clientFrame returns a frame with the mask 0.
func clientFrame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// announced is the head of a frame of that length.
func announced(length uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, length), 0, 0, 0, 0)
}

func breaches() map[string]struct {
	frames []byte
	code   int
} {
	type breach = struct {
		frames []byte
		code   int
	}
	return map[string]breach{
		"C-09 RSV1":                    {clientFrame(0xc1, "4x"), 1002},
		"C-09 RSV2":                    {clientFrame(0xa1, "4x"), 1002},
		"C-09 RSV3":                    {clientFrame(0x91, "4x"), 1002},
		"C-09 opcode 3":                {clientFrame(0x83, "4x"), 1002},
		"C-09 opcode 11":               {clientFrame(0x8b, "4x"), 1002},
		"C-09 unmasked":                {[]byte{0x81, 2, '4', 'x'}, 1002},
		"C-09 UTF-8":                   {clientFrame(0x81, "4\xff"), 1007},
		"C-09 half a character":        {clientFrame(0x81, "4\xe2\x82"), 1007},
		"C-09 UTF-8 across fragments":  {append(clientFrame(0x01, "4\xe2\x82"), clientFrame(0x80, "x")...), 1007},
		"C-09 long ping":               {clientFrame(0x89, strings.Repeat("x", 126)), 1002},
		"C-09 fragmented ping":         {clientFrame(0x09, "x"), 1002},
		"C-09 close of one byte":       {clientFrame(0x88, "\x03"), 1002},
		"C-09 close code 1005":         {clientFrame(0x88, "\x03\xed"), 1002},
		"C-09 continuation of nothing": {clientFrame(0x80, "x"), 1002},
		"C-09 message in a message":    {append(clientFrame(0x01, "4"), clientFrame(0x81, "4x")...), 1002},
		"C-20 2^63-1":                  {announced(1<<63 - 1), 1009},
		"C-20 2^63":                    {announced(1 << 63), 1002},
		"C-20 2^64-1":                  {announced(1<<64 - 1), 1002},
		"C-20 not minimal":             {announced(125), 1002},
		"C-20 sum of fragments":        {append(clientFrame(0x02, "x"), append([]byte{0x80}, announced(1<<63 - 1)[1:]...)...), 1009},
		"C-18 one byte fragments":      {append(clientFrame(0x02, "x"), bytes.Repeat(clientFrame(0x00, "x"), 3000)...), 1008},
		"C-18 empty fragments":         {append(clientFrame(0x02, ""), bytes.Repeat(clientFrame(0x00, ""), 3000)...), 1008},
	}
}

// C-09, C-18, C-20: frames that no client may send, with the upgrade request and
// right after the answer to it, on a new session and on one that upgrades: the right
// close code, one OnClose, and the session that was not upgraded goes on.
func TestBrokenFramesC09C18C20(t *testing.T) {
	f := start(t, nil)
	for name, b := range breaches() {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, early %v", name, early), func(t *testing.T) {
				c := f.rawDial(t)
				c.sendUpgrade(t, "", b.frames, early)
				r := f.session(t)
				c.wantCloseCode(t, b.code)
				c.Close()
				r.wantClosed(t, engineio.TransportError)
				if len(r.messages) != 0 {
					t.Error("something was delivered")
				}

				sid, r := f.open(t)
				c = f.rawDial(t)
				c.sendUpgrade(t, sid, b.frames, early)
				c.wantCloseCode(t, b.code)
				c.Close()
				for engineio.Probing(r.session) {
					time.Sleep(time.Millisecond)
				}
				f.post(t, sid, "4alive").want(t, 200, "ok")
				r.wantMessage(t, "alive")
				r.session.Abort(engineio.ForcedClose, nil)
				r.wantClosed(t, engineio.ForcedClose)
			})
		}
	}
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// sendUpgrade sends the request and the frames, in one piece if early, and reads the
// answer.
func (c *rawConn) sendUpgrade(t *testing.T, sid string, frames []byte, early bool) {
	t.Helper()
	request := []byte(upgradeRequest(sid))
	if early {
		request = append(request, frames...)
	}
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	c.want101(t)
	if !early {
		c.Write(frames) // may fail after a part of it was enough
	}
}

// C-10: the connection is reset after every byte of a websocket exchange, request
// included: the process lives, each session ends once, and nothing is left.
func TestResetAtEveryByteC10(t *testing.T) {
	f := start(t, nil)
	for name, c := range map[string]struct {
		upgrade bool
		frames  []byte
	}{
		"handshake": {false, append(masked("4hello"), clientFrame(0x88, "\x03\xe8")...)},
		"upgrade":   {true, append(append(masked("2probe"), masked("5")...), masked("4hello")...)},
	} {
		t.Run(name, func(t *testing.T) {
			length := len(upgradeRequest(strings.Repeat("x", 20))) + len(c.frames)
			if !c.upgrade {
				length = len(upgradeRequest("")) + len(c.frames)
			}
			for n := 0; n <= length; n++ {
				sid, r := "", (*recorder)(nil)
				if c.upgrade {
					sid, r = f.open(t)
				}
				exchange := append([]byte(upgradeRequest(sid)), c.frames...)
				conn := f.rawDial(t)
				conn.Write(exchange[:n])
				if n%2 == 0 && n >= len(upgradeRequest(sid)) {
					conn.want101(t) // or it is all cut off before it was looked at
				}
				conn.SetLinger(0)
				conn.Close()
				if r != nil {
					// The upgrade failed, or the session ends with its connection.
					for engineio.Probing(r.session) {
						time.Sleep(time.Millisecond)
					}
					r.session.Abort(engineio.ForcedClose, nil)
					wait(t, r.closed, "OnClose")
				}
			}
			for deadline := time.Now().Add(patience); f.engine.Count() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d sessions are left", f.engine.Count())
				}
			}
			for len(f.sessions) > 0 {
				wait(t, f.session(t).closed, "OnClose")
			}
		})
	}
}

// C-15: the limit of a message, at the limit and above, however it comes.
func TestMessageLimitC15(t *testing.T) {
	const limit = 10_000
	compressed := func(data string) []byte {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		io.WriteString(w, data)
		w.Flush()
		return b.Bytes()[:b.Len()-4]
	}
	fragments := func(first byte, payload string, size int) (b []byte) {
		for len(payload) > size {
			b = append(b, clientFrame(first, payload[:size])...)
			first, payload = 0, payload[size:]
		}
		return append(b, clientFrame(first|0x80, payload)...)
	}
	f := start(t, &engineio.Options{MaxPayload: limit, WebSocketCompressionThreshold: 1})
	for name, form := range map[string]func(string) []byte{
		"frame":                 func(m string) []byte { return clientFrame(0x81, m) },
		"fragments":             func(m string) []byte { return fragments(0x01, m, 1000) },
		"two fragments":         func(m string) []byte { return fragments(0x01, m, limit-1) },
		"compressed":            func(m string) []byte { return clientFrame(0xc1, string(compressed(m))) },
		"compressed, fragments": func(m string) []byte { return fragments(0x41, string(compressed(m)), 7) },
	} {
		t.Run(name, func(t *testing.T) {
			for size, ok := range map[int]bool{limit: true, limit + 1: false} {
				c := f.rawDial(t)
				io.WriteString(c, upgradeRequest("", "Sec-WebSocket-Extensions: permessage-deflate"))
				c.want101(t)
				r := f.session(t)
				message := "4" + strings.Repeat("x", size-1)
				c.Write(form(message))
				if ok {
					r.wantMessage(t, message[1:])
					continue
				}
				c.wantCloseCode(t, 1009)
				c.Close()
				r.wantClosed(t, engineio.TransportError)
				if len(r.messages) != 0 {
					t.Error("delivered")
				}
			}
		})
	}
}

// C-18, C-20, C-28: what is announced or can be inflated to more than the limit gets
// no more memory than a small multiple of it, and ends the session.
func TestHostileMemoryC18C20C28(t *testing.T) {
	const limit = 1_000_000
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, flate.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 32 { // in less than 200 KB
		w.Write(zeros)
	}
	w.Flush()
	endless := append(clientFrame(0x02, "x"), bytes.Repeat(clientFrame(0x00, "x"), 200_000)...)
	for name, c := range map[string]struct {
		frames []byte
		code   int
	}{
		"C-28 bomb":      {clientFrame(0xc2, bomb.String()), 1009},
		"C-18 fragments": {endless, 1008},
		"C-20 announced": {announced(limit), 0}, // within the limit: waits for what does not come
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, &engineio.Options{MaxPayload: limit, WebSocketCompressionThreshold: 1})
			raw := f.rawDial(t)
			io.WriteString(raw, upgradeRequest("", "Sec-WebSocket-Extensions: permessage-deflate"))
			raw.want101(t)
			r := f.session(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			raw.Write(c.frames)
			if c.code != 0 {
				raw.wantCloseCode(t, c.code)
			}
			raw.Close()
			wait(t, r.closed, "OnClose")
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 8*limit || c.code == 0 && got > limit {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

// C-24: of many upgrades of a session at once, one succeeds; the others are refused,
// and so are those that come later.
func TestParallelUpgradesC24(t *testing.T) {
	const many = 8
	f := start(t, nil)
	for range 20 {
		sid, r := f.open(t)
		conns := make([]*conn, many)
		var all sync.WaitGroup
		answered := make(chan *conn, many)
		for i := range conns {
			conns[i] = f.dial(t, sid)
			all.Go(func() {
				conns[i].WriteMessage(websocket.TextMessage, []byte("2probe"))
				conns[i].SetReadDeadline(time.Now().Add(patience))
				if _, data, err := conns[i].ReadMessage(); err == nil && string(data) == "3probe" {
					answered <- conns[i]
				}
			})
		}
		all.Wait()
		if len(answered) != 1 {
			t.Fatalf("%d upgrades at once", len(answered))
		}
		c := <-answered
		c.send(t, "5")
		c.send(t, "4a")
		r.wantMessage(t, "a")
		late := f.dial(t, sid)
		late.WriteMessage(websocket.TextMessage, []byte("2probe"))
		if err := late.wantClosed(t); !websocket.IsCloseError(err, 1000) {
			t.Errorf("late: %v", err)
		}
		send(t, r.session, "b")
		c.want(t, "4b")
		r.session.Abort(engineio.ForcedClose, nil)
	}
}
