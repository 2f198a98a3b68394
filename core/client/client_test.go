package client_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

type message struct {
	Text string `json:"text"`
	Data []byte `json:"data"`
}

// Events and acknowledgements of both directions, with binary.
func TestEvents(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		h := serve(t, nil)
		socketio.OnCall(h.sio, "double", func(ctx context.Context, s *socketio.Socket, m message) (message, error) {
			n, err := socketio.Call[int](ctx, s, "factor", m.Text)
			return message{strings.Repeat(m.Text, n), bytes.Repeat(m.Data, n)}, err
		})
		echo(h.sio)
		s := h.new("/", transport)
		client.OnCall(s, "factor", func(_ context.Context, text string) (int, error) { return 2, nil })
		echoed := make(chan message, 1)
		s.Handle("echo", func(_ context.Context, args parser.Args) ([]any, error) {
			var m message
			var n int
			err := args.Scan(&m, &n)
			if n != 7 {
				t.Errorf("second argument is %d", n)
			}
			echoed <- m
			return nil, err
		})
		connect(t, s)
		got, err := client.Call[message](soon(t), s, "double", message{"ab", []byte{1, 2}})
		if want := (message{"abab", []byte{1, 2, 1, 2}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Call = %v, %v, want %v", got, err, want)
		}
		sent := message{"hello", []byte{0, 255}}
		if err := s.Emit("echo", sent, 7); err != nil {
			t.Fatal(err)
		}
		if m := receive(t, echoed); !reflect.DeepEqual(m, sent) {
			t.Errorf("echo = %v, want %v", m, sent)
		}
	})
}

// What is declared once works at both ends.
func TestDeclaredEvents(t *testing.T) {
	var (
		posted = socketio.EventType[message]{Name: "posted"}
		sum    = socketio.CallType[[]int, int]{Name: "sum"}
		pause  = socketio.CallType[socketio.None, socketio.None]{Name: "pause"}
	)
	h := serve(t, nil)
	sum.On(h.sio, func(ctx context.Context, s *socketio.Socket, list []int) (total int, err error) {
		for _, n := range list {
			total += n
		}
		return total, posted.Emit(s, message{Text: "summed"})
	})
	asked := make(chan error, 1)
	pause.On(h.sio, func(ctx context.Context, s *socketio.Socket, _ socketio.None) (socketio.None, error) {
		_, err := pause.Call(ctx, s, socketio.None{})
		asked <- err
		return socketio.None{}, nil
	})
	s := h.new("/")
	got := make(chan string, 1)
	posted.OnClient(s, func(_ context.Context, m message) error { got <- m.Text; return nil })
	pause.OnClient(s, func(context.Context, socketio.None) (socketio.None, error) { return socketio.None{}, nil })
	connect(t, s)
	if n, err := sum.Call(soon(t), s, []int{1, 2, 3}); n != 6 || err != nil {
		t.Errorf("sum = %d, %v", n, err)
	}
	want(t, got, "summed")
	if _, err := pause.Call(soon(t), s, socketio.None{}); err != nil {
		t.Error(err)
	}
	if err := receive(t, asked); err != nil {
		t.Error(err)
	}
}

// CC10: a refusal has message and data, and nobody tries again.
func TestRefused(t *testing.T) {
	h := serve(t, nil)
	h.sio.Use(func(context.Context, *socketio.Socket) error {
		return socketio.Reject("no entry", map[string]int{"code": 7})
	})
	_, err := client.Dial(soon(t), address, h.options())
	var refused *client.ConnectError
	if !errors.As(err, &refused) || refused.Message != "no entry" || string(refused.Data) != `{"code":7}` {
		t.Fatalf("Dial = %#v", err)
	}
	s := h.new("/")
	failed := make(chan error, 10)
	s.OnConnectError(func(err error) { failed <- err })
	s.Open()
	if err := receive(t, failed); !errors.As(err, &refused) {
		t.Errorf("OnConnectError(%v)", err)
	}
	if s.Active() || s.Manager().Connected() {
		t.Error("still active")
	}
}

// Namespaces share a connection, which is there until the last one has left (CC1,
// CC5, CC25).
func TestNamespaces(t *testing.T) {
	h := serve(t, nil)
	echo(h.sio)
	echo(h.sio.Of("/chat"))
	s := h.dial("/")
	chat := s.Of("/chat")
	if chat != s.Of("chat") || chat.Manager() != s.Manager() {
		t.Error("not the same")
	}
	connect(t, chat)
	if chat.ID() == s.ID() || chat.ID() == "" {
		t.Errorf("ids %q and %q", chat.ID(), s.ID())
	}
	session := s.Manager().SessionID()
	s.Disconnect()
	if got, err := client.Call[string](soon(t), chat, "echo", "x"); got != "x" || err != nil {
		t.Errorf("Call = %q, %v", got, err)
	}
	if chat.Manager().SessionID() != session {
		t.Error("there is another connection")
	}
	if err := chat.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if s.Manager().Connected() {
		t.Error("the connection is still there")
	}
	if chat.Emit("x") != client.ErrClosed || chat.Connect(soon(t)) != client.ErrClosed || s.Of("/chat") == chat {
		t.Error("the socket is not closed")
	}
}

// CC4: what is sent before the socket is connected arrives, in order, before
// OnConnect runs.
func TestBufferedUntilConnected(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		h := serve(t, nil)
		got := make(chan string, 10)
		socketio.On(h.sio, "say", func(_ context.Context, _ *socketio.Socket, text string) error { got <- text; return nil })
		socketio.OnCall(h.sio, "ask", func(_ context.Context, _ *socketio.Socket, when any) (any, error) { return when, nil })
		s := h.new("/", transport)
		s.OnConnect(func(context.Context) { s.Emit("say", "connected") })
		s.Emit("say", "1")
		s.Emit("say", "ünïcödé")
		answer := make(chan any, 1)
		go func() {
			v, _ := client.Call[any](soon(t), s, "ask", time.UnixMilli(0).UTC())
			answer <- v
		}()
		s.Open()
		want(t, got, "1", "ünïcödé", "connected")
		want(t, answer, any("1970-01-01T00:00:00Z"))
	})
}

// CC14.
func TestReservedNames(t *testing.T) {
	s, err := client.New(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Emit("disconnecting"); err == nil || !strings.Contains(err.Error(), `"disconnecting" is a reserved event name`) {
		t.Errorf("Emit = %v", err)
	}
	if _, err := s.Ask(t.Context(), "connect"); err == nil {
		t.Error("Ask of a reserved name succeeded")
	}
	for name, f := range map[string]func(){
		"reserved": func() { client.On(s, "connect", func(context.Context, client.None) error { return nil }) },
		"nil":      func() { s.Handle("x", nil) },
		"twice": func() {
			client.On(s, "y", func(context.Context, client.None) error { return nil })
			client.On(s, "y", func(context.Context, client.None) error { return nil })
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	s.Off("y")
	client.On(s, "y", func(context.Context, client.None) error { return nil })
}
