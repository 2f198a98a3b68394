package siotest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is how long a Peer waits for anything before it fails the test.
const patience = 10 * time.Second

// separator stands between the packets of a polling body (protocol 4).
const separator = "\x1e"

// Handshake is the payload of Engine.IO's open packet. Times are in milliseconds.
type Handshake struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// A Peer is a client that speaks Engine.IO protocol 4 packet by packet, over
// polling or a websocket. A packet is written as on the wire: "4hello" is an
// Engine.IO message, `42["event",1]` a Socket.IO event in it, and binary data is
// "b" and its base64 form on polling, the bytes themselves on a websocket.
//
// A Peer does nothing by itself. Pings are answered when [Peer.Next] meets them, so
// a peer that is not read looks dead to the server. Whatever goes wrong, and
// waiting more than ten seconds for anything, fails the test. A Peer must be used
// by the goroutine that runs the test; it is closed when the test ends.
type Peer struct {
	t         testing.TB
	url       *url.URL
	header    http.Header
	client    *http.Client
	conn      *websocket.Conn // nil on polling
	handshake Handshake
	received  []string // packets of a polling body that were not read yet
	closed    bool
}

// Polling opens a session over HTTP long polling. The url is that of the mount
// ("http://127.0.0.1:8080/socket.io/"), and may have a query; header, which may be
// nil, is sent with every request.
func Polling(t testing.TB, url string, header http.Header) *Peer {
	t.Helper()
	p := newPeer(t, url, header)
	p.open(p.get())
	return p
}

// WebSocket opens a session over a websocket, without polling before. The
// arguments are those of [Polling].
func WebSocket(t testing.TB, url string, header http.Header) *Peer {
	t.Helper()
	p := newPeer(t, url, header)
	p.conn = p.dial()
	p.open([]string{p.read()})
	return p
}

func newPeer(t testing.TB, rawURL string, header http.Header) *Peer {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatalf("siotest: %v", err)
	}
	transport := &http.Transport{}
	p := &Peer{t: t, url: u, header: header, client: &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(p.Close)
	return p
}

func (p *Peer) open(packets []string) {
	p.t.Helper()
	payload, ok := strings.CutPrefix(packets[0], "0")
	if !ok {
		p.t.Fatalf("siotest: session begins with %q, not with an open packet", packets[0])
	}
	if err := json.Unmarshal([]byte(payload), &p.handshake); err != nil || p.handshake.SID == "" {
		p.t.Fatalf("siotest: bad open packet %q: %v", packets[0], err)
	}
	p.received = packets[1:]
}

// Handshake returns what the server said when it opened the session.
func (p *Peer) Handshake() Handshake { return p.handshake }

// Close ends the session: it closes the websocket without a closing handshake, or
// posts a close packet on polling, and does not care whether the server was still
// there to see it. It may be called more than once.
func (p *Peer) Close() {
	switch {
	case p.closed:
		return
	case p.conn != nil:
		p.conn.Close()
	case p.handshake.SID != "":
		if req, err := p.newRequest(http.MethodPost, "1"); err == nil {
			do(p.client, req)
		}
	}
	p.closed = true
	p.client.CloseIdleConnections()
}

// Upgrade moves a polling session to a websocket: probe, answer, upgrade packet.
func (p *Peer) Upgrade() {
	p.t.Helper()
	conn := p.dial()
	p.conn = conn
	p.Send("2probe")
	if got := p.read(); got != "3probe" {
		p.t.Fatalf("siotest: probe was answered by %q", got)
	}
	p.Send("5")
}

// Send sends packets: in one POST, or as one websocket message each. It blocks
// until they are written and, on polling, accepted.
func (p *Peer) Send(packets ...string) {
	p.t.Helper()
	if p.conn == nil {
		p.post(strings.Join(packets, separator))
		return
	}
	for _, packet := range packets {
		p.write(websocket.TextMessage, []byte(packet))
	}
}

// SendBinary sends a binary message over the websocket.
func (p *Peer) SendBinary(data []byte) {
	p.t.Helper()
	if p.conn == nil {
		p.t.Fatal("siotest: SendBinary needs a websocket; on polling send \"b\" and base64")
	}
	p.write(websocket.BinaryMessage, data)
}

// Next returns the next packet that is neither a ping, which it answers, nor a
// noop. It blocks until there is one.
func (p *Peer) Next() string {
	p.t.Helper()
	for {
		switch packet := p.next(); packet {
		case "2":
			p.Send("3")
		case "6":
		default:
			return packet
		}
	}
}

// Expect reads the next packets like [Peer.Next] and fails the test unless they are these.
func (p *Peer) Expect(packets ...string) {
	p.t.Helper()
	for _, want := range packets {
		if got := p.Next(); got != want {
			p.t.Fatalf("siotest: got packet %q, want %q", got, want)
		}
	}
}

// Connect connects the session to a Socket.IO namespace and returns the id of
// the socket there. Auth is JSON, or "" for none.
func (p *Peer) Connect(namespace, auth string) (id string) {
	p.t.Helper()
	prefix := "40"
	if namespace != "" && namespace != "/" {
		prefix += namespace + ","
	}
	p.Send(prefix + auth)
	answer := p.Next()
	payload, ok := strings.CutPrefix(answer, prefix)
	var reply struct {
		SID string `json:"sid"`
	}
	if !ok || json.Unmarshal([]byte(payload), &reply) != nil || reply.SID == "" {
		p.t.Fatalf("siotest: %q was answered by %q", prefix+auth, answer)
	}
	return reply.SID
}

// next returns the next packet, whatever it is.
func (p *Peer) next() string {
	p.t.Helper()
	if len(p.received) == 0 {
		if p.conn != nil {
			return p.read()
		}
		p.received = p.get()
	}
	packet := p.received[0]
	p.received = p.received[1:]
	return packet
}

// address returns the URL of the session's requests.
func (p *Peer) address(transport string) string {
	u := *p.url
	q := u.Query()
	q.Set("EIO", "4")
	q.Set("transport", transport)
	if p.handshake.SID != "" {
		q.Set("sid", p.handshake.SID)
	}
	u.RawQuery = q.Encode()
	if transport == "websocket" {
		u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	}
	return u.String()
}

func (p *Peer) get() []string {
	p.t.Helper()
	return strings.Split(p.request(http.MethodGet, ""), separator)
}

func (p *Peer) post(body string) {
	p.t.Helper()
	if got := p.request(http.MethodPost, body); got != "ok" {
		p.t.Fatalf("siotest: POST was answered by %q", got)
	}
}

func (p *Peer) request(method, body string) string {
	p.t.Helper()
	req, err := p.newRequest(method, body)
	if err != nil {
		p.t.Fatalf("siotest: %v", err)
	}
	status, answer, err := do(p.client, req)
	if err != nil {
		p.t.Fatalf("siotest: %v", err)
	}
	if status != http.StatusOK {
		p.t.Fatalf("siotest: %s %s: status %d: %s", method, req.URL, status, answer)
	}
	return answer
}

func (p *Peer) newRequest(method, body string) (*http.Request, error) {
	req, err := http.NewRequest(method, p.address("polling"), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range p.header {
		req.Header[name] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return req, nil
}

// do sends a request and returns the whole answer.
func do(client *http.Client, req *http.Request) (status int, body string, err error) {
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res.StatusCode, string(all), err
}

func (p *Peer) dial() *websocket.Conn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := websocket.Dialer{HandshakeTimeout: patience}
	header := p.header.Clone()
	header.Del("Connection") // the handshake has its own
	conn, res, err := dialer.DialContext(ctx, p.address("websocket"), header)
	if err != nil {
		p.t.Fatalf("siotest: websocket: %v%s", err, describe(res))
	}
	return conn
}

// describe tells what a websocket handshake got instead of a 101.
func describe(res *http.Response) string {
	if res == nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Sprintf(": %s", res.Status)
	}
	return fmt.Sprintf(": %s: %s", res.Status, body)
}

func (p *Peer) read() string {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatalf("siotest: %v", err)
	}
	_, data, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatalf("siotest: read: %v", err)
	}
	return string(data)
}

func (p *Peer) write(kind int, data []byte) {
	p.t.Helper()
	if err := p.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatalf("siotest: %v", err)
	}
	if err := p.conn.WriteMessage(kind, data); err != nil {
		p.t.Fatalf("siotest: write: %v", err)
	}
}
