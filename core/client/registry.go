package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gosocketio/sio/core/parser"
)

// handlerFunc is what events come down to.
type handlerFunc = func(ctx context.Context, args parser.Args) (answer []any, err error)

// registry holds the handlers of a socket. Registrations are rare and lookups are
// not: each registration makes a new table.
type registry struct {
	changes sync.Mutex // guards changes of table
	table   atomic.Pointer[table]
}

// table is immutable.
type table struct {
	events       map[string]handlerFunc
	any          []func(context.Context, string, parser.Args)
	anyOutgoing  []func(string, []any)
	connect      []func(context.Context)
	disconnect   []func(Reason, error)
	connectError []func(error)
}

var emptyTable table

func (r *registry) load() *table {
	if t := r.table.Load(); t != nil {
		return t
	}
	return &emptyTable
}

func (r *registry) change(f func(*table)) {
	r.changes.Lock()
	defer r.changes.Unlock()
	t := *r.load()
	f(&t)
	r.table.Store(&t)
}

// add returns list with v, leaving what others hold of list alone.
func add[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// Handle registers a handler for an event; see [On] and [OnCall] for typed ones. If
// the server asks for an acknowledgement, answer is its values. It panics if the event
// has a handler already, or a reserved name.
//
// fn is called for one event at a time; what follows waits until it has returned. It
// may keep args.
func (r *registry) Handle(event string, fn func(ctx context.Context, args parser.Args) (answer []any, err error)) {
	if err := checkName(event); err != nil {
		panic(err.Error())
	}
	if fn == nil {
		panic("client: nil handler")
	}
	r.change(func(t *table) {
		if t.events[event] != nil {
			panic(fmt.Sprintf("client: event %q has a handler already", event))
		}
		events := make(map[string]handlerFunc, len(t.events)+1)
		maps.Copy(events, t.events)
		events[event] = fn
		t.events = events
	})
}

// Off removes the handler of an event, if it has one. Another may be registered then.
func (r *registry) Off(event string) {
	r.change(func(t *table) {
		t.events = maps.Clone(t.events)
		delete(t.events, event)
	})
}

// OnAny registers a function that sees every event before its handler does, also
// those that have none.
func (r *registry) OnAny(fn func(ctx context.Context, event string, args parser.Args)) {
	r.change(func(t *table) { t.any = add(t.any, fn) })
}

// OnAnyOutgoing registers a function that sees every event that Emit and Ask are given
// and can encode, in their goroutine, before it is sent or kept. It must not block nor
// change args.
func (r *registry) OnAnyOutgoing(fn func(event string, args []any)) {
	r.change(func(t *table) { t.anyOutgoing = add(t.anyOutgoing, fn) })
}

// OnConnect registers a function that runs each time the socket has been connected.
// What was kept for sending has been sent by then.
func (r *registry) OnConnect(fn func(ctx context.Context)) {
	r.change(func(t *table) { t.connect = add(t.connect, fn) })
}

// OnDisconnect registers a function that runs each time the socket has been
// disconnected, with what is known of the reason; err may be nil. Unless the reason is
// ServerDisconnect or ClientDisconnect, the socket is about to connect again.
func (r *registry) OnDisconnect(fn func(reason Reason, err error)) {
	r.change(func(t *table) { t.disconnect = add(t.disconnect, fn) })
}

// OnConnectError registers a function that runs each time an attempt to connect the
// socket has failed. After a [*ConnectError], with which the server refused it, there
// are no more attempts; Active says so. If nobody is told of that, it is logged.
func (r *registry) OnConnectError(fn func(err error)) {
	r.change(func(t *table) { t.connectError = add(t.connectError, fn) })
}
