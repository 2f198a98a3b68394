package client

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gosocketio/sio/core/internal/eioclient"
)

// Manager is a connection to a server, which the sockets of several namespaces
// share. It is open while any of them is. All methods may be called concurrently.
type Manager struct {
	opts   *Options
	url    *url.URL // as given to New
	engine eioclient.Options
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  tasks         // all goroutines but those of the sockets' queues
	ackID  atomic.Uint64 // the next one; a namespace's next socket must not use those of the last again

	mu       sync.Mutex // guards what follows, and the state of all sockets; before those of connections and queues
	sockets  map[string]*Socket
	made     int    // sockets so far
	link     *link  // the open connection; nil if there is none
	round    *round // makes one; nil if nobody does
	upgraded bool   // a connection has been, once
	awaited  int    // acknowledgements that sockets wait for
	closed   bool
}

// New returns the socket of the namespace that the URL's path names. Its scheme is
// http, https, ws or wss (where ws is http: which transports are used, say the
// options), its query goes along with each request. New does nothing but to check the
// URL and the options, of which it makes a copy: nil means the default for all.
//
// Sockets that New returns do not share their connections; see Socket.Of.
func New(url string, o *Options) (*Socket, error) {
	u, namespace, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	opts := o.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	m := &Manager{opts: opts, url: u, engine: *opts.engine(), sockets: make(map[string]*Socket, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m.Of(namespace), nil
}

// Dial returns a socket that is connected to the namespace which the URL's path
// names; see New. It blocks until then. If the first attempt fails or ctx ends,
// everything is closed, and it returns an error: a [*ConnectError] if the server
// refused the socket. ctx means nothing to the socket afterwards.
//
// Events that the server sends at once come before there is a handler, and are lost.
// Use New, Handle and Connect if it does so.
func Dial(ctx context.Context, url string, o *Options) (*Socket, error) {
	s, err := New(url, o)
	if err != nil {
		return nil, err
	}
	if err := s.Connect(ctx); err != nil {
		s.m.Close(ctx)
		return nil, err
	}
	return s, nil
}

// Of returns the socket of a namespace, the same one each time until it is closed.
// "/" is put in front of the name if it is missing.
func (m *Manager) Of(namespace string) *Socket {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sockets[namespace]; s != nil {
		return s
	}
	s := newSocket(m, namespace)
	m.made++
	s.number = m.made
	s.queue.Lift(m.awaited > 0)
	if m.closed {
		s.closed = true
		s.cancel(ErrClosed)
		return s
	}
	m.sockets[namespace] = s
	return s
}

// Connected reports whether the connection is open. Its sockets may not be
// connected yet.
func (m *Manager) Connected() bool { return m.current() != nil }

// Transport returns the name of the current transport, "polling" or "websocket", or
// "" if the connection is not open.
func (m *Manager) Transport() string {
	if l := m.current(); l != nil {
		return l.conn.Transport()
	}
	return ""
}

// SessionID returns the id of the connection, or "" if it is not open. It is not that
// of a socket, and not to be shown to others: who knows it can take over the session.
func (m *Manager) SessionID() string {
	if l := m.current(); l != nil {
		return l.conn.SID()
	}
	return ""
}

// PingExpired reports whether the server has been silent for too long, as after the
// machine was asleep. The connection is given up then.
func (m *Manager) PingExpired() bool {
	l := m.current()
	return l != nil && l.conn.PingExpired()
}

func (m *Manager) current() *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link
}

// Close closes all sockets, as their Close does, and the connection. Sockets that Of
// returns from now on are closed. When ctx ends it returns its error; what is still
// running then ends by itself, except handlers, which have been told by their context.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	sockets := m.orderedLocked()
	m.mu.Unlock()
	errs := make(chan error, len(sockets))
	for _, s := range sockets {
		m.tasks.start(func() {
			_, err := s.close(ctx) // which does not wait for this goroutine
			errs <- err
		})
	}
	var err error
	for range sockets {
		err = cmp.Or(err, <-errs)
	}
	m.cancel()
	return cmp.Or(err, m.tasks.wait(ctx))
}

// orderedLocked returns the sockets in the order in which they were made.
func (m *Manager) orderedLocked() []*Socket {
	list := make([]*Socket, 0, len(m.sockets))
	for _, s := range m.sockets {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Socket) int { return a.number - b.number })
	return list
}

// neededLocked reports whether any socket is, or wants to be, connected.
func (m *Manager) neededLocked() bool {
	for _, s := range m.sockets {
		if s.state != idle {
			return true
		}
	}
	return false
}

// releaseLocked takes the connection away if no socket needs it: the caller has to
// close what it returns.
func (m *Manager) releaseLocked() *link {
	if m.neededLocked() {
		return nil
	}
	if m.round != nil {
		m.round.cancel()
		m.round = nil
	}
	l := m.link
	m.link = nil
	return l
}

// awaitLocked counts acknowledgements that are awaited. Meanwhile events are read on
// even if many wait for their handlers: the answer comes behind them.
func (m *Manager) awaitLocked(n int) {
	before := m.awaited > 0
	m.awaited += n
	if now := m.awaited > 0; now != before {
		for _, s := range m.sockets {
			s.queue.Lift(now)
		}
	}
}
