package socketio

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// registry holds the handlers of a namespace, a dynamic namespace or a socket.
// Registrations are rare and lookups are not: each registration makes a new
// table.
type registry struct {
	mu    sync.Mutex // guards changes of table
	table atomic.Pointer[table]
}

// table is immutable.
type table struct {
	plain         map[string]Handler // as registered
	wrapped       map[string]Handler // within the event middleware
	wrap          []func(Handler) Handler
	any           []func(context.Context, *Event)
	anyOutgoing   []func(*Socket, string, []any)
	use           []func(context.Context, *Socket) error
	connect       []func(context.Context, *Socket) error
	disconnecting []func(*Socket, Reason)
	disconnect    []func(*Socket, Reason)
	serverSide    map[string]ServerSideHandler
}

var emptyTable table

func (r *registry) load() *table {
	if r == nil {
		return &emptyTable
	}
	if t := r.table.Load(); t != nil {
		return t
	}
	return &emptyTable
}

func (r *registry) change(f func(*table)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := *r.load()
	f(&t)
	r.table.Store(&t)
}

// mustNotBeNil panics where the fault is, rather than when the function is called.
func mustNotBeNil(isNil bool, method string) {
	if isNil {
		panic("socketio: nil given to " + method)
	}
}

// isNil reports whether there is nothing behind h.
func isNil(h Handler) bool {
	f, ok := h.(HandlerFunc)
	return h == nil || ok && f == nil
}

// add returns list with v, leaving what others hold of list alone.
func add[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// Handle registers h for an event. It panics if the event has a handler
// already, or a reserved name.
func (r *registry) Handle(event string, h Handler) {
	if err := checkName(event); err != nil {
		panic(err.Error())
	}
	if isNil(h) {
		panic(fmt.Sprintf("socketio: nil handler for event %q", event))
	}
	r.change(func(t *table) {
		if _, ok := t.plain[event]; ok {
			panic(fmt.Sprintf("socketio: event %q has a handler already", event))
		}
		plain := make(map[string]Handler, len(t.plain)+1)
		for k, v := range t.plain {
			plain[k] = v
		}
		plain[event] = h
		t.plain = plain
		t.rewrap()
	})
}

// UseEvents wraps the handlers of all events, those registered later too. The
// first middleware is the outermost.
func (r *registry) UseEvents(middleware func(Handler) Handler) {
	mustNotBeNil(middleware == nil, "UseEvents")
	r.change(func(t *table) {
		t.wrap = add(t.wrap, middleware)
		t.rewrap()
	})
}

func (t *table) rewrap() {
	if len(t.wrap) == 0 {
		t.wrapped = t.plain
		return
	}
	t.wrapped = make(map[string]Handler, len(t.plain))
	for name, h := range t.plain {
		t.wrapped[name] = t.wrapOne(h)
	}
}

func (t *table) wrapOne(h Handler) Handler {
	for _, w := range slices.Backward(t.wrap) {
		h = w(h)
	}
	return h
}

// mergedHandlers are the handlers of a table within the event middleware of two
// tables around it. They are made once, and again after a registration.
type mergedHandlers struct{ last atomic.Pointer[merged] }

type merged struct {
	outer, middle, inner *table
	handlers             map[string]Handler
}

// of returns what h is then, the handler of an event in inner.
func (m *mergedHandlers) of(event string, h Handler, outer, middle, inner *table) Handler {
	if len(outer.wrap) == 0 && len(middle.wrap) == 0 {
		return h
	}
	if l := m.last.Load(); l != nil && l.outer == outer && l.middle == middle && l.inner == inner {
		return l.handlers[event]
	}
	l := &merged{outer, middle, inner, make(map[string]Handler, len(inner.wrapped))}
	for name, h := range inner.wrapped {
		l.handlers[name] = outer.wrapOne(middle.wrapOne(h))
	}
	m.last.Store(l)
	return l.handlers[event]
}

// OnAny registers a function that sees every incoming event before its handler
// does, also those that have none.
func (r *registry) OnAny(fn func(context.Context, *Event)) {
	mustNotBeNil(fn == nil, "OnAny")
	r.change(func(t *table) { t.any = add(t.any, fn) })
}

// OnAnyOutgoing registers a function that sees every event that is sent, once for
// each socket that gets it. It must not block nor change args.
func (r *registry) OnAnyOutgoing(fn func(s *Socket, event string, args []any)) {
	mustNotBeNil(fn == nil, "OnAnyOutgoing")
	r.change(func(t *table) { t.anyOutgoing = add(t.anyOutgoing, fn) })
}

// OnDisconnecting registers a function that runs when a socket has been
// disconnected, while its Rooms still tell where it was.
func (r *registry) OnDisconnecting(fn func(*Socket, Reason)) {
	mustNotBeNil(fn == nil, "OnDisconnecting")
	r.change(func(t *table) { t.disconnecting = add(t.disconnecting, fn) })
}

// OnDisconnect registers a function that runs last of all of a socket's
// handlers.
func (r *registry) OnDisconnect(fn func(*Socket, Reason)) {
	mustNotBeNil(fn == nil, "OnDisconnect")
	r.change(func(t *table) { t.disconnect = add(t.disconnect, fn) })
}

func (r *registry) reg() *registry { return r }

// connectRegistry is a registry of a namespace: it also has what concerns
// connecting.
type connectRegistry struct{ registry }

// Use registers a connect middleware. Middleware run in order for each socket
// that wants to connect; the first error refuses it and is sent to the client
// as connect_error: an [*Error] with its message and data, another error with
// its text. A middleware may block, use the socket's Auth and Handshake, set its
// values and join rooms; it should obey ctx, which ends with the connection.
func (r *connectRegistry) Use(fn func(context.Context, *Socket) error) {
	mustNotBeNil(fn == nil, "Use")
	r.change(func(t *table) { t.use = add(t.use, fn) })
}

// OnConnect registers a function that runs first of all of a socket's handlers,
// once the socket is connected. Its error goes to Options.ErrorHandler.
func (r *connectRegistry) OnConnect(fn func(context.Context, *Socket) error) {
	mustNotBeNil(fn == nil, "OnConnect")
	r.change(func(t *table) { t.connect = add(t.connect, fn) })
}
