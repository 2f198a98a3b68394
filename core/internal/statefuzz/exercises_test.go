package statefuzz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

type args = parser.Args

// exercise calls a method. It reports false if there was nothing to call it on.
type exercise func(a *arena, r *rand.Rand) bool

// exercises are the methods that TestStress calls, by type and name.
var exercises = map[string]exercise{}

var (
	dynamicNames = regexp.MustCompile(`^/dyn-[a-z]$`)
	stressRooms  = []string{"red", "green", "blue"}
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// soon is a context for what waits.
func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Millisecond)
}

func room(r *rand.Rand) string { return stressRooms[r.IntN(len(stressRooms))] }

// name returns an event name that was never used.
func (a *arena) name() string { return fmt.Sprintf("late %d", a.unique.Add(1)) }

func (a *arena) namespace(r *rand.Rand) *socketio.Namespace {
	all := append(a.dyn.Children(), a.sio.Namespace, a.other.Namespace)
	return all[r.IntN(len(all))]
}

// rarely is for what ends something, or stays for good.
func rarely(n int, f exercise) exercise {
	return func(a *arena, r *rand.Rand) bool {
		if r.IntN(n) != 0 {
			return true
		}
		return f(a, r)
	}
}

func add[T any](typ string, pick func(*arena, *rand.Rand) (T, bool), methods map[string]func(*arena, T, *rand.Rand)) {
	for method, f := range methods {
		exercises[typ+"."+method] = func(a *arena, r *rand.Rand) bool {
			v, ok := pick(a, r)
			if ok {
				f(a, v, r)
			}
			return ok
		}
	}
}

func alter(names []string, typ string, how func(exercise) exercise) {
	for _, name := range names {
		exercises[typ+"."+name] = how(exercises[typ+"."+name])
	}
}

func init() {
	addServers()
	addNamespaces()
	addDynamic()
	addSockets()
	addSending()
	addEvents()
	addEngine()
	seldom := func(e exercise) exercise { return rarely(40, e) }
	registering := []string{"Handle", "HandleServerSide", "OnAny", "OnAnyOutgoing", "OnConnect", "OnDisconnect", "OnDisconnecting", "Use", "UseEvents"}
	alter(registering, "Namespace", seldom)
	alter(registering, "DynamicNamespace", seldom)
	alter([]string{"OfMatch", "OfFunc", "OnNewNamespace", "Of"}, "Server", seldom)
	alter([]string{"DisconnectSockets"}, "Namespace", seldom)
	alter([]string{"DisconnectSockets"}, "DynamicNamespace", seldom)
	alter([]string{"DisconnectSockets"}, "Broadcaster", seldom)
	alter([]string{"Close", "Abort"}, "engineio.Session", seldom)
}

func addServers() {
	add("Server", func(a *arena, r *rand.Rand) (*socketio.Server, bool) { return a.sio, true }, map[string]func(*arena, *socketio.Server, *rand.Rand){
		"Engine":     func(_ *arena, s *socketio.Server, _ *rand.Rand) { s.Engine() },
		"Namespaces": func(_ *arena, s *socketio.Server, _ *rand.Rand) { s.Namespaces() },
		"Of":         func(a *arena, s *socketio.Server, _ *rand.Rand) { s.Of(a.name()).Emit("event") },
		"OfMatch":    func(a *arena, s *socketio.Server, _ *rand.Rand) { s.OfMatch(regexp.MustCompile("^/never$")) },
		"OfFunc": func(a *arena, s *socketio.Server, _ *rand.Rand) {
			s.OfFunc(func(context.Context, string, jsonValue) bool { return false })
		},
		"OnNewNamespace": func(_ *arena, s *socketio.Server, _ *rand.Rand) {
			s.OnNewNamespace(func(n *socketio.Namespace) { n.Count() })
		},
		"Ready": func(_ *arena, s *socketio.Server, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.Ready(ctx)
		},
		"ServeHTTP": func(_ *arena, s *socketio.Server, _ *rand.Rand) {
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling&sid=none", nil))
		},
	})
}

// registered are the methods of both kinds of namespaces that register something.
func registered(a *arena, n registrar, r *rand.Rand) map[string]func() {
	return map[string]func(){
		"Handle": func() {
			n.Handle(a.name(), socketio.HandlerFunc(func(context.Context, *socketio.Event) error { return nil }))
		},
		"OnAny":         func() { n.OnAny(func(_ context.Context, e *socketio.Event) { e.Name() }) },
		"OnAnyOutgoing": func() { n.OnAnyOutgoing(func(s *socketio.Socket, _ string, _ []any) { s.ID() }) },
		"OnConnect": func() {
			n.OnConnect(func(_ context.Context, s *socketio.Socket) error { return ignoreAll(s.Join("late")) })
		},
		"OnDisconnect":    func() { n.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { s.Rooms() }) },
		"OnDisconnecting": func() { n.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) { s.Rooms() }) },
		"UseEvents":       func() { n.UseEvents(func(h socketio.Handler) socketio.Handler { return h }) },
	}
}

func ignoreAll(error) error { return nil }

func addNamespaces() {
	pick := func(a *arena, r *rand.Rand) (*socketio.Namespace, bool) { return a.namespace(r), true }
	type ns = *socketio.Namespace
	add("Namespace", pick, map[string]func(*arena, ns, *rand.Rand){
		"Compress":          func(_ *arena, n ns, _ *rand.Rand) { n.Compress(true).Emit("event") },
		"Count":             func(_ *arena, n ns, _ *rand.Rand) { n.Count() },
		"DisconnectSockets": func(_ *arena, n ns, r *rand.Rand) { n.DisconnectSockets(r.IntN(2) == 0) },
		"Emit":              func(_ *arena, n ns, r *rand.Rand) { n.Emit("event", r.IntN(10), []byte("binary")) },
		"EmitSync": func(_ *arena, n ns, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			n.EmitSync(ctx, "event")
		},
		"Except": func(_ *arena, n ns, r *rand.Rand) { n.Except(room(r)).Emit("event") },
		"FetchSockets": func(a *arena, n ns, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			found, _ := n.FetchSockets(ctx)
			for _, s := range found {
				a.remotes.put(s)
			}
		},
		"HandleServerSide": func(a *arena, n ns, _ *rand.Rand) {
			n.HandleServerSide(a.name(), func(_ context.Context, _ args, reply func(...any) error) { reply(1) })
		},
		"In":             func(_ *arena, n ns, r *rand.Rand) { n.In(room(r)).Emit("event") },
		"Local":          func(_ *arena, n ns, _ *rand.Rand) { n.Local().Emit("event") },
		"Name":           func(_ *arena, n ns, _ *rand.Rand) { n.Name() },
		"Send":           func(_ *arena, n ns, _ *rand.Rand) { n.Send("hello") },
		"Server":         func(_ *arena, n ns, _ *rand.Rand) { n.Server() },
		"ServerSideEmit": func(_ *arena, n ns, _ *rand.Rand) { n.ServerSideEmit("late 1", 1) },
		"Socket":         func(_ *arena, n ns, _ *rand.Rand) { n.Socket("nobody") },
		"Sockets": func(a *arena, n ns, _ *rand.Rand) {
			for s := range n.Sockets() {
				a.sockets.put(s)
			}
		},
		"SocketsJoin":  func(_ *arena, n ns, r *rand.Rand) { n.SocketsJoin(room(r)) },
		"SocketsLeave": func(_ *arena, n ns, r *rand.Rand) { n.SocketsLeave(room(r)) },
		"To":           func(_ *arena, n ns, r *rand.Rand) { n.To(room(r), room(r)).Emit("event") },
		"Volatile":     func(_ *arena, n ns, _ *rand.Rand) { n.Volatile().Emit("event") },
		"Use": func(_ *arena, n ns, _ *rand.Rand) {
			n.Use(func(_ context.Context, s *socketio.Socket) error { return ignoreAll(s.Join("used")) })
		},
	})
	for method := range registered(nil, nil, nil) {
		exercises["Namespace."+method] = func(a *arena, r *rand.Rand) bool {
			registered(a, a.namespace(r), r)[method]()
			return true
		}
	}
}

func addDynamic() {
	type dn = *socketio.DynamicNamespace
	pick := func(a *arena, r *rand.Rand) (dn, bool) { return a.dyn, true }
	add("DynamicNamespace", pick, map[string]func(*arena, dn, *rand.Rand){
		"Children":          func(_ *arena, d dn, _ *rand.Rand) { d.Children() },
		"Compress":          func(_ *arena, d dn, _ *rand.Rand) { d.Compress(true).Emit("event") },
		"DisconnectSockets": func(_ *arena, d dn, r *rand.Rand) { d.DisconnectSockets(r.IntN(2) == 0) },
		"Emit":              func(_ *arena, d dn, _ *rand.Rand) { d.Emit("event", 1) },
		"EmitSync": func(_ *arena, d dn, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			d.EmitSync(ctx, "event")
		},
		"Except": func(_ *arena, d dn, r *rand.Rand) { d.Except(room(r)).Emit("event") },
		"HandleServerSide": func(a *arena, d dn, _ *rand.Rand) {
			d.HandleServerSide(a.name(), func(_ context.Context, _ args, reply func(...any) error) { reply(1) })
		},
		"In":           func(_ *arena, d dn, r *rand.Rand) { d.In(room(r)).Emit("event") },
		"Local":        func(_ *arena, d dn, _ *rand.Rand) { d.Local().Emit("event") },
		"Send":         func(_ *arena, d dn, _ *rand.Rand) { d.Send("hello") },
		"SocketsJoin":  func(_ *arena, d dn, r *rand.Rand) { d.SocketsJoin(room(r)) },
		"SocketsLeave": func(_ *arena, d dn, r *rand.Rand) { d.SocketsLeave(room(r)) },
		"To":           func(_ *arena, d dn, r *rand.Rand) { d.To(room(r)).Emit("event") },
		"Volatile":     func(_ *arena, d dn, _ *rand.Rand) { d.Volatile().Emit("event") },
		"Use": func(_ *arena, d dn, _ *rand.Rand) {
			d.Use(func(context.Context, *socketio.Socket) error { return nil })
		},
	})
	for method := range registered(nil, nil, nil) {
		exercises["DynamicNamespace."+method] = func(a *arena, r *rand.Rand) bool {
			registered(a, a.dyn, r)[method]()
			return true
		}
	}
}

func addEvents() {
	type ev = *socketio.Event
	pick := func(a *arena, r *rand.Rand) (ev, bool) { return a.events.pick(r) }
	add("Event", pick, map[string]func(*arena, ev, *rand.Rand){
		"Args":       func(_ *arena, e ev, _ *rand.Rand) { e.Args().Raw(0) },
		"Len":        func(_ *arena, e ev, _ *rand.Rand) { e.Len() },
		"Name":       func(_ *arena, e ev, _ *rand.Rand) { e.Name() },
		"Reply":      func(_ *arena, e ev, _ *rand.Rand) { e.Reply(1) },
		"Scan":       func(_ *arena, e ev, _ *rand.Rand) { var v any; e.Scan(&v) },
		"Socket":     func(a *arena, e ev, _ *rand.Rand) { a.sockets.put(e.Socket()) },
		"WantsReply": func(_ *arena, e ev, _ *rand.Rand) { e.WantsReply() },
	})
}

func addEngine() {
	engine := func(a *arena, _ *rand.Rand) (*engineio.Server, bool) { return a.sio.Engine(), true }
	type server = *engineio.Server
	type session = *engineio.Session
	add("engineio.Server", engine, map[string]func(*arena, server, *rand.Rand){
		"AnswerCORS": func(_ *arena, s server, _ *rand.Rand) {
			s.AnswerCORS(httptest.NewRecorder(), httptest.NewRequest("OPTIONS", "/", nil))
		},
		"ClientIP": func(_ *arena, s server, _ *rand.Rand) { s.ClientIP(httptest.NewRequest("GET", "/", nil)) },
		"Count":    func(_ *arena, s server, _ *rand.Rand) { s.Count() },
		"ServeHTTP": func(_ *arena, s server, _ *rand.Rand) {
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/?EIO=4&transport=polling&sid=none", strings.NewReader("4")))
		},
		"Session": func(_ *arena, s server, _ *rand.Rand) { s.Session("none") },
		"Sessions": func(_ *arena, s server, _ *rand.Rand) {
			for session := range s.Sessions() {
				session.ID()
			}
		},
	})
	pick := func(a *arena, r *rand.Rand) (session, bool) {
		s, ok := a.sockets.pick(r)
		if !ok {
			return nil, false
		}
		return s.Conn(), true
	}
	message := func() *engineio.Outgoing { return &engineio.Outgoing{Data: []byte(`2["event"]`)} }
	add("engineio.Session", pick, map[string]func(*arena, session, *rand.Rand){
		"Abort":   func(_ *arena, s session, _ *rand.Rand) { s.Abort(engineio.TransportError, nil) },
		"Close":   func(_ *arena, s session, _ *rand.Rand) { s.Close() },
		"Context": func(_ *arena, s session, _ *rand.Rand) { s.Context() },
		"Done": func(_ *arena, s session, _ *rand.Rand) {
			select {
			case <-s.Done():
			default:
			}
		},
		"ExpectClose": func(_ *arena, s session, _ *rand.Rand) { s.ExpectClose() },
		"Lend":        func(*arena, session, *rand.Rand) {}, // for OnMessage alone, which every event here has call it
		"Yield":       func(_ *arena, s session, _ *rand.Rand) { s.Yield() },
		"Handshake":   func(_ *arena, s session, _ *rand.Rand) { s.Handshake() },
		"ID":          func(a *arena, s session, _ *rand.Rand) { a.sio.Engine().Session(s.ID()) },
		"Reuse":       func(_ *arena, s session, _ *rand.Rand) { s.Reuse([]byte("not what OnMessage was called with")) },
		"Protocol":    func(_ *arena, s session, _ *rand.Rand) { s.Protocol() },
		"Send":        func(_ *arena, s session, _ *rand.Rand) { s.Send(message()) },
		"SendWait": func(_ *arena, s session, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.SendWait(ctx, message())
		},
		"Transport": func(_ *arena, s session, _ *rand.Rand) { s.Transport() },
		"WaitRoom": func(_ *arena, s session, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.WaitRoom(ctx, 100)
		},
	})
}
