package statefuzz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/socketio"
)

var calls = flag.Int("calls", 400, "how many calls each goroutine of TestStress makes")

// TestStressNeeds1And5 calls every exported method of the server's types from many
// goroutines, while clients come, go and are cut off. It is for the race detector; it also
// finds panics, deadlocks, and ends that are missing or doubled.
func TestStressNeeds1And5(t *testing.T) {
	for name, tcp := range networks {
		t.Run(name, func(t *testing.T) { testStress(t, tcp) })
	}
}

func testStress(t *testing.T, tcp bool) {
	stop := time.AfterFunc(10*patience, func() { panic("the stress test takes too long") })
	defer stop.Stop()
	a := newArena(t, tcp)
	var clients, callers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 12 {
		clients.Go(func() { a.visit(ctx, i) })
	}
	names := slices.Sorted(maps.Keys(exercises))
	crowd := func(goroutines, calls int) {
		for g := range goroutines {
			callers.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), uint64(calls)))
				for range calls {
					a.call(names[r.IntN(len(names))], r)
				}
			})
		}
	}
	crowd(64, *calls)
	callers.Wait()
	crowd(8, *calls/2) // while the servers end
	a.finish()
	callers.Wait()
	cancel()
	clients.Wait()
	a.check(names)
}

// TestNothingForgotten fails when an exported method is not part of the stress test.
func TestNothingForgotten(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*socketio.Server](), reflect.TypeFor[*socketio.Namespace](), reflect.TypeFor[*socketio.DynamicNamespace](),
		reflect.TypeFor[*socketio.Socket](), reflect.TypeFor[socketio.Sender](), reflect.TypeFor[socketio.Broadcaster](),
		reflect.TypeFor[*socketio.RemoteSocket](), reflect.TypeFor[*socketio.Event](),
		reflect.TypeFor[*engineio.Server](), reflect.TypeFor[*engineio.Session](),
	} {
		for i := range typ.NumMethod() {
			if name := methodName(typ, typ.Method(i).Name); exercises[name] == nil && finals[name] == nil {
				t.Errorf("%s is not called by TestStress: add it to the tables", name)
			}
		}
	}
}

// methodName names a method by its type, one that Server has from its namespace by that.
func methodName(typ reflect.Type, method string) string {
	if typ == reflect.TypeFor[*socketio.Server]() {
		if _, promoted := reflect.TypeFor[*socketio.Namespace]().MethodByName(method); promoted {
			typ = reflect.TypeFor[*socketio.Namespace]()
		}
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.PkgPath() == reflect.TypeFor[engineio.Server]().PkgPath() {
		return "engineio." + typ.Name() + "." + method
	}
	return typ.Name() + "." + method
}

// arena is what the goroutines of the stress test share.
type arena struct {
	t     *testing.T
	log   *alarm
	sio   *socketio.Server // has the clients
	other *socketio.Server // another node of the cluster, with some, too
	dyn   *socketio.DynamicNamespace
	nets  []dialer

	sockets  pool[*socketio.Socket]
	remotes  pool[*socketio.RemoteSocket]
	events   pool[*socketio.Event]
	called   sync.Map // names of methods
	unique   atomic.Int64
	opened   atomic.Int64 // OnConnect
	ended    atomic.Int64 // OnDisconnect
	finished atomic.Bool
}

// pool keeps the last things of a kind, alive or not.
type pool[T any] struct {
	mu    sync.Mutex
	items [32]T
	n     int
}

func (p *pool[T]) put(v T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.items[p.n%len(p.items)] = v
	p.n++
}

func (p *pool[T]) pick(r *rand.Rand) (v T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == 0 {
		return v, false
	}
	return p.items[r.IntN(min(p.n, len(p.items)))], true
}

func newArena(t *testing.T, tcp bool) *arena {
	bus := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
	a := &arena{t: t, log: new(alarm)}
	a.sio, a.other = a.newNode(bus), a.newNode(bus)
	a.dyn = a.sio.OfMatch(dynamicNames)
	a.handle(a.dyn)
	for _, sio := range []*socketio.Server{a.sio, a.other} {
		a.handle(sio.Namespace)
		a.nets = append(a.nets, serve(t, sio, tcp))
	}
	return a
}

func (a *arena) newNode(bus cluster.Backend) *socketio.Server {
	return socketio.NewServer(&socketio.Options{
		Logger:  slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelError})),
		Cluster: bus, Recovery: &socketio.Recovery{MaxDisconnection: time.Minute},
		PingInterval: 200 * time.Millisecond, PingTimeout: 5 * time.Second, CloseTimeout: time.Second,
		ErrorHandler: func(_ *socketio.Socket, event string, err error) {
			var p *socketio.PanicError
			if errors.As(err, &p) {
				a.t.Errorf("panic in %q: %v\n%s", event, p.Value, p.Stack)
			}
		},
	})
}

func (a *arena) handle(r registrar) {
	r.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		a.opened.Add(1)
		a.sockets.put(s)
		return nil
	})
	r.OnDisconnect(func(*socketio.Socket, socketio.Reason) { a.ended.Add(1) })
	r.Handle("event", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		a.events.put(e)
		if e.WantsReply() {
			return ignoreReplied(e.Reply(e.Len()))
		}
		return nil
	}))
}

// ignoreReplied takes errors away that come of somebody else having replied.
func ignoreReplied(err error) error {
	if err == socketio.ErrAlreadyReplied {
		return nil
	}
	return ignoreGone(err)
}

// visit is a client that comes and goes until ctx ends.
func (a *arena) visit(ctx context.Context, i int) {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	for ctx.Err() == nil && !a.finished.Load() {
		stay, cancel := context.WithTimeout(ctx, time.Duration(1+r.IntN(300))*time.Millisecond)
		a.stay(stay, i, r)
		cancel()
	}
}

var transportsOf = [][]string{{"websocket"}, {"polling"}, {"polling", "websocket"}}

// stay connects a client and has it send until ctx ends.
func (a *arena) stay(ctx context.Context, i int, r *rand.Rand) {
	dial := a.nets[boolInt(i%4 == 3)]
	var line shaky
	c, err := client.New("http://server", &client.Options{
		Transports: transportsOf[i%len(transportsOf)], Proxy: noProxy,
		DialContext:  func(ctx context.Context, network, addr string) (net.Conn, error) { return line.dial(ctx, dial) },
		Reconnection: client.Reconnection{Delay: time.Millisecond, DelayMax: 5 * time.Millisecond},
		ErrorHandler: func(*client.Socket, string, error) {},
		Logger:       quiet,
	})
	if err != nil {
		a.t.Error(err)
		return
	}
	namespaces := []*client.Socket{c, c.Of(fmt.Sprintf("/dyn-%c", 'a'+rune(r.IntN(3))))}
	for _, s := range namespaces {
		s.Handle("question", func(context.Context, args) ([]any, error) { return []any{"answer"}, nil })
		s.Open()
	}
	for ctx.Err() == nil {
		s := namespaces[r.IntN(2)]
		switch r.IntN(10) {
		case 0:
			line.cut()
		case 1:
			ask, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			s.Ask(ask, "event", []byte("binary"), r.IntN(10))
			cancel()
		default:
			s.Emit("event", r.IntN(10))
		}
	}
	closing, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.Manager().Close(closing)
}

// shaky is a network connection, or several, that can be cut.
type shaky struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (s *shaky) dial(ctx context.Context, dial dialer) (net.Conn, error) {
	c, err := dial(ctx, "", "")
	if err == nil {
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
	}
	return c, err
}

func (s *shaky) cut() {
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// call calls a method, if there is something to call it on.
func (a *arena) call(name string, r *rand.Rand) {
	if exercises[name](a, r) {
		a.called.Store(name, true)
	}
}

// finish calls what ends servers, all of it at once.
func (a *arena) finish() {
	a.finished.Store(true)
	var wait sync.WaitGroup
	for name, f := range finals {
		for range 2 {
			wait.Go(func() { f(a) })
		}
		a.called.Store(name, true)
	}
	wait.Wait()
}

func (a *arena) check(names []string) {
	for _, name := range names {
		if _, ok := a.called.Load(name); !ok {
			a.t.Errorf("%s was never called", name)
		}
	}
	for _, sio := range []*socketio.Server{a.sio, a.other} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sio.Shutdown(ctx); err != nil { // it waits for the handlers, which Close did not
			a.t.Errorf("Shutdown: %v", err)
		}
		if n := sio.Engine().Count(); n != 0 {
			a.t.Errorf("%d sessions are left", n)
		}
	}
	if opened, ended := a.opened.Load(), a.ended.Load(); opened != ended || opened == 0 {
		a.t.Errorf("OnConnect ran %d times, OnDisconnect %d times", opened, ended)
	}
	if text := a.log.String(); text != "" {
		a.t.Errorf("the servers have logged: %s", text)
	}
	a.t.Logf("%d sockets", a.opened.Load())
}
