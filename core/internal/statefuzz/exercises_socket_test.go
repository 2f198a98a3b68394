package statefuzz

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

type jsonValue = json.RawMessage

var quiet = slog.New(slog.DiscardHandler)

var stressKey = socketio.NewKey[int]("stress")

func addSockets() {
	type sock = *socketio.Socket
	pick := func(a *arena, r *rand.Rand) (sock, bool) { return a.sockets.pick(r) }
	add("Socket", pick, map[string]func(*arena, sock, *rand.Rand){
		"Ask": func(_ *arena, s sock, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.Ask(ctx, "question", 1)
		},
		"Auth":       func(_ *arena, s sock, _ *rand.Rand) { var v any; s.Auth(&v) },
		"Broadcast":  func(_ *arena, s sock, _ *rand.Rand) { s.Broadcast().Emit("event") },
		"Compress":   func(_ *arena, s sock, _ *rand.Rand) { s.Compress(false).Emit("event") },
		"Conn":       func(_ *arena, s sock, _ *rand.Rand) { s.Conn() },
		"Connected":  func(_ *arena, s sock, _ *rand.Rand) { s.Connected() },
		"Context":    func(_ *arena, s sock, _ *rand.Rand) { context.Cause(s.Context()) },
		"Disconnect": func(_ *arena, s sock, r *rand.Rand) { disconnectSometimes(s, r) },
		"Emit":       func(_ *arena, s sock, _ *rand.Rand) { s.Emit("event", 1, []byte("binary")) },
		"EmitWait": func(_ *arena, s sock, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.EmitWait(ctx, "event")
		},
		"Except": func(_ *arena, s sock, r *rand.Rand) { s.Except(room(r)).Emit("event") },
		"Handle": func(a *arena, s sock, _ *rand.Rand) {
			s.Handle(a.name(), socketio.HandlerFunc(func(context.Context, *socketio.Event) error { return nil }))
		},
		"Handshake": func(_ *arena, s sock, _ *rand.Rand) { s.Handshake().MarshalJSON() },
		"ID":        func(_ *arena, s sock, _ *rand.Rand) { s.Namespace().Socket(s.ID()) },
		"In":        func(_ *arena, s sock, r *rand.Rand) { s.In(room(r)).Emit("event") },
		"Join":      func(_ *arena, s sock, r *rand.Rand) { s.Join(room(r)) },
		"Leave":     func(_ *arena, s sock, r *rand.Rand) { s.Leave(room(r)) },
		"Local":     func(_ *arena, s sock, _ *rand.Rand) { s.Local().Emit("event") },
		"Namespace": func(_ *arena, s sock, _ *rand.Rand) { s.Namespace() },
		"OnAny":     func(_ *arena, s sock, _ *rand.Rand) { s.OnAny(func(context.Context, *socketio.Event) {}) },
		"OnAnyOutgoing": func(_ *arena, s sock, _ *rand.Rand) {
			s.OnAnyOutgoing(func(*socketio.Socket, string, []any) {})
		},
		"OnDisconnect":    func(_ *arena, s sock, _ *rand.Rand) { s.OnDisconnect(func(*socketio.Socket, socketio.Reason) {}) },
		"OnDisconnecting": func(_ *arena, s sock, _ *rand.Rand) { s.OnDisconnecting(func(*socketio.Socket, socketio.Reason) {}) },
		"Recovered":       func(_ *arena, s sock, _ *rand.Rand) { s.Recovered() },
		"Rooms":           func(_ *arena, s sock, _ *rand.Rand) { s.Rooms() },
		"Send":            func(_ *arena, s sock, _ *rand.Rand) { s.Send("hello") },
		"Server":          func(_ *arena, s sock, _ *rand.Rand) { s.Server() },
		"To":              func(_ *arena, s sock, r *rand.Rand) { s.To(room(r)).Emit("event") },
		"UseEvents": func(_ *arena, s sock, _ *rand.Rand) {
			s.UseEvents(func(h socketio.Handler) socketio.Handler { return h })
		},
		"Volatile": func(_ *arena, s sock, _ *rand.Rand) { s.Volatile().Emit("event") },
		"values": func(_ *arena, s sock, r *rand.Rand) { // of a Key
			stressKey.Set(s, r.IntN(10))
			stressKey.Get(s)
			stressKey.Delete(s)
		},
	})
}

// disconnectSometimes leaves most of the clients alone.
func disconnectSometimes(s *socketio.Socket, r *rand.Rand) {
	switch r.IntN(20) {
	case 0:
		s.Disconnect(false)
	case 1:
		s.Disconnect(true)
	}
}

func addSending() {
	sender := func(a *arena, r *rand.Rand) (socketio.Sender, bool) {
		s, ok := a.sockets.pick(r)
		if !ok {
			return socketio.Sender{}, false
		}
		return s.Compress(r.IntN(2) == 0), true
	}
	type snd = socketio.Sender
	type cast = socketio.Broadcaster
	type remote = *socketio.RemoteSocket
	add("Sender", sender, map[string]func(*arena, snd, *rand.Rand){
		"Broadcast": func(_ *arena, s snd, _ *rand.Rand) { s.Broadcast().Emit("event") },
		"Compress":  func(_ *arena, s snd, _ *rand.Rand) { s.Compress(true).Emit("event") },
		"Emit":      func(_ *arena, s snd, _ *rand.Rand) { s.Emit("event") },
		"EmitWait": func(_ *arena, s snd, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.EmitWait(ctx, "event")
		},
		"Except":   func(_ *arena, s snd, r *rand.Rand) { s.Except(room(r)).Emit("event") },
		"In":       func(_ *arena, s snd, r *rand.Rand) { s.In(room(r)).Emit("event") },
		"Local":    func(_ *arena, s snd, _ *rand.Rand) { s.Local().Emit("event") },
		"Send":     func(_ *arena, s snd, _ *rand.Rand) { s.Send("hello") },
		"To":       func(_ *arena, s snd, r *rand.Rand) { s.To(room(r)).Emit("event") },
		"Volatile": func(_ *arena, s snd, _ *rand.Rand) { s.Volatile().Emit("event") },
	})
	caster := func(a *arena, r *rand.Rand) (cast, bool) { return a.namespace(r).To(room(r), room(r)), true }
	add("Broadcaster", caster, map[string]func(*arena, cast, *rand.Rand){
		"AskAll": func(_ *arena, b cast, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			for range b.AskAll(ctx, "question") {
			}
		},
		"Compress":          func(_ *arena, b cast, _ *rand.Rand) { b.Compress(true).Emit("event") },
		"DisconnectSockets": func(_ *arena, b cast, r *rand.Rand) { b.DisconnectSockets(r.IntN(2) == 0) },
		"Emit":              func(_ *arena, b cast, _ *rand.Rand) { b.Emit("event", 1) },
		"EmitSync": func(_ *arena, b cast, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			b.EmitSync(ctx, "event")
		},
		"Except": func(_ *arena, b cast, r *rand.Rand) { b.Except(room(r)).Emit("event") },
		"FetchSockets": func(a *arena, b cast, _ *rand.Rand) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			found, _ := b.FetchSockets(ctx)
			for _, s := range found {
				a.remotes.put(s)
			}
		},
		"In":           func(_ *arena, b cast, r *rand.Rand) { b.In(room(r)).Emit("event") },
		"Local":        func(_ *arena, b cast, _ *rand.Rand) { b.Local().Emit("event") },
		"Send":         func(_ *arena, b cast, _ *rand.Rand) { b.Send("hello") },
		"SocketsJoin":  func(_ *arena, b cast, r *rand.Rand) { b.SocketsJoin(room(r)) },
		"SocketsLeave": func(_ *arena, b cast, r *rand.Rand) { b.SocketsLeave(room(r)) },
		"To":           func(_ *arena, b cast, r *rand.Rand) { b.To(room(r)).Emit("event") },
		"Volatile":     func(_ *arena, b cast, _ *rand.Rand) { b.Volatile().Emit("event") },
	})
	add("RemoteSocket", func(a *arena, r *rand.Rand) (remote, bool) { return a.remotes.pick(r) }, map[string]func(*arena, remote, *rand.Rand){
		"Ask": func(_ *arena, s remote, _ *rand.Rand) {
			ctx, cancel := soon()
			defer cancel()
			s.Ask(ctx, "question")
		},
		"Disconnect": func(_ *arena, s remote, r *rand.Rand) {
			if r.IntN(20) == 0 {
				s.Disconnect(r.IntN(2) == 0)
			}
		},
		"Emit":      func(_ *arena, s remote, _ *rand.Rand) { s.Emit("event", 1) },
		"Handshake": func(_ *arena, s remote, _ *rand.Rand) { s.Handshake() },
		"ID":        func(_ *arena, s remote, _ *rand.Rand) { s.ID() },
		"Join":      func(_ *arena, s remote, r *rand.Rand) { s.Join(room(r)) },
		"Leave":     func(_ *arena, s remote, r *rand.Rand) { s.Leave(room(r)) },
		"Local":     func(_ *arena, s remote, _ *rand.Rand) { s.Local() },
		"Rooms":     func(_ *arena, s remote, _ *rand.Rand) { s.Rooms() },
	})
}

// finals are the methods that end a server. They are called last.
var finals = map[string]func(*arena){
	"Server.Close":                  func(a *arena) { a.sio.Close() },
	"Server.Shutdown":               func(a *arena) { within(func(ctx context.Context) { a.sio.Shutdown(ctx) }) },
	"engineio.Server.Close":         func(a *arena) { a.other.Engine().Close() },
	"engineio.Server.Shutdown":      func(a *arena) { within(func(ctx context.Context) { a.other.Engine().Shutdown(ctx) }) },
	"engineio.Server.StopAccepting": func(a *arena) { a.other.Engine().StopAccepting() },
}

func within(f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	f(ctx)
}
