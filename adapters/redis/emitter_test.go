package sioredis_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
)

// emitters make an emitter for each of the formats.
var emitters = map[string]func(rdb redis.UniversalClient) *sioredis.Emitter{
	"classic": func(rdb redis.UniversalClient) *sioredis.Emitter {
		return sioredis.NewEmitter(rdb, &sioredis.PubSubOptions{OnError: quiet, Timeout: 500 * time.Millisecond})
	},
	"sharded": func(rdb redis.UniversalClient) *sioredis.Emitter {
		return sioredis.NewShardedEmitter(rdb, &sioredis.ShardedOptions{OnError: quiet, Timeout: 500 * time.Millisecond})
	},
	"streams": func(rdb redis.UniversalClient) *sioredis.Emitter {
		return sioredis.NewStreamsEmitter(rdb, &sioredis.StreamsOptions{OnError: quiet, Timeout: 500 * time.Millisecond})
	},
}

// TestEmitter: what an emitter sends arrives as if another node had sent it, in
// order.
func TestEmitter(t *testing.T) {
	for format, newEmitter := range emitters {
		t.Run(format, func(t *testing.T) {
			rdb := client(t, redistest.Start(t))
			backend := formats[format](rdb, 0, quiet)
			main, chat := newInbox(), newInbox()
			open(t, backend, "/", "a", main.receive)
			open(t, backend, "/chat", "a", chat.receive)
			emitter := newEmitter(rdb)
			defer emitter.Close()
			sendAll(t, emitter)

			want := []cluster.Message{
				{Type: cluster.Broadcast, Payload: payload(`["all",1,{"_placeholder":true,"num":0}]`, []byte{1, 2})},
				{Type: cluster.Broadcast, Payload: payload(`["some"]`), Selector: cluster.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}},
					Flags: cluster.Flags{Volatile: true, NoCompress: true}},
				{Type: cluster.SocketsJoin, Selector: cluster.Selector{Rooms: []string{"r1"}}, Rooms: []string{"x", "y"}},
				{Type: cluster.SocketsLeave, Selector: cluster.Selector{Except: []string{"r1"}}, Rooms: []string{"x"}},
				{Type: cluster.DisconnectSockets, Selector: cluster.Selector{Rooms: []string{"x"}}, Close: true},
				{Type: cluster.ServerSideEmit, Payload: payload(`["hello",true]`)},
			}
			main.wait(t, "all messages", func(got []*cluster.Message) bool { return len(got) >= len(want) })
			if got := arranged(main.list()); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			chat.waitEvent(t, `["chat"]`)
			if got := chat.list(); len(got) != 1 || got[0].Namespace != "/chat" {
				t.Errorf("got %+v in the other namespace", got)
			}
		})
	}
}

func sendAll(t *testing.T, emitter *sioredis.Emitter) {
	t.Helper()
	ctx := t.Context()
	for _, err := range []error{
		emitter.Emit(ctx, "all", 1, []byte{1, 2}),
		emitter.To("r1").In("r2").Except("r3").Volatile().Compress(false).Emit(ctx, "some"),
		emitter.To().Emit(ctx, "nobody"),
		emitter.In("r1").SocketsJoin(ctx, "x", "y"),
		emitter.SocketsJoin(ctx),
		emitter.Except("r1").SocketsLeave(ctx, "x"),
		emitter.SocketsLeave(ctx),
		emitter.To("x").DisconnectSockets(ctx, true),
		emitter.To().ServerSideEmit(ctx, "hello", true),
		emitter.Of("chat").Emit(ctx, "chat"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// arranged are messages without what is not compared, and with those by channels of
// requests last: they may have come before the events.
func arranged(list []*cluster.Message) []cluster.Message {
	var out []cluster.Message
	for _, m := range list {
		c := *normal(m)
		c.Offset, c.From, c.Namespace = "", "", ""
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b cluster.Message) int { return int(a.Type - b.Type) })
	return out
}

func TestEmitterErrors(t *testing.T) {
	for format, newEmitter := range emitters {
		t.Run(format, func(t *testing.T) {
			server := redistest.Start(t)
			emitter := newEmitter(client(t, server))
			defer emitter.Close()
			ctx := t.Context()
			if err := emitter.Emit(ctx, "connect"); err == nil || !strings.Contains(err.Error(), "reserved") {
				t.Errorf("got %v, want an error for a reserved name", err)
			}
			if err := emitter.Emit(ctx, "x", func() {}); err == nil {
				t.Error("a function was encoded")
			}
			if err := emitter.Emit(ctx, "to nobody"); err != nil {
				t.Error(err)
			}
			server.Pause()
			if err := emitter.Emit(ctx, "x"); !errors.Is(err, sioredis.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			server.Resume()
			eventually(t, "an event that is sent", func() bool { return emitter.Emit(ctx, "x") == nil })
			canceled, cancel := context.WithCancel(ctx)
			cancel()
			if err := emitter.Emit(canceled, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the error of the context", err)
			}
			emitter.Close()
			if err := emitter.Emit(ctx, "x"); !errors.Is(err, cluster.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		})
	}
}

// The official emitter names itself only where it has to.
func TestEmitterClassicRequests(t *testing.T) {
	m := emitted(classic(cluster.SocketsJoin, cluster.Message{Rooms: []string{"j"}}))
	_, got, err := sioredis.EncodeClassic("socket.io", m)
	if want := `{"type":2,"opts":{"rooms":[],"except":[]},"rooms":["j"]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func ExampleEmitter() {
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	emitter := sioredis.NewEmitter(rdb, nil)
	defer emitter.Close()
	ctx := context.Background()
	if err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "the job is done"); err != nil {
		panic(err)
	}
}
