package emitter_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/emitter"
	"github.com/gosocketio/sio/core/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// bus remembers what was sent.
type bus struct {
	sent   []*cluster.Message
	err    error
	closed bool
}

func (b *bus) Send(_ context.Context, m *cluster.Message) error {
	b.sent = append(b.sent, m)
	return b.err
}

func (b *bus) Close() error { b.closed = true; return nil }

func TestMessages(t *testing.T) {
	ctx := t.Context()
	event := func(text string, attachments ...[]byte) cluster.Payload {
		return cluster.Payload{JSON: json.RawMessage(text), Attachments: attachments}
	}
	for _, c := range []struct {
		name string
		send func(e *emitter.Emitter) error
		want *cluster.Message
	}{
		{"everybody", func(e *emitter.Emitter) error { return e.Emit(ctx, "news", 1, "a") },
			&cluster.Message{Type: cluster.Broadcast, Namespace: "/", Payload: event(`["news",1,"a"]`)}},
		{"rooms", func(e *emitter.Emitter) error {
			return e.Of("chat").To("a").In("b").Except("c").Volatile().Compress(false).Emit(ctx, "news")
		}, &cluster.Message{Type: cluster.Broadcast, Namespace: "/chat", Payload: event(`["news"]`),
			Selector: cluster.Selector{Rooms: []string{"a", "b"}, Except: []string{"c"}},
			Flags:    cluster.Flags{Volatile: true, NoCompress: true}}},
		{"binary", func(e *emitter.Emitter) error { return e.Emit(ctx, "file", []byte("x")) },
			&cluster.Message{Type: cluster.Broadcast, Namespace: "/", Payload: event(`["file",{"_placeholder":true,"num":0}]`, []byte("x"))}},
		{"join", func(e *emitter.Emitter) error { return e.To("a").SocketsJoin(ctx, "b") },
			&cluster.Message{Type: cluster.SocketsJoin, Namespace: "/", Rooms: []string{"b"}, Selector: cluster.Selector{Rooms: []string{"a"}}}},
		{"leave", func(e *emitter.Emitter) error { return e.Of("/x").SocketsLeave(ctx, "b", "c") },
			&cluster.Message{Type: cluster.SocketsLeave, Namespace: "/x", Rooms: []string{"b", "c"}}},
		{"disconnect", func(e *emitter.Emitter) error { return e.Except("a").DisconnectSockets(ctx, true) },
			&cluster.Message{Type: cluster.DisconnectSockets, Namespace: "/", Close: true, Selector: cluster.Selector{Except: []string{"a"}}}},
		{"servers", func(e *emitter.Emitter) error { return e.To().ServerSideEmit(ctx, "reload") },
			&cluster.Message{Type: cluster.ServerSideEmit, Namespace: "/", Payload: event(`["reload"]`)}},
		{"to nobody", func(e *emitter.Emitter) error { return e.To().Emit(ctx, "news") }, nil},
		{"no rooms to join", func(e *emitter.Emitter) error { return e.SocketsJoin(ctx) }, nil},
		{"no rooms to leave", func(e *emitter.Emitter) error { return e.SocketsLeave(ctx) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := new(bus)
			if err := c.send(emitter.New(b)); err != nil {
				t.Fatal(err)
			}
			if c.want == nil {
				if len(b.sent) > 0 {
					t.Errorf("sent %+v", b.sent[0])
				}
				return
			}
			c.want.From = cluster.EmitterID
			if len(b.sent) != 1 || !reflect.DeepEqual(b.sent[0], c.want) {
				t.Errorf("sent %+v, want %+v", b.sent, c.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	b := &bus{err: broken}
	e := emitter.New(b)
	if err := e.Emit(t.Context(), "connect"); err == nil {
		t.Error("a reserved name was taken")
	}
	if err := e.Emit(t.Context(), "event", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
	if err := e.ServerSideEmit(t.Context(), "event", make(chan int)); err == nil {
		t.Error("a channel was encoded for servers")
	}
	if len(b.sent) > 0 {
		t.Errorf("sent %v", b.sent)
	}
	if err := e.Emit(t.Context(), "event"); !errors.Is(err, broken) {
		t.Errorf("Emit = %v", err)
	}
	if err := e.Close(); err != nil || !b.closed {
		t.Errorf("Close = %v, closed: %v", err, b.closed)
	}
}
