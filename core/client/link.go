package client

import (
	"context"
	"net/url"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/parser"
)

// engine is a connection: an [*eioclient.Conn].
type engine interface {
	Start(eioclient.Handler)
	Send(...eioclient.Message) error
	Writable() bool
	PingExpired() bool
	SID() string
	Transport() string
	Flush(context.Context) error
	Arrived(context.Context) error
	Close(context.Context) error
	Abort(reason string, err error)
	Closing() <-chan struct{}
	Done() <-chan struct{}
}

func dialEngine(ctx context.Context, u *url.URL, o *eioclient.Options) (engine, error) {
	c, err := eioclient.Dial(ctx, u, o)
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return c, nil
}

// link is a connection while it is the manager's. It is the handler of an engine.
type link struct {
	m       *Manager
	conn    engine
	ctx     context.Context
	cancel  context.CancelFunc
	decoder parser.Decoder // used by the reader alone

	// Guarded by the manager's mu.
	told bool                      // Trace.Closed was called
	late [][]eioclient.Message     // packets that did not fit into the connection's queue
	left map[string]parser.Encoded // of namespaces whose socket was closed before the answer to its CONNECT: the goodbye
}

func newLink(m *Manager, conn engine) *link {
	l := &link{m: m, conn: conn, decoder: m.opts.Parser.NewDecoder()}
	l.ctx, l.cancel = context.WithCancel(m.ctx)
	return l
}

// OnMessage implements eioclient.Handler. It blocks while too many events of a socket
// wait for their handlers.
func (l *link) OnMessage(data []byte, binary bool) {
	if l.ctx.Err() != nil {
		return // the connection is being given up, whatever else comes
	}
	p, err := l.decoder.Decode(data, binary)
	if err != nil {
		l.fail(ParseError, err)
		return
	}
	if p != nil {
		l.receive(p)
	}
}

// OnUpgrade implements eioclient.Handler.
func (l *link) OnUpgrade(transport string) {
	l.m.mu.Lock()
	l.m.upgraded = true
	l.m.mu.Unlock()
	if hook := l.m.opts.Trace.Upgraded; hook != nil {
		hook(l.m, transport)
	}
}

// OnPing implements eioclient.Handler.
func (l *link) OnPing() {
	if hook := l.m.opts.Trace.Ping; hook != nil {
		hook(l.m)
	}
}

// OnClose implements eioclient.Handler.
func (l *link) OnClose(reason string, err error) { l.lost(Reason(reason), err) }

// fail gives the connection up. The server is told, where that is possible.
func (l *link) fail(reason Reason, err error) {
	l.lost(reason, err)
	l.close()
}

// close closes the connection in the background, after what is queued was sent. It
// must not be the manager's any more. A nil link is none.
func (l *link) close() {
	if l != nil {
		l.cancel()
		l.m.close(l.conn)
	}
}

// lost takes the connection away from the sockets, and has a new one made for those
// that need it.
func (l *link) lost(reason Reason, err error) {
	l.cancel()
	m := l.m
	m.mu.Lock()
	if m.link == l {
		m.link = nil
	}
	for _, s := range m.sockets {
		s.lostLocked(l, reason, err)
	}
	if m.neededLocked() {
		m.connectLocked(true)
	}
	told := l.told
	l.told = true
	m.mu.Unlock()
	if hook := m.opts.Trace.Closed; hook != nil && !told {
		hook(m, reason, err)
	}
}

// receive hands a packet to its socket. What is for none is ignored: it may have left
// while the packet was on its way.
func (l *link) receive(p *parser.Packet) {
	if p.Type == parser.Connect || p.Type == parser.ConnectError {
		l.onAnswer(p)
		return
	}
	m := l.m
	m.mu.Lock()
	s := m.sockets[p.Namespace]
	if m.link != l || s == nil || s.link != l {
		m.mu.Unlock()
		return
	}
	switch p.Type {
	case parser.Event:
		s.onEvent(l, p)
		return
	case parser.Ack:
		s.onAckLocked(p)
		m.mu.Unlock()
	case parser.Disconnect:
		unused := s.onDisconnectLocked()
		m.mu.Unlock()
		unused.close()
	default:
		m.mu.Unlock()
	}
}

// sendControlLocked sends a packet that is part of no socket's queue. If it does not
// fit into that of the connection it waits, and those after it do.
func (l *link) sendControlLocked(enc parser.Encoded) {
	messages := messagesOf(enc, flags{})
	if l.late == nil && l.conn.Send(messages...) != eioclient.ErrQueueFull {
		return
	}
	if l.late = append(l.late, messages); len(l.late) == 1 {
		l.m.tasks.start(l.sendLate)
	}
}

// sendLate sends what did not fit.
func (l *link) sendLate() {
	for l.conn.Flush(l.ctx) == nil {
		l.m.mu.Lock()
		for len(l.late) > 0 && l.conn.Send(l.late[0]...) != eioclient.ErrQueueFull {
			l.late = l.late[1:]
		}
		done := len(l.late) == 0
		if done {
			l.late = nil
		}
		l.m.mu.Unlock()
		if done {
			return
		}
	}
}
