package siotest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/socketio"
)

// The tests of this file are about what a server refuses: that it is the server's
// limits that decide, whatever is in front of it (C-12, C-15, C-19, C-22).

// maxPayload is Options.MaxPayload of the server whose limits are tested.
const maxPayload = 10_000

func (m mounted) testLimits(t *testing.T) {
	address := m.serveSocketIO(t, mountPaths[0], nil, func(o *socketio.Options) {
		o.MaxPayload = maxPayload
		o.WebSocketCompressionThreshold = 1
	})
	witness := WebSocket(t, address, nil)
	witness.Connect("/", "")
	witness.Expect(`42["hello","` + outerValue + `"]`)
	t.Run("polling", func(t *testing.T) { testPostLimit(t, address, false) })
	t.Run("polling, chunked", func(t *testing.T) { testPostLimit(t, address, true) })
	t.Run("websocket", func(t *testing.T) { testMessageLimit(t, address, websocket.Dialer{}) })
	t.Run("websocket, fragmented", func(t *testing.T) { testMessageLimit(t, address, websocket.Dialer{WriteBufferSize: 1000}) })
	t.Run("websocket, compressed", func(t *testing.T) { testMessageLimit(t, address, websocket.Dialer{EnableCompression: true}) })
	t.Run("unknown session", func(t *testing.T) { testUnread(t, address) })
	t.Run("headers", func(t *testing.T) { testManyHeaders(t, address) })
	witness.Send(`421["echo","unharmed"]`)
	witness.Expect(`431["unharmed"]`)
}

// echoOf returns the question "echo" as a packet of that many bytes, and its answer.
func echoOf(size int) (question, answer string) {
	const before, after = `421["echo","`, `"]`
	text := strings.Repeat("a", size-len(before)-len(after))
	return before + text + after, `431["` + text + after
}

// testPostLimit posts as much as is allowed, and one byte more.
func testPostLimit(t *testing.T, address string, chunked bool) {
	for _, size := range []int{maxPayload, maxPayload + 1} {
		p := Polling(t, address, nil)
		p.Connect("/", "")
		p.Expect(`42["hello","` + outerValue + `"]`)
		question, answer := echoOf(size)
		req, err := p.newRequest(http.MethodPost, question)
		if err != nil {
			t.Fatal(err)
		}
		if chunked {
			req.ContentLength = -1
		}
		status, body, err := do(p.client, req)
		switch {
		case err != nil:
			t.Errorf("%d bytes: %v", size, err)
		case size > maxPayload && status != http.StatusRequestEntityTooLarge:
			t.Errorf("%d bytes: %d %q, want 413", size, status, body)
		case size <= maxPayload && (status != http.StatusOK || body != "ok"):
			t.Errorf("%d bytes: %d %q, want 200", size, status, body)
		case size <= maxPayload:
			p.Expect(answer)
		}
	}
}

// testMessageLimit sends a message as large as is allowed, and one byte more.
func testMessageLimit(t *testing.T, address string, dialer websocket.Dialer) {
	for _, size := range []int{maxPayload, maxPayload + 1} {
		p := newPeer(t, address, nil)
		conn, res, err := dialer.Dial(p.address("websocket"), nil)
		if err != nil {
			t.Fatalf("websocket: %v%s", err, describe(res))
		}
		if got := res.Header.Get("Sec-WebSocket-Extensions"); dialer.EnableCompression && !strings.Contains(got, "permessage-deflate") {
			t.Errorf("extensions %q, want compression", got)
		}
		p.conn = conn
		p.open([]string{p.read()})
		p.Connect("/", "")
		p.Expect(`42["hello","` + outerValue + `"]`)
		question, answer := echoOf(size)
		p.Send(question)
		if size <= maxPayload {
			p.Expect(answer)
			continue
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
			t.Errorf("%d bytes: %v, want close code 1009", size, err)
		}
	}
}

// testUnread posts for a session that nobody knows, a body that never comes: the
// answer must not wait for it.
func testUnread(t *testing.T, address string) {
	status, body := exchange(t, address, "POST", "polling", "&sid=nobody", "Transfer-Encoding: chunked\r\n")
	if status != http.StatusBadRequest || body != `{"code":1,"message":"Session ID unknown"}` {
		t.Errorf("got %d %q", status, body)
	}
}

// testManyHeaders has an upgrade with more headers than a server should keep, which
// once ended servers (GHSA-3h5v-q93c-6h6q).
func testManyHeaders(t *testing.T, address string) {
	var headers strings.Builder
	headers.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	for i := range 2000 {
		fmt.Fprintf(&headers, "X-%04d: many\r\n", i)
	}
	status, body := exchange(t, address, "GET", "websocket", "", headers.String())
	if status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusBadRequest {
		t.Errorf("got %d %q, want 431", status, body)
	}
}

// exchange sends the head of a request and returns the answer.
func exchange(t *testing.T, address, method, transport, query, headers string) (status int, body string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%s %s?EIO=4&transport=%s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, u.Path, transport, query, u.Host, headers)
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// testStolenID has a page that knows the id of somebody else's session: each request
// is asked for its origin, not only the first one.
func testStolenID(t *testing.T, address string) {
	victim := Polling(t, address, http.Header{"Origin": {pageOrigin}})
	victim.Connect("/", "")
	victim.Expect(`42["hello","` + outerValue + `"]`)
	for _, method := range []string{"GET", "POST", "upgrade"} {
		var req *http.Request
		if method == "upgrade" {
			req = request(t, "GET", strings.Replace(victim.address("websocket"), "ws://", "http://", 1))
			setUpgrade(req)
		} else {
			var err error
			if req, err = victim.newRequest(method, `42["echo","stolen"]`); err != nil {
				t.Fatal(err)
			}
		}
		req.Header.Set("Origin", "https://evil.example")
		checkForbidden(t, method+" with a stolen id", req)
	}
	victim.Send(`421["echo","mine"]`)
	victim.Expect(`431["mine"]`)
}

// checkForbidden fails the test unless req is refused because of its origin, and the
// browser told so.
func checkForbidden(t *testing.T, what string, req *http.Request) {
	t.Helper()
	res, err := httpClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("%s: status %d, want 403", what, res.StatusCode)
	}
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("%s: Access-Control-Allow-Origin %q, want none", what, got)
	}
}
