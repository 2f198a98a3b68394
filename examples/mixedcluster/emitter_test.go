package mixedcluster_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
)

// TestEmitter has processes that run no server send to nodes of both kinds: ours in
// each format, and the official one.
func TestEmitter(t *testing.T) {
	for _, adapter := range adapters {
		t.Run(adapter, func(t *testing.T) {
			f := newFleet(t, adapter, "js", "go")
			f.connect(t)
			f.forget(t)
			t.Run("ours", func(t *testing.T) { f.testEmitter(t, ourEmitter(t, adapter, f.redis.URL)) })
			if adapter == "classic" {
				t.Run("official", func(t *testing.T) {
					js := script(t, "emitter.js", f.redis.URL)
					js.first(t, "ready", what("ready"))
					f.testEmitter(t, func(t *testing.T, op string, c fields) { js.do(t, op, c) })
				})
			}
		})
	}
}

// ourEmitter returns what has our emitter do the operations of emitter.js.
func ourEmitter(t *testing.T, adapter, url string) func(t *testing.T, op string, c fields) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { rdb.Close() })
	var e *sioredis.Emitter
	switch adapter {
	case "classic":
		e = sioredis.NewEmitter(rdb, nil)
	case "sharded":
		e = sioredis.NewShardedEmitter(rdb, nil)
	case "streams":
		e = sioredis.NewStreamsEmitter(rdb, nil)
	}
	t.Cleanup(func() { e.Close() })
	return func(t *testing.T, op string, c fields) {
		t.Helper()
		ctx := t.Context()
		to := e.Selection
		if rooms, ok := c["rooms"].([]string); ok {
			to = to.To(rooms...)
		}
		if rooms, ok := c["except"].([]string); ok {
			to = to.Except(rooms...)
		}
		args, _ := c["args"].([]any)
		for i := range args {
			args[i] = unpack(args[i])
		}
		join, _ := c["join"].([]string)
		switch op {
		case "emit":
			err = to.Emit(ctx, c["name"].(string), args...)
		case "join":
			err = to.SocketsJoin(ctx, join...)
		case "leave":
			err = to.SocketsLeave(ctx, join...)
		case "disconnect":
			err = to.DisconnectSockets(ctx, c["close"].(bool))
		case "tell":
			err = to.ServerSideEmit(ctx, "tell", args...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fleet) testEmitter(t *testing.T, do func(t *testing.T, op string, c fields)) {
	from := f.members["go"] // of the marks
	all := []string{"go1", "go2", "js1", "js2"}
	do(t, "emit", fields{"name": "ev", "args": []any{1, "2", map[string]any{"a": true}}})
	f.expect(t, from, `["ev",1,"2",{"a":true}]`, all...)
	do(t, "emit", fields{"name": "ev", "args": []any{map[string]any{binaryKey: "AQI="}}, "rooms": []string{"r1"}})
	f.expect(t, from, `["ev",{"$b":"AQI="}]`, "go1", "js1")
	do(t, "emit", fields{"name": "ev", "rooms": []string{"all", "r1"}, "except": []string{"r2"}})
	f.expect(t, from, `["ev"]`, "go1", "js1")
	do(t, "join", fields{"rooms": []string{"r2"}, "join": []string{"x"}})
	f.settle(t)
	do(t, "emit", fields{"name": "ev", "rooms": []string{"x"}})
	f.expect(t, from, `["ev"]`, "go2", "js2")
	do(t, "leave", fields{"join": []string{"x"}})
	f.settle(t)
	do(t, "emit", fields{"name": "ev", "rooms": []string{"x"}})
	f.expect(t, from, `["ev"]`)
	for _, m := range f.members {
		m.forget()
	}
	do(t, "tell", fields{"args": []any{"w", 1}})
	for _, m := range f.members {
		if e := m.first(t, "the event", what("told")); e.text() != `["w",1]` {
			t.Errorf("%s was told %s", m.name, e.text())
		}
	}
}
