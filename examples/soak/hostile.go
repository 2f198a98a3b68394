package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// attacker is a client that means no good. What it does must not be noticed by others; it
// may be answered in any way, but not by an error of the server.
type attacker struct {
	r    *report
	url  string
	http *http.Client
}

func newAttacker(r *report, url string) *attacker {
	return &attacker{r: r, url: url + "/socket.io/?EIO=4&transport=", http: &http.Client{Timeout: patience}}
}

// run attacks until ctx ends.
func (a *attacker) run(ctx context.Context, interval time.Duration) {
	defer a.http.CloseIdleConnections()
	attacks := []func(context.Context){
		a.garbageFrames, a.flood, a.bigBody, a.slowBody, a.silence, a.badPackets, a.strangeRequests, a.panics, a.deaf, a.manyNamespaces,
	}
	for pause(ctx, interval/2+rand.N(interval)) {
		attacks[rand.IntN(len(attacks))](ctx)
		a.r.attacks.Add(1)
	}
}

// websocket opens a session; nil if that failed, which is no wonder during a storm.
func (a *attacker) websocket(ctx context.Context) *websocket.Conn {
	c, res, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(a.url, "http", "ws", 1)+"websocket", nil)
	if err != nil {
		if res != nil && res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
			a.r.finding("a websocket was refused with %s", res.Status)
		}
		return nil
	}
	return c
}

// connected opens a session and connects it.
func (a *attacker) connected(ctx context.Context) *websocket.Conn {
	c := a.websocket(ctx)
	if c != nil {
		c.WriteMessage(websocket.TextMessage, []byte("40"))
	}
	return c
}

// polling opens a session and returns its id, "" if that failed.
func (a *attacker) polling(ctx context.Context) string {
	status, body := a.request(ctx, http.MethodGet, "polling", nil)
	var open struct{ SID string }
	if status != http.StatusOK || len(body) == 0 || json.Unmarshal(body[1:], &open) != nil {
		return ""
	}
	return open.SID
}

// request makes a request; the status is 0 if there was no answer.
func (a *attacker) request(ctx context.Context, method, query string, body io.Reader) (int, []byte) {
	req, err := http.NewRequestWithContext(ctx, method, a.url+query, body)
	if err != nil {
		return 0, nil
	}
	res, err := a.http.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	if res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable && (method == http.MethodGet || method == http.MethodPost) {
		a.r.finding("%s %s was answered by %s", method, query, res.Status)
	}
	return res.StatusCode, all
}

func (a *attacker) garbageFrames(ctx context.Context) {
	if c := a.connected(ctx); c != nil {
		garbage := make([]byte, 1+rand.IntN(200))
		for i := range garbage {
			garbage[i] = byte(rand.IntN(256))
		}
		c.NetConn().Write(garbage)
		c.Close()
	}
}

// flood sends more events than the limiter lets through.
func (a *attacker) flood(ctx context.Context) {
	c := a.connected(ctx)
	if c == nil {
		return
	}
	defer c.Close()
	for i := range 4000 {
		if c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `42%d["note",{"Writer":"flood","Again":true}]`, i)) != nil {
			return
		}
	}
}

func (a *attacker) bigBody(ctx context.Context) {
	if sid := a.polling(ctx); sid != "" {
		status, _ := a.request(ctx, http.MethodPost, "polling&sid="+sid, strings.NewReader("4"+strings.Repeat("x", 1_000_000)))
		if status == http.StatusOK {
			a.r.finding("a body of a million bytes was accepted")
		}
	}
}

// slowBody stops in the middle.
func (a *attacker) slowBody(ctx context.Context) {
	sid := a.polling(ctx)
	if sid == "" {
		return
	}
	r, w := io.Pipe()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	go func() {
		w.Write([]byte("42["))
		<-ctx.Done()
		w.Close()
	}()
	a.request(ctx, http.MethodPost, "polling&sid="+sid, r)
}

// silence opens sessions and does nothing with them.
func (a *attacker) silence(ctx context.Context) {
	for range 5 {
		a.polling(ctx)
	}
}

var badPackets = []string{
	"4", "42", "49", "4x", "x", "", "42[]", "42{}", `42["disconnect"]`, `42["connect"]`, `4599999999-["x"]`, "42" + strings.Repeat("9", 1000) + `["x"]`,
	"42" + strings.Repeat("[", 10_000), "40", "40{", "41/none,", "43[]", "437[]", "3", "2", "1", "0", "5", "6", `451-["x",{"_placeholder":true,"num":7}]`,
}

func (a *attacker) badPackets(ctx context.Context) {
	if c := a.connected(ctx); c != nil {
		c.WriteMessage(websocket.TextMessage, []byte(badPackets[rand.IntN(len(badPackets))]))
		c.WriteMessage(websocket.BinaryMessage, []byte("binary"))
		c.Close()
	}
	if sid := a.polling(ctx); sid != "" {
		a.request(ctx, http.MethodPost, "polling&sid="+sid, strings.NewReader("40\x1e"+badPackets[rand.IntN(len(badPackets))]))
	}
}

func (a *attacker) strangeRequests(ctx context.Context) {
	for _, query := range []string{"polling&sid=__proto__", "websocket", "x", "polling&sid=" + strings.Repeat("x", 10_000), "polling&EIO=9", "polling&j=x", "%zz"} {
		a.request(ctx, []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodOptions}[rand.IntN(4)], query, bytes.NewReader(nil))
	}
}

// panics has a handler panic, after all the others of the client.
func (a *attacker) panics(ctx context.Context) {
	if c := a.connected(ctx); c != nil {
		c.WriteMessage(websocket.TextMessage, []byte(`42["panic"]`))
		c.SetReadDeadline(time.Now().Add(time.Second))
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				break
			}
		}
		c.Close()
	}
}

// deaf asks for much and reads nothing.
func (a *attacker) deaf(ctx context.Context) {
	c := a.connected(ctx)
	if c == nil {
		return
	}
	defer c.Close()
	for _, room := range roomNames {
		c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `42["enter",%q]`, room))
	}
	pause(ctx, 2*time.Second)
}

func (a *attacker) manyNamespaces(ctx context.Context) {
	c := a.connected(ctx)
	if c == nil {
		return
	}
	defer c.Close()
	for i := range 300 {
		if c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `40/team-%d,`, 100+i)) != nil {
			return
		}
	}
}

// storm opens connections at once and resets them at some point.
func (a *attacker) storm(ctx context.Context, connections int) {
	host := strings.TrimPrefix(strings.SplitN(a.url, "/socket.io", 2)[0], "http://")
	for range connections {
		if ctx.Err() != nil {
			return
		}
		conn, err := net.Dial("tcp", host)
		if err != nil {
			a.r.finding("connecting: %v", err)
			return
		}
		transport, headers := "polling", ""
		if rand.IntN(2) == 0 {
			transport = "websocket"
			headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		}
		request := fmt.Sprintf("GET /socket.io/?EIO=4&transport=%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", transport, host, headers)
		conn.Write([]byte(request[:1+rand.IntN(len(request))]))
		if rand.IntN(2) == 0 {
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			conn.Read(make([]byte, 100))
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		a.r.storms.Add(1)
	}
}
