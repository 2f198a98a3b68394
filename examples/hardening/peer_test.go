//go:build linux

package hardening_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The transports of peers: those of the protocol, and that which began as polling.
const (
	polling   = "polling"
	websocket = "websocket"
	upgraded  = "upgraded"
)

var transports = []string{polling, websocket, upgraded}

// peer is a client that does what it is told to, packet by packet.
type peer struct {
	server *process
	dial   func() (*wire, error)
	sid    string
	main   *wire // the websocket, or what the polls go over
	posts  *wire // what the posts go over; nil until main is taken by a poll
	ws     bool  // main is a websocket
	asked  bool  // a poll is on its way
	got    []string
}

// How the server tells of the end of a session, to those that are there and to those that
// poll later, and of that of a socket.
var (
	errClosed       = errors.New("the server closed the session")
	errDisconnected = errors.New("the server disconnected the socket")
	errUnknown      = errors.New("the server does not know the session any more")
)

// open does the handshake of a session.
func (p *process) open(transport string) (*peer, error) { return p.openOver(p.dial, transport) }

// openOver is open with connections that dial makes.
func (p *process) openOver(dial func() (*wire, error), transport string) (*peer, error) {
	w, err := dial()
	if err != nil {
		return nil, err
	}
	c := &peer{server: p, dial: dial, main: w, ws: transport == websocket}
	if err := c.handshake(); err != nil {
		c.close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if transport != upgraded {
		return c, nil
	}
	if err := c.upgrade(); err != nil {
		c.close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return c, nil
}

func (c *peer) handshake() (err error) {
	var text string
	if c.ws {
		if err := c.main.switchProtocols("transport=websocket", c.server.offer); err != nil {
			return err
		}
		text, err = c.receive()
	} else {
		text, err = c.main.ask(requestText("GET", "transport=polling", ""))
	}
	if err != nil {
		return err
	}
	return c.opened(text)
}

// opened takes the id of the session out of its open packet.
func (c *peer) opened(text string) error {
	var open struct {
		SID string `json:"sid"`
	}
	data, ok := strings.CutPrefix(text, "0")
	if !ok || json.Unmarshal([]byte(data), &open) != nil {
		return fmt.Errorf("instead of an open packet came %q", text)
	}
	c.sid = open.SID
	return nil
}

// upgrade moves the session to a websocket.
func (c *peer) upgrade() error {
	w, err := c.probe()
	if err != nil {
		return err
	}
	if err := w.write(frameText("5")); err != nil {
		return err
	}
	c.posts.close()
	c.main.close()
	c.main, c.posts, c.ws, c.asked = w, nil, true, false
	return nil
}

// probe opens a websocket for the session, up to the answer to its probe.
func (c *peer) probe() (*wire, error) {
	w, err := c.dial()
	if err != nil {
		return nil, err
	}
	err = w.switchProtocols(c.query(websocket), c.server.offer)
	if err == nil {
		err = w.write(frameText("2probe"))
	}
	var answer []byte
	if err == nil {
		_, answer, err = w.frame()
	}
	if err == nil && string(answer) != "3probe" {
		err = fmt.Errorf("the probe was answered with %q", answer)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (c *peer) query(transport string) string { return "transport=" + transport + "&sid=" + c.sid }

// join connects to the main namespace.
func (c *peer) join(a auth) error {
	if err := c.ask(a); err != nil {
		return err
	}
	return c.await("40{")
}

// ask sends a CONNECT packet.
func (c *peer) ask(a auth) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return c.send("40" + string(data))
}

// send sends a packet, or several of a payload.
func (c *peer) send(packet string) error {
	if c.ws {
		return c.main.write(frameText(packet))
	}
	w := c.main
	if c.asked {
		if c.posts == nil {
			var err error
			if c.posts, err = c.dial(); err != nil {
				return err
			}
		}
		w = c.posts
	}
	_, err := w.ask(requestText("POST", c.query(polling), packet))
	return err
}

// poll sends a poll, if none is on its way.
func (c *peer) poll() error {
	if c.asked || c.ws {
		return nil
	}
	c.asked = true
	return c.main.write(requestText("GET", c.query(polling), ""))
}

// next returns the next packet but pings, which it answers, and the noops of polling. A
// websocket must not have those.
func (c *peer) next() (string, error) {
	for {
		packet, err := c.receive()
		switch {
		case err != nil:
			return "", err
		case packet == "2":
			if err := c.send("3"); err != nil {
				return "", err
			}
		case packet != "6" || c.ws:
			return packet, nil
		}
	}
}

// receive returns the next packet. A close packet, or frame, is errClosed.
func (c *peer) receive() (string, error) {
	for len(c.got) == 0 {
		if err := c.fetch(); err != nil {
			return "", err
		}
	}
	packet := c.got[0]
	c.got = c.got[1:]
	if packet == "1" {
		return "", errClosed
	}
	return packet, nil
}

func (c *peer) fetch() error {
	if c.ws {
		op, payload, err := c.main.frame()
		if op == opClose {
			c.main.Write(frame(opClose, payload)) // the server may be gone by now
			return errClosed
		}
		c.got = append(c.got, string(payload))
		return err
	}
	if err := c.poll(); err != nil {
		return err
	}
	status, body, err := c.main.response()
	c.asked = false
	if strings.Contains(body, "Session ID unknown") {
		return errUnknown
	}
	if err == nil && status != 200 {
		err = fmt.Errorf("a poll got status %d: %s", status, body)
	}
	c.got = strings.Split(body, "\x1e")
	return err
}

// await reads on until a packet comes that begins with prefix.
func (c *peer) await(prefix string) error {
	for {
		packet, err := c.next()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		if strings.HasPrefix(packet, prefix) {
			return nil
		}
		if packet == "41" {
			return errDisconnected
		}
	}
}

// echo proves that the session works both ways.
func (c *peer) echo() error {
	if err := c.send(`421["echo",7]`); err != nil {
		return err
	}
	return c.await("431[7]")
}

// wait returns when the server has closed the session, or its connection.
func (c *peer) wait() {
	for {
		if _, err := c.next(); err != nil {
			return
		}
	}
}

// reset cuts all connections. Nil is fine.
func (c *peer) reset() {
	if c != nil {
		c.main.reset()
		c.posts.reset()
	}
}

// leave ends the session, should it be left over.
func (c *peer) leave() {
	c.send("1")
	c.reset()
}

// close closes all connections without a word.
func (c *peer) close() {
	c.main.close()
	c.posts.close()
}
