package socketio

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// conn is the connection of a client: it takes the packets of all its namespaces
// apart. It is the engineio.Handler of a session.
type conn struct {
	server  *Server
	session *engineio.Session
	decoder parser.Decoder // used by the session's reader alone

	mu      sync.Mutex
	sockets []*Socket // connecting or connected, one for each namespace
	closed  bool
	timer   *time.Timer // for the first CONNECT; nil once a socket is connected
}

var errViolation = errors.New("packet out of order")

func newConn(s *Server, session *engineio.Session) *conn {
	c := &conn{server: s, session: session, decoder: s.opts.Parser.NewDecoder()}
	if d := s.opts.ConnectTimeout; d > 0 {
		c.mu.Lock()
		c.timer = time.AfterFunc(d, c.connectTimeout)
		c.mu.Unlock()
	}
	if session.Protocol() == 3 {
		c.connect("/", nil) // clients of version 2 are connected without asking
	}
	return c
}

func (c *conn) connectTimeout() {
	c.mu.Lock()
	late := c.timer != nil
	c.mu.Unlock()
	if late {
		c.close(ForcedServerClose, errors.New("no CONNECT packet in time"))
	}
}

// joined stops the timer for the first CONNECT.
func (c *conn) joined() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// OnMessage implements engineio.Handler.
func (c *conn) OnMessage(data []byte, binary bool) {
	p, err := c.decoder.Decode(data, binary)
	if err != nil {
		c.fail(err)
		return
	}
	if p == nil {
		return
	}
	var query string
	if c.session.Protocol() == 3 { // the namespace may have a query, which serves as auth
		p.Namespace, query, _ = strings.Cut(p.Namespace, "?")
	}
	s := c.socket(p.Namespace)
	switch {
	case s == nil && p.Type == parser.Connect:
		c.connect(p.Namespace, c.authOf(p, query))
	case s == nil || !s.onPacket(p):
		c.close(ForcedServerClose, errViolation)
	}
}

// onPacket takes a packet for the socket. It reports false for one that the
// client must not send.
func (s *Socket) onPacket(p *parser.Packet) bool {
	if !s.isConnected() {
		// A DISCONNECT may overtake the middleware; nothing else may.
		if p.Type == parser.Disconnect {
			s.end(ClientNamespaceDisconnect, nil)
			return true
		}
		return false
	}
	switch p.Type {
	case parser.Event:
		s.onEvent(p)
	case parser.Ack:
		s.onAck(p)
	case parser.Disconnect:
		s.end(ClientNamespaceDisconnect, nil)
	default:
		return false
	}
	return true
}

func (s *Socket) onEvent(p *parser.Packet) {
	if t := s.server.opts.Trace; t.EventReceived != nil {
		t.EventReceived(s, p.Event)
	}
	e := &Event{socket: s, packet: p}
	if max := s.server.opts.MaxInflight; max > 0 && !s.asking() {
		if s.queue.PushWait(e, max, s.conn.session.Done()) {
			return
		}
	}
	s.queue.Push(e)
}

// authOf returns what the client gave as auth, as a JSON object.
func (c *conn) authOf(p *parser.Packet, query string) json.RawMessage {
	if query == "" {
		return p.Args.Raw(0)
	}
	values, _ := url.ParseQuery(query)
	auth := make(map[string]string, len(values))
	for k := range values {
		auth[k] = values.Get(k)
	}
	data, _ := json.Marshal(auth) // strings can be encoded
	return data
}

func (c *conn) socket(name string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.name == name {
			return s
		}
	}
	return nil
}

// connect begins to connect the client to a namespace.
func (c *conn) connect(name string, auth json.RawMessage) {
	if !c.server.mayExist(name) {
		c.sendConnectError(name, errInvalidNamespace)
		if t := c.server.opts.Trace; t.Refused != nil {
			t.Refused(name, errInvalidNamespace)
		}
		return
	}
	if !c.server.hold() {
		return
	}
	s := newSocket(c, name, auth)
	if !c.add(s) {
		c.server.live.Done()
		return
	}
	s.queue.Push(&Event{socket: s, kind: taskConnect})
}

func (c *conn) add(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.sockets = append(c.sockets, s)
	return true
}

// remove forgets a socket. It reports whether it was the last one.
func (c *conn) remove(s *Socket) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sockets, s); i >= 0 {
		c.sockets = slices.Delete(c.sockets, i, i+1)
	}
	return len(c.sockets) == 0
}

// socketID makes the id of a new socket. Clients of version 2 make theirs from
// that of the session.
func (c *conn) socketID(name string) string {
	switch {
	case c.session.Protocol() != 3:
		return newID()
	case name == "/":
		return c.session.ID()
	}
	return name + "#" + c.session.ID()
}

// OnClose implements engineio.Handler.
func (c *conn) OnClose(reason engineio.Reason, err error) { c.endSockets(Reason(reason), err) }

// endSockets ends all sockets, and those to come.
func (c *conn) endSockets(reason Reason, err error) {
	for _, s := range c.take() {
		s.end(reason, err)
	}
}

// take closes the connection for new sockets and returns those that it has.
func (c *conn) take() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	return slices.Clone(c.sockets)
}

// close ends the connection, of which the sockets are told at once.
func (c *conn) close(reason Reason, err error) {
	c.endSockets(reason, err)
	c.session.Close()
}

// fail ends the connection after a packet that cannot be decoded.
func (c *conn) fail(err error) {
	for _, s := range c.take() {
		if s.Connected() {
			s.failed("", err)
		}
		s.end(ForcedClose, err)
	}
	c.session.Close()
}

// disconnect takes the client out of all namespaces and closes the connection.
func (c *conn) disconnect() {
	for _, s := range c.take() {
		s.disconnect()
	}
	c.session.Close()
}

// sendPacket sends a packet other than an event. Its values can always be
// encoded.
func (c *conn) sendPacket(h parser.Header, values ...any) {
	enc, err := c.server.opts.Parser.Encode(h, values...)
	if err != nil {
		c.server.opts.Logger.Error("socketio: a packet could not be encoded", "type", int(h.Type), "namespace", h.Namespace, "error", err)
		return
	}
	c.session.Send(outgoing(enc)) // if it fails, the session ends, and the sockets with it
}

// connectError is the payload of a CONNECT_ERROR packet.
type connectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// sendConnectError refuses a socket. Clients of version 2 get one value: the data
// or else the message.
func (c *conn) sendConnectError(name string, err error) {
	payload := connectError{Message: err.Error()}
	if e, _ := asError(err); e != nil {
		payload = connectError{e.Message, e.Data}
	}
	var value any = payload
	if c.session.Protocol() == 3 {
		value = payload.Data
		if value == nil {
			value = payload.Message
		}
	}
	h := parser.Header{Type: parser.ConnectError, Namespace: name}
	enc, encErr := c.server.opts.Parser.Encode(h, value)
	if encErr != nil {
		c.server.opts.Logger.Error("socketio: the data of a refusal could not be encoded", "namespace", name, "error", encErr)
		c.sendPacket(h, connectError{Message: payload.Message})
		return
	}
	c.session.Send(outgoing(enc))
}
