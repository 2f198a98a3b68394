package socketio

import (
	"context"
	"iter"

	"github.com/gosocketio/sio/core/parser"
)

// None is the type of an argument that there is not: of an event without
// arguments, and of an acknowledgement without values.
type None = parser.None

// On registers a typed handler: the first argument of the event is decoded into
// T; further ones are ignored. Use [None] as T for an event without arguments
// and Registrar.Handle for one with several. An argument that is missing or of
// another type is an [*ArgError] and fn is not called. If the client asked for an
// acknowledgement, it gets one without values when fn has returned. Everything
// else is as said at Registrar.Handle.
func On[T any](r Registrar, event string, fn func(context.Context, *Socket, T) error) {
	mustNotBeNil(fn == nil, "On")
	r.Handle(event, typed[T](func(ctx context.Context, e *Event) error {
		var v T
		if err := e.packet.Args.DecodeOne(&v); err != nil {
			return err
		}
		if err := fn(ctx, e.socket, v); err != nil || !e.packet.HasID {
			return err
		}
		return e.answer()
	}))
}

// OnCall is like On, for an event that is answered: what fn returns is the
// acknowledgement. Use [None] as R for one without values.
func OnCall[T, R any](r Registrar, event string, fn func(context.Context, *Socket, T) (R, error)) {
	mustNotBeNil(fn == nil, "OnCall")
	r.Handle(event, typed[T](func(ctx context.Context, e *Event) error {
		var v T
		if err := e.packet.Args.DecodeOne(&v); err != nil {
			return err
		}
		result, err := fn(ctx, e.socket, v)
		if err != nil || !e.packet.HasID {
			return err
		}
		if _, none := any(result).(None); none {
			return e.answer()
		}
		return e.answer(result)
	}))
}

// typed returns f as the handler of events whose argument is decoded into T.
func typed[T any](f HandlerFunc) Handler {
	if _, all := any((*T)(nil)).(*parser.Args); all { // they are those of the event, not a copy
		return f
	}
	return typedHandler{f, parser.Copies[T]()}
}

// Emitter is what events can be sent with: a [*Socket], a [Sender], a
// [Broadcaster], a [*Namespace], a [*Server], a [*RemoteSocket] and the sockets of
// package client.
type Emitter interface {
	Emit(event string, args ...any) error
}

// Caller is what can be asked: a [*Socket], a [*RemoteSocket] and the sockets of
// package client.
type Caller interface {
	// Ask sends an event and waits for its acknowledgement.
	Ask(ctx context.Context, event string, args ...any) (parser.Args, error)
}

// Call sends an event to one client and waits for its acknowledgement, whose
// first value it decodes into R; use [None] for an acknowledgement without
// values, and parser.Args for all of them. It blocks until the answer is there,
// ctx ends (and returns its error) or the client is gone (ErrDisconnected). If the
// client's handler failed, and said so as those of package client do, the error is an
// [*AnswerError]. It may be called in a handler.
func Call[R any](ctx context.Context, to Caller, event string, args ...any) (R, error) {
	var result R
	answer, err := to.Ask(ctx, event, args...)
	if err != nil {
		return result, err
	}
	err = answer.DecodeAnswer(&result)
	return result, err
}

// CallAll sends an event to many clients and yields the first value of their
// acknowledgements as they come, or the error of decoding one, or an [*AnswerError]
// for each client whose handler failed and said so. It ends when all
// have answered, or ctx has ended; if answers are missing then, the last value is
// a [*MissingError]. Nothing is sent before the iteration begins, which must not
// be repeated; breaking off forgets the answers to come.
func CallAll[R any](ctx context.Context, to Audience, event string, args ...any) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for answer, err := range to.broadcaster().AskAll(ctx, event, args...) {
			var result R
			if err == nil {
				err = answer.Args.DecodeAnswer(&result)
			}
			if !yield(result, err) {
				return
			}
		}
	}
}

// ClientSocket is the client's end of declared events: the sockets of package
// client.
type ClientSocket interface {
	Emitter
	Caller
	// Handle registers a function for an event. If the server asked for an
	// acknowledgement, what fn returns is its values.
	Handle(event string, fn func(ctx context.Context, args parser.Args) (answer []any, err error))
}

// EventType declares an event and the type of its argument once, for all who
// send or handle it, on both sides.
type EventType[T any] struct{ Name string }

// On registers a handler for the event. See [On].
func (t EventType[T]) On(r Registrar, fn func(context.Context, *Socket, T) error) { On(r, t.Name, fn) }

// OnClient registers a handler for the event at the client's end. See
// client.On.
func (t EventType[T]) OnClient(s ClientSocket, fn func(context.Context, T) error) {
	mustNotBeNil(fn == nil, "OnClient")
	s.Handle(t.Name, func(ctx context.Context, args parser.Args) ([]any, error) {
		var v T
		if err := args.DecodeOne(&v); err != nil {
			return nil, err
		}
		return nil, fn(ctx, v)
	})
}

// Emit sends the event.
func (t EventType[T]) Emit(to Emitter, v T) error {
	if _, none := any(v).(None); none {
		return to.Emit(t.Name)
	}
	return to.Emit(t.Name, v)
}

// CallType declares an event that is answered, the type of its argument and that
// of its answer.
type CallType[T, R any] struct{ Name string }

// On registers a handler for the event. See [OnCall].
func (t CallType[T, R]) On(r Registrar, fn func(context.Context, *Socket, T) (R, error)) {
	OnCall(r, t.Name, fn)
}

// OnClient registers a handler for the event at the client's end. See
// client.OnCall.
func (t CallType[T, R]) OnClient(s ClientSocket, fn func(context.Context, T) (R, error)) {
	mustNotBeNil(fn == nil, "OnClient")
	s.Handle(t.Name, func(ctx context.Context, args parser.Args) ([]any, error) {
		var v T
		if err := args.DecodeOne(&v); err != nil {
			return nil, err
		}
		result, err := fn(ctx, v)
		if err != nil {
			return nil, err
		}
		return arguments(result), nil
	})
}

// Call sends the event and waits for the answer. See [Call].
func (t CallType[T, R]) Call(ctx context.Context, to Caller, v T) (R, error) {
	return Call[R](ctx, to, t.Name, arguments(v)...)
}

// CallAll sends the event to many and yields their answers. See [CallAll].
func (t CallType[T, R]) CallAll(ctx context.Context, to Audience, v T) iter.Seq2[R, error] {
	return CallAll[R](ctx, to, t.Name, arguments(v)...)
}

func arguments(v any) []any {
	if _, none := v.(None); none {
		return nil
	}
	return []any{v}
}
