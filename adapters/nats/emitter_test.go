package sionats_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
)

// emitterTo returns an emitter to nodes with a backend of that mode.
func emitterTo(mode string, nc *nats.Conn, o sionats.Options) *sionats.Emitter {
	if mode == "jetstream" {
		o.Recovery = &sionats.Recovery{}
	}
	return sionats.NewEmitter(nc, &o)
}

// TestEmitter: what an emitter sends arrives as if another node had sent it, in order.
func TestEmitter(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			nc := startServer(t).connect()
			emitter := emitterTo(mode, nc, sionats.Options{})
			defer emitter.Close()
			backend := newBackend(nc, sionats.Options{})
			main, chat := newMailbox(), newMailbox()
			open(t, backend, "/", "a", main.receive)
			open(t, backend, "/chat", "a", chat.receive)
			sendAll(t, emitter)

			want := []cluster.Message{
				{Type: cluster.Broadcast, Payload: payload(`["all",1,{"_placeholder":true,"num":0}]`, []byte{1, 2})},
				{
					Type: cluster.Broadcast, Payload: payload(`["some"]`),
					Selector: cluster.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}},
					Flags:    cluster.Flags{Volatile: true, NoCompress: true},
				},
				{Type: cluster.SocketsJoin, Selector: cluster.Selector{Rooms: []string{"r1"}}, Rooms: []string{"x", "y"}},
				{Type: cluster.SocketsLeave, Selector: cluster.Selector{Except: []string{"r1"}}, Rooms: []string{"x"}},
				{Type: cluster.DisconnectSockets, Selector: cluster.Selector{Rooms: []string{"x"}}, Close: true},
				{Type: cluster.ServerSideEmit, Payload: payload(`["hello",true]`)},
			}
			main.wait(t, "all messages", func(got []*cluster.Message) bool { return len(got) >= len(want) })
			for i, m := range main.list() {
				got := *m
				if (got.Offset != "") != (mode == "jetstream" && i == 0) {
					t.Errorf("message %d has offset %q", i, got.Offset)
				}
				want := want[i]
				want.From, want.Namespace, want.Offset = cluster.EmitterID, "/", got.Offset
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			chat.waitEvent(t, `["chat"]`)
			if got := chat.list(); len(got) != 1 || got[0].Namespace != "/chat" {
				t.Errorf("got %+v in the other namespace", got)
			}
		})
	}
}

func sendAll(t *testing.T, emitter *sionats.Emitter) {
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

func TestEmitterErrors(t *testing.T) {
	for mode := range modes {
		t.Run(mode, func(t *testing.T) {
			server := startServer(t)
			line := startLine(t, server.addr())
			nc := connect(t, line.url())
			emitter := emitterTo(mode, nc, sionats.Options{Timeout: 300 * time.Millisecond, OnError: quiet})
			defer emitter.Close()
			ctx := t.Context()
			if err := emitter.Emit(ctx, "connect"); err == nil || !strings.Contains(err.Error(), "reserved") {
				t.Errorf("got %v, want an error for a reserved name", err)
			}
			if err := emitter.Emit(ctx, "x", func() {}); err == nil {
				t.Error("a function was encoded")
			}
			server.stop()
			for range 100 { // all but the first must fail at once
				if err := emitter.Emit(ctx, "not connected yet"); !errors.Is(err, sionats.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", err)
				}
			}
			server.start()
			eventually(t, "an event that is sent", func() bool { return emitter.Emit(ctx, "to nobody") == nil })
			if err := emitter.Emit(ctx, "x", make([]byte, sionats.MaxMessage)); !errors.Is(err, sionats.ErrTooLarge) {
				t.Errorf("got %v, want ErrTooLarge", err)
			}
			line.pause()
			if err := emitter.Emit(ctx, "x"); !errors.Is(err, sionats.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			line.resume()
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

// TestLargeEvents: events that are larger than NATS takes at once arrive, in order,
// and are replayed as others are.
func TestLargeEvents(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			backend := newBackend(startServer(t).connect(), sionats.Options{})
			box := newMailbox()
			a := open(t, backend, "/", "a", nowhere)
			b := open(t, backend, "/", "b", box.receive)
			first := publish(t, a, event("a", `["small"]`))
			want := []string{`["small"]`}
			for _, size := range []int{3 << 20, 10, 1 << 20} {
				text := `["` + strings.Repeat("x", size) + `"]`
				publish(t, a, event("a", text))
				want = append(want, text)
			}
			box.wait(t, "all events", func(got []*cluster.Message) bool { return len(got) == len(want) })
			if !reflect.DeepEqual(events(box.list()), want) {
				t.Error("got other events")
			}
			if r, ok := b.(cluster.Recoverer); ok {
				got, err := r.Missed(t.Context(), &cluster.Session{ID: "1", Rooms: []string{"1"}}, first)
				if err != nil || !reflect.DeepEqual(events(got), want[1:]) {
					t.Errorf("missed: got %d events, %v", len(got), err)
				}
			}
		})
	}
}
