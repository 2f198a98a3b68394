package socketio

import (
	"encoding/json"
	"errors"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// conn is the connection of a client: it takes the packets of all its namespaces
// apart. It is the engineio.Handler of a session.
type conn struct {
	server  *Server
	session *engineio.Session

	// Used by the session's reader alone.
	decoder   parser.Decoder
	gathering bool   // attachments of a packet are to come
	admitted  bool   // a namespace has been joined
	early     int    // bytes that came before
	message   uint64 // number of the one that is being taken
	reuses    bool   // whether spent counts: with other parsers nobody knows who keeps what

	// spent is the number of a message that nobody uses any more. It is of use if that is
	// known when the reader comes back from the handler.
	spent atomic.Uint64

	recent atomic.Pointer[Socket] // among sockets, that of the last packet; changes with mu held

	mu      sync.Mutex
	sockets []*Socket  // connecting or connected, one for each namespace
	room    [1]*Socket // for sockets: most clients join one namespace
	running int        // sockets whose last handler has not returned
	closed  bool
	timer   *time.Timer // for the first CONNECT; nil once a socket is connected
	partial *time.Timer // for the attachments of a packet; nil until there was one
	waiting bool        // for attachments
	refused int         // CONNECTs, since one was not
}

var (
	errViolation   = errors.New("packet out of order")
	errFlood       = errors.New("too many events wait for their handlers")
	errAttachments = errors.New("attachments did not come in time")
	errTalkative   = errors.New("too much was sent before a namespace was joined")
	errRefusals    = errors.New("too many namespaces were asked for in vain")
)

func newConn(s *Server, session *engineio.Session) *conn {
	c := &conn{server: s, session: session, decoder: s.opts.Parser.NewDecoder()}
	c.sockets = c.room[:0]
	c.reuses = s.json != nil && s.json.Unmarshal == nil
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
	c.refused = 0
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// OnMessage implements engineio.Handler.
func (c *conn) OnMessage(data []byte, binary bool) {
	if !c.admitted && !c.admit(len(data)) {
		return
	}
	c.message++
	number := c.message
	p, err := c.decoder.Decode(data, binary)
	if err != nil {
		c.fail(err)
		return
	}
	if p == nil {
		c.awaitAttachments()
		return
	}
	if c.gathering {
		c.complete()
	}
	var query string
	if c.session.Protocol() == 3 { // the namespace may have a query, which serves as auth
		p.Namespace, query, _ = strings.Cut(p.Namespace, "?")
	}
	s := c.socket(p.Namespace)
	switch {
	case s == nil && p.Type == parser.Connect:
		c.connect(p.Namespace, c.authOf(p, query))
		p.Release()
	case s == nil || !s.onPacket(p):
		c.close(ForcedServerClose, errViolation)
	}
	if c.reuses && c.spent.Load() == number {
		c.session.Reuse(data)
	}
}

// connected reports whether any socket is.
func (c *conn) connected() bool {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	return slices.ContainsFunc(sockets, (*Socket).isConnected)
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
		if _, first := s.endQueue(ClientNamespaceDisconnect, nil); first {
			s.queue.Start(s.conn.session.Lend())
		}
		p.Release()
	default:
		return false
	}
	return true
}

func (s *Socket) onEvent(p *parser.Packet) {
	if t := s.server.opts.Trace; t.EventReceived != nil {
		t.EventReceived(s, p.Event)
	}
	if !s.mayHandle(p) || !s.arrive() {
		return
	}
	e := newEvent(s, p)
	pushed, first := s.queue.Offer(e, s.server.opts.MaxInflight, s.conn.session.Done())
	if pushed {
		s.arrived()
		if first {
			s.queue.Start(s.conn.session.Lend())
		}
		return
	}
	defer s.arrived()
	s.queue.Push(e)
	select {
	case <-s.conn.session.Done():
	default: // it floods us while it owes an answer
		s.conn.close(ForcedServerClose, errFlood)
	}
}

// arrive holds back the last entry of the queue until arrived is called, so that
// the event which is to be queued comes before it. It reports false if the socket
// has ended.
func (s *Socket) arrive() bool {
	return s.state.Load() == connected && s.door.CompareAndSwap(doorOpen, doorBusy)
}

func (s *Socket) arrived() {
	if !s.door.CompareAndSwap(doorBusy, doorOpen) {
		s.queue.Push(newTask(s, taskDisconnect))
	}
}

// shut is called when only the last entry of the queue is missing. It reports whether the
// caller has to append that, or else arrived does.
func (s *Socket) shut() bool {
	return s.door.Swap(doorShut) == doorOpen
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

// socket returns the socket that a packet is for.
func (c *conn) socket(name string) *Socket {
	if s := c.recent.Load(); s != nil && s.name == name {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.name == name {
			c.recent.Store(s)
			return s
		}
	}
	return nil
}

// connect begins to connect the client to a namespace.
func (c *conn) connect(name string, auth json.RawMessage) {
	if !c.server.mayExist(name) {
		c.refuse(name, errInvalidNamespace)
		return
	}
	if !c.server.hold() {
		return
	}
	s := newSocket(c, name, auth)
	if err := c.add(s); err != nil {
		c.server.letGo()
		if err != ErrDisconnected {
			c.refuse(name, err)
		}
		return
	}
	if s.queue.Add(newTask(s, taskConnect)) {
		s.queue.Start(c.session.Lend())
	}
}

// refuse answers a CONNECT that has no socket.
func (c *conn) refuse(name string, err error) {
	c.server.refused(name, err)
	c.sendRefusal(name, err)
}

// add adds a socket, which counts as running until done.
func (c *conn) add(s *Socket) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrDisconnected
	}
	if max := c.server.opts.MaxNamespaces; max > 0 && c.running >= max {
		return errTooManyNamespaces
	}
	c.running++
	c.sockets = append(c.sockets, s)
	return nil
}

// remove forgets a socket. It reports whether it was the last one.
func (c *conn) remove(s *Socket) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sockets, s); i >= 0 {
		c.sockets = slices.Delete(c.sockets, i, i+1)
		c.recent.CompareAndSwap(s, nil)
	}
	return len(c.sockets) == 0
}

// done notes that nothing of the socket runs any more.
func (s *Socket) done() {
	s.conn.mu.Lock()
	s.conn.running--
	s.conn.mu.Unlock()
	s.server.letGo()
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
func (c *conn) OnClose(reason engineio.Reason, err error) {
	if reason == engineio.ForcedClose && c.server.isClosing() {
		reason = engineio.ServerShuttingDown // sockets that Shutdown did not see: they were connecting
	}
	c.endSockets(Reason(reason), err)
}

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
	c.stopWaitingLocked()
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
		if s.isConnected() {
			s.failed("", err)
		}
		s.end(ForcedClose, err)
	}
	c.session.Close()
}

// disconnect takes the client out of all namespaces and closes the connection.
func (c *conn) disconnect() {
	sockets := c.take()
	var left atomic.Int32
	left.Store(int32(len(sockets)) + 1)
	closeLast := func() {
		if left.Add(-1) == 0 {
			c.session.Close()
		}
	}
	for _, s := range sockets {
		s.inOrder(func() {
			s.disconnectNow()
			closeLast()
		})
	}
	closeLast()
}

// sendPacket sends a packet other than an event. Its values can always be
// encoded.
func (c *conn) sendPacket(h parser.Header, values ...any) {
	out, err := c.server.entry(&h, values)
	if err != nil {
		c.server.opts.Logger.Error("socketio: a packet could not be encoded", "type", int(h.Type), "namespace", h.Namespace, "error", err)
		return
	}
	c.mustSend(out)
}

// mustSend sends what the client has to get, or else it and the server do not agree on
// who is connected. If there is no room for it, the session ends, and the sockets with
// it.
func (c *conn) mustSend(out *engineio.Outgoing) {
	if err := c.session.Send(out); errors.Is(err, engineio.ErrQueueFull) {
		c.session.Abort(engineio.SlowConsumer, err)
	}
}

// connectError is the payload of a CONNECT_ERROR packet.
type connectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// sendConnectError refuses a socket. The client gets no data if they cannot be
// encoded, and errInternal if there is no message either.
func (c *conn) sendConnectError(name string, err error) {
	out, encErr := c.encodeRefusal(name, err, true)
	if encErr != nil {
		c.server.opts.Logger.Error("socketio: a refusal could not be encoded", "namespace", name, "error", encErr)
		out, encErr = c.encodeRefusal(name, err, false)
	}
	if encErr != nil {
		out, encErr = c.encodeRefusal(name, errInternal, false)
	}
	if encErr == nil {
		c.mustSend(out)
	}
}

// encodeRefusal makes a CONNECT_ERROR packet. Clients of version 2 get one value:
// the data or else the message. The methods of err and its data are user code,
// which may panic.
func (c *conn) encodeRefusal(name string, err error, withData bool) (out *engineio.Outgoing, encErr error) {
	defer func() {
		if p := recover(); p != nil {
			encErr = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	var payload connectError
	if e, _ := asError(err); e != nil {
		payload = connectError{e.Message, e.Data}
	} else {
		payload = connectError{Message: err.Error()}
	}
	if !withData {
		payload.Data = nil
	}
	var value any = payload
	if c.session.Protocol() == 3 {
		value = payload.Data
		if value == nil {
			value = payload.Message
		}
	}
	return c.server.entry(&parser.Header{Type: parser.ConnectError, Namespace: name}, []any{value})
}
