package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gosocketio/sio/core/parser"
)

// join is the way of a socket from a connection that is open to its CONNECT packet.
type join struct {
	s     *Socket
	l     *link
	epoch int             // a socket that leaves and comes back has another one
	ctx   context.Context // of AuthFunc; nil if there is none
}

// joinLocked begins to connect the socket on l. The caller has to start what it
// returns, if that is true.
func (s *Socket) joinLocked(l *link) (j join, ok bool) {
	if s.state == idle {
		return join{}, false
	}
	s.state, s.link = connecting, l
	if goodbye, ok := l.left[s.namespace]; ok {
		delete(l.left, s.namespace)
		s.asked, s.goodbye = l, goodbye
		s.epoch++
	}
	if s.asked == l {
		return join{}, false // it left and came back before the server answered; that answer will do
	}
	s.epoch++
	j = join{s: s, l: l, epoch: s.epoch}
	if s.m.opts.AuthFunc != nil {
		j.ctx, s.endAuth = context.WithCancel(l.ctx)
		s.auths.begin() // so that Close waits for it
	}
	return j, true
}

func (j join) start() {
	if j.s.m.opts.AuthFunc != nil {
		j.s.m.tasks.start(j.authenticate)
		return
	}
	j.send(j.s.m.opts.Auth)
}

// authenticate asks for the auth, again and again if that fails.
func (j join) authenticate() {
	defer j.s.auths.end()
	opts := j.s.m.opts
	delays := backoff{Reconnection: &opts.Reconnection}
	for {
		var auth any
		err := safely(func() (err error) {
			auth, err = opts.AuthFunc(j.ctx, j.s.namespace)
			return err
		})
		if err == nil {
			j.send(auth)
			return
		}
		err = fmt.Errorf("client: auth: %w", err)
		if opts.Reconnection.Disable || delays.exhausted() {
			j.giveUp(err)
			return
		}
		if !j.report(err) || !sleep(j.ctx, delays.next()) {
			return
		}
	}
}

// validLocked reports whether the socket is still where it was.
func (j join) validLocked() bool {
	return j.s.epoch == j.epoch && j.s.link == j.l && j.s.state == connecting
}

// report tells that an attempt has failed. It reports whether another makes sense.
func (j join) report(err error) bool {
	j.s.m.mu.Lock()
	defer j.s.m.mu.Unlock()
	if !j.validLocked() {
		return false
	}
	j.s.attemptFailedLocked(err)
	return true
}

// giveUp leaves the socket disconnected.
func (j join) giveUp(err error) {
	j.s.m.mu.Lock()
	var unused *link
	if j.validLocked() {
		unused = j.s.refusedLocked(err)
	}
	j.s.m.mu.Unlock()
	unused.close()
}

// send sends the CONNECT packet.
func (j join) send(auth any) {
	s, m := j.s, j.s.m
	m.mu.Lock()
	pid, offset := s.pid, s.offset.last
	m.mu.Unlock()
	var hello, goodbye parser.Encoded
	err := safely(func() (err error) {
		if auth, err = withRecovery(m.opts.Parser, auth, pid, offset); err != nil {
			return err
		}
		if hello, err = m.opts.Parser.Encode(parser.Header{Type: parser.Connect, Namespace: s.namespace}, auth); err != nil {
			return err
		}
		goodbye, err = m.opts.Parser.Encode(parser.Header{Type: parser.Disconnect, Namespace: s.namespace})
		return err
	})
	if err != nil {
		j.giveUp(fmt.Errorf("client: auth: %w", err))
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !j.validLocked() {
		return
	}
	s.asked, s.goodbye = j.l, goodbye
	j.l.sendControlLocked(hello)
}

func (s *Socket) sayGoodbyeLocked(l *link) {
	if s.goodbye.Data != nil {
		l.sendControlLocked(s.goodbye)
	}
}

// leftLocked has the server told that the closed socket has left, if that can only be
// said after the answer to its CONNECT.
func (s *Socket) leftLocked() {
	l := s.asked
	if l == nil || s.m.link != l {
		return
	}
	if l.left == nil {
		l.left = make(map[string]parser.Encoded, 1)
	}
	l.left[s.namespace] = s.goodbye
}

// withRecovery adds to auth what the server needs to restore the last connection.
func withRecovery(p parser.Parser, auth any, pid, offset string) (any, error) {
	if pid == "" {
		return auth, nil
	}
	fields := map[string]any{}
	if auth != nil {
		data, err := json.Marshal(auth)
		if err != nil {
			return nil, err
		}
		if _, ok := p.(*parser.JSON); ok {
			err = unmarshalRaw(data, fields)
		} else {
			err = json.Unmarshal(data, &fields)
		}
		if err != nil {
			return nil, err
		}
	}
	if fields == nil { // auth was null
		fields = map[string]any{}
	}
	fields["pid"] = pid
	if offset != "" {
		fields["offset"] = offset
	}
	return fields, nil
}

// unmarshalRaw leaves the values as they are, numbers of any size included.
func unmarshalRaw(data []byte, fields map[string]any) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	for name, value := range raw {
		fields[name] = value
	}
	return nil
}

// answer is what a server says to CONNECT.
type answer struct {
	SID string `json:"sid"`
	PID string `json:"pid"`
}

// onAnswer takes a CONNECT or CONNECT_ERROR packet.
func (l *link) onAnswer(p *parser.Packet) {
	var reply answer
	var refusal error
	if p.Type == parser.ConnectError {
		refusal = refusalOf(p)
	} else if p.Args.Decode(0, &reply) != nil || reply.SID == "" {
		refusal = errLegacy
	}
	m := l.m
	m.mu.Lock()
	s := m.sockets[p.Namespace]
	if goodbye, ok := l.left[p.Namespace]; ok {
		delete(l.left, p.Namespace)
		if refusal == nil {
			l.sendControlLocked(goodbye)
		}
	}
	if m.link != l || s == nil || s.asked != l {
		m.mu.Unlock()
		return
	}
	s.asked = nil
	var unused *link
	switch {
	case s.state != connecting: // it has left meanwhile, which the server could not be told
		if refusal == nil {
			s.sayGoodbyeLocked(l)
		}
	case refusal != nil:
		unused = s.refusedLocked(refusal)
	default:
		s.connectedLocked(reply)
	}
	m.mu.Unlock()
	unused.close()
}

// refusalOf makes an error of a CONNECT_ERROR packet, whose payload is an object or,
// of some servers, just a text.
func refusalOf(p *parser.Packet) error {
	e := &ConnectError{Namespace: p.Namespace}
	var object struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if p.Args.Decode(0, &object) == nil {
		e.Message, e.Data = object.Message, object.Data
	} else if p.Args.Decode(0, &e.Message) != nil {
		e.Message, e.Data = "refused", p.Args.Raw(0)
	}
	return e
}

// connectedLocked makes the socket connected. What waits goes first: events that came
// before reach their handlers, and what was kept is sent, before OnConnect runs.
func (s *Socket) connectedLocked(reply answer) {
	s.recovered = reply.PID != "" && s.pid == reply.PID
	if !s.recovered {
		s.offset = offset{}
	}
	s.id, s.pid = reply.SID, reply.PID
	s.state = connected
	for _, p := range s.early.take() {
		s.noteOffsetLocked(p)
		s.pushLocked(task{kind: taskEvent, packet: p, epoch: s.epoch})
	}
	s.sendKeptLocked()
	s.retryLocked()
	s.pushLocked(task{kind: taskConnect})
	s.connectDoneLocked(nil)
	s.flushedLocked()
}

// refusedLocked leaves the socket disconnected. The caller has to close what it
// returns.
func (s *Socket) refusedLocked(err error) (unused *link) {
	s.attemptFailedLocked(err)
	s.endLocked(idle, "", nil, ErrDisconnected)
	return s.m.releaseLocked()
}

// attemptFailedLocked tells that the socket could not be connected.
func (s *Socket) attemptFailedLocked(err error) {
	if s.state == idle || s.state == connected {
		return
	}
	s.pushLocked(task{kind: taskConnectError, err: err, told: len(s.connects) > 0})
	s.connectDoneLocked(err)
}

// onDisconnectLocked takes a DISCONNECT packet. The caller has to close what it
// returns.
func (s *Socket) onDisconnectLocked() (unused *link) {
	s.attemptFailedLocked(fmt.Errorf("client: connect: %s", ServerDisconnect))
	s.asked = nil
	s.endLocked(idle, ServerDisconnect, nil, ErrDisconnected)
	return s.m.releaseLocked()
}

// lostLocked takes the connection l away from the socket, if it is its own.
func (s *Socket) lostLocked(l *link, reason Reason, err error) {
	if s.asked == l {
		s.asked = nil
	}
	if s.link != l {
		return
	}
	failure := fmt.Errorf("client: connect: %s", reason)
	if err != nil {
		failure = fmt.Errorf("client: connect: %s: %w", reason, err)
	}
	s.attemptFailedLocked(failure)
	next := waiting
	if s.m.opts.Reconnection.Disable {
		next = idle
	}
	s.endLocked(next, reason, err, ErrDisconnected)
}

// endLocked ends the connection of the socket, if it has one. Calls that wait for an
// answer to what was sent get failure.
func (s *Socket) endLocked(next state, reason Reason, err, failure error) {
	before := s.state
	s.state, s.link, s.id = next, nil, ""
	s.early = mailbox{}
	if s.endAuth != nil {
		s.endAuth()
		s.endAuth = nil
	}
	if before == connected {
		s.failSentLocked(failure)
		s.retryLostLocked()
		s.pushLocked(task{kind: taskDisconnect, reason: reason, err: err})
		if s.arriving {
			s.queue.Lift(true) // the reader need not wait for room any more
		}
	}
	s.flushedLocked()
}

// pushLocked queues a task behind what came before.
func (s *Socket) pushLocked(t task) {
	if s.arriving {
		s.deferred = append(s.deferred, t)
		return
	}
	s.queue.Push(t)
}

// arrived is called when an event is in the queue.
func (s *Socket) arrived() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.arriving = false
	if s.deferred == nil {
		return
	}
	for _, t := range s.deferred {
		s.queue.Push(t)
	}
	s.deferred = nil
	s.queue.Lift(s.m.awaited > 0)
}

// onEvent takes an event. It blocks while too many wait for their handlers. The
// manager is locked before, and is not any more afterwards.
func (s *Socket) onEvent(l *link, p *parser.Packet) {
	m := s.m
	t := task{kind: taskEvent, packet: p, epoch: s.epoch}
	early, kept, behind := s.state == connecting, true, s.arriving
	switch {
	case early:
		kept = s.early.add(p, m.opts)
	case behind: // an event of the connection before this one
		s.noteOffsetLocked(p)
		s.deferred = append(s.deferred, t)
	default:
		s.noteOffsetLocked(p)
		s.arriving = true
	}
	m.mu.Unlock()
	if hook := m.opts.Trace.EventReceived; hook != nil {
		hook(s, p.Event)
	}
	switch {
	case !kept:
		l.fail(TransportError, errNoBuffer)
	case !early && !behind:
		s.queueEvent(l, t)
	}
}

// queueEvent queues an event when there is room.
func (s *Socket) queueEvent(l *link, t task) {
	max := s.m.opts.MaxInflight
	took := max > 0 && s.queue.PushWait(t, max, l.conn.Closing())
	if !took {
		s.queue.Push(t) // it has come, whatever happens to the connection
	}
	s.arrived()
	if !took && max > 0 && !isClosed(l.conn.Closing()) {
		l.fail(TransportError, errFlood)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// mailbox keeps packets, within bounds.
type mailbox struct {
	packets []*parser.Packet
	bytes   int
}

func (b *mailbox) add(p *parser.Packet, o *Options) bool {
	for _, v := range p.Args.Values {
		b.bytes += len(v)
	}
	for _, a := range p.Args.Attachments {
		b.bytes += len(a)
	}
	if exceeds(len(b.packets)+1, o.MaxBufferMessages) || exceeds(b.bytes, o.MaxBufferBytes) {
		return false
	}
	b.packets = append(b.packets, p)
	return true
}

func (b *mailbox) take() []*parser.Packet {
	packets := b.packets
	*b = mailbox{}
	return packets
}

func exceeds(n, limit int) bool { return limit > 0 && n > limit }
