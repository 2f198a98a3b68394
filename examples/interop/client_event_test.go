package interop_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	goclient "github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// samples are arguments of every kind.
var samples = map[string][]any{
	"no arguments":        {},
	"numbers":             {0, -1, 1.5, 1e21, 1e-7, math.MaxInt32, 9007199254740991},
	"strings and unicode": {"", "日本語", "🚀 é \u2028 \u0000 \" \\ \n\x1e", "<&>"},
	"booleans and null":   {true, false, nil},
	"arrays":              {[]any{}, []any{1, []any{2, []any{3, []any{nil}}}}},
	"objects":             {map[string]any{}, map[string]any{"a": map[string]any{"b": []any{1, map[string]any{"c": "d"}}}, "ключ": true}},
	"nested binary": {
		[]byte{1, 2, 3},
		map[string]any{"deep": []any{map[string]any{"er": []byte("bytes")}, "text"}, "empty": []byte{}, "none": nil},
	},
}

var eventChecks = []check{
	{"events/arguments of every kind there and back", func(r *rig) {
		s := r.connect("/")
		echo := listen(s, "echo")
		for what, args := range samples {
			r.emit(s, "echo", args...)
			r.Log(what)
			r.equal(next(r, echo), args)
		}
	}},
	{"events/arguments of every kind in an acknowledgement", func(r *rig) {
		s := r.connect("/")
		for what, args := range samples {
			r.Log(what)
			r.equal(r.ask(s, "ack", args...), args)
		}
	}},
	{"events/large arguments", func(r *rig) {
		s := r.connect("/")
		large := []any{strings.Repeat("ü€", 40_000), bytes.Repeat([]byte{7}, 200_000)}
		r.equal(r.ask(s, "ack", large...), large)
	}},
	{"events/binary in a struct", func(r *rig) {
		type file struct {
			Name string `json:"name"`
			Data []byte `json:"data"`
		}
		s := r.connect("/")
		r.equal(r.ask(s, "ack", file{"a", []byte{0, 255}}), []any{map[string]any{"name": "a", "data": []byte{0, 255}}})
		if got := call[file](r, s, "ack", file{"b", []byte{9}}); got.Name != "b" || !bytes.Equal(got.Data, []byte{9}) {
			r.Errorf("got %v", got)
		}
	}},
	{"events/the server asks", func(r *rig) {
		s := r.connect("/")
		answered := listen(s, "answered")
		s.Handle("question", func(_ context.Context, args parser.Args) ([]any, error) {
			values, err := decode(args)
			return []any{map[string]any{"got": values, "bytes": []byte{4}}}, err
		})
		r.emit(s, "ask", "tea", map[string]any{"or": []byte{5}})
		want := map[string]any{"got": []any{"tea", map[string]any{"or": []byte{5}}}, "bytes": []byte{4}}
		r.equal(next(r, answered), []any{"", want})
	}},
	{"events/the server asks, a handler fails", func(r *rig) {
		s := r.connect("/")
		answered := listen(s, "answered")
		goclient.OnCall(s, "question", func(context.Context, int) (int, error) {
			return 0, &goclient.Error{Message: "no idea", Data: 7}
		})
		r.emit(s, "ask", 1)
		r.equal(next(r, answered), []any{"", map[string]any{"error": "no idea", "data": 7}})
	}},
	{"events/the server asks in vain", func(r *rig) {
		s := r.connect("/")
		answered := listen(s, "answered")
		r.emit(s, "ask-briefly", 50) // there is no handler for its question
		r.equal(next(r, answered), []any{"timeout", nil})
		r.equal(r.ask(s, "ack", 1), []any{1})
	}},
	{"events/the client asks in a handler", func(r *rig) {
		s := r.connect("/")
		got := make(chan int, 1)
		goclient.On(s, "echo", func(ctx context.Context, n int) error {
			twice, err := goclient.Call[int](ctx, s, "ack", 2*n)
			got <- twice
			return err
		})
		r.emit(s, "echo", 21)
		r.equal(next(r, got), 42)
	}},
	{"events/the client asks in vain", func(r *rig) {
		s := r.connect("/")
		ctx, cancel := context.WithTimeout(r.ctx, 100*time.Millisecond)
		defer cancel()
		_, err := s.Ask(ctx, "nobody-handles-this", 1)
		if !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("error %v", err)
		}
		r.equal(r.ask(s, "ack", 1), []any{1})
	}},
	{"events/AckTimeout", func(r *rig) {
		s := r.connect("/", func(o *goclient.Options) { o.AckTimeout = 100 * time.Millisecond })
		if _, err := s.Ask(context.Background(), "nobody-handles-this"); !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("error %v", err)
		}
	}},
	{"events/an answer of another type", func(r *rig) {
		s := r.connect("/")
		_, err := goclient.Call[int](r.ctx, s, "ack", "text")
		var arg *goclient.ArgError
		if !errors.As(err, &arg) {
			r.Errorf("error %v", err)
		}
	}},
	{"events/volatile from the client", func(r *rig) {
		s := r.connect("/")
		for range 50 { // it may be lost, but not each time
			if err := s.Volatile().Emit("say", s.ID(), "v"); err != nil {
				r.Fatal(err)
			}
			if len(call[[]any](r, s, "heard", s.ID())) > 0 {
				return
			}
		}
		r.Error("none of 50 arrived")
	}},
	{"events/volatile before the connection is dropped", func(r *rig) {
		s := r.create(r.to.URL, r.options())
		if err := s.Volatile().Emit("seq", 0); err != nil {
			r.Error(err)
		}
		if _, err := s.Volatile().Ask(r.ctx, "ack"); err != goclient.ErrDropped {
			r.Errorf("error %v", err)
		}
		r.ready(s)
		r.equal(call[any](r, s, "seq-report"), map[string]any{"count": 0, "ordered": true})
	}},
	{"events/volatile from the server", func(r *rig) {
		s := r.connect("/")
		got := listen(s, "volatile")
		for range 50 {
			r.emit(s, "volatile", "now")
			r.ask(s, "ack")
			if len(got) > 0 {
				r.equal(next(r, got), []any{"now"})
				return
			}
		}
		r.Error("none of 50 arrived")
	}},
	{"events/catch-all", func(r *rig) {
		s := r.connect("/")
		var out []string
		s.OnAnyOutgoing(func(event string, args []any) { out = append(out, event) })
		in := make(chan []any, 10)
		s.OnAny(func(_ context.Context, event string, args parser.Args) {
			values, err := decode(args)
			if event != "welcome" {
				in <- append([]any{event, err == nil}, values...)
			}
		})
		r.emit(s, "echo", 1, []byte{2})
		r.equal(next(r, in), []any{"echo", true, 1, []byte{2}})
		r.equal(out, []string{"echo"})
	}},
	{"events/catch-all on the server", func(r *rig) {
		s := r.connect("/")
		r.emit(s, "nobody-handles-this", 1)
		if err := s.Send("hello"); err != nil {
			r.Fatal(err)
		}
		report := call[map[string][]string](r, s, "any-report")
		r.equal(report["in"], []string{"nobody-handles-this", "message", "any-report"})
		r.equal(report["out"], []string{"welcome"})
	}},
	{"events/declared for both ends", func(r *rig) {
		s := r.connect("/")
		type point struct{ X, Y int }
		echoed := socketio.EventType[point]{Name: "echo"}
		question := socketio.CallType[point, int]{Name: "question"}
		asked := socketio.EventType[point]{Name: "ask"}
		got := make(chan point, 1)
		echoed.OnClient(s, func(_ context.Context, p point) error { got <- p; return nil })
		question.OnClient(s, func(_ context.Context, p point) (int, error) { return p.X * p.Y, nil })
		answered := listen(s, "answered")
		if err := errors.Join(echoed.Emit(s, point{1, 2}), asked.Emit(s, point{6, 7})); err != nil {
			r.Fatal(err)
		}
		r.equal(next(r, got), point{1, 2})
		r.equal(next(r, answered), []any{"", 42})
	}},
	{"events/reserved names", func(r *rig) {
		s := r.connect("/")
		if err := s.Emit("connect"); err == nil {
			r.Error("no error")
		}
	}},
	{"events/compression", func(r *rig) {
		s := r.connect("/", func(o *goclient.Options) { o.CompressionThreshold = 100 })
		text := strings.Repeat("z", 5000)
		r.equal(r.ask(s, "ack", text), []any{text})
		answer, err := s.Compress(false).Ask(r.ctx, "ack", text)
		var got string
		if err == nil {
			err = answer.DecodeOne(&got)
		}
		if err != nil || got != text {
			r.Errorf("%v, got %d bytes", err, len(got))
		}
	}},
}
