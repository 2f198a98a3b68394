package client

import (
	"context"

	"github.com/gosocketio/sio/core/parser"
)

// None is the type of an argument that there is not: of an event without
// arguments, and of an acknowledgement without values.
type None = parser.None

// On registers a typed handler: the first argument of the event is decoded into
// T; further ones are ignored. Use [None] as T for an event without arguments,
// parser.Args for all of them. An argument that is missing or of another type is an
// [*ArgError] and fn is not called. If the server asked for an acknowledgement, it
// gets one without values. Everything else is as said at Socket.Handle.
func On[T any](s *Socket, event string, fn func(context.Context, T) error) {
	s.Handle(event, func(ctx context.Context, args parser.Args) ([]any, error) {
		var v T
		if err := args.DecodeOne(&v); err != nil {
			return nil, err
		}
		return nil, fn(ctx, v)
	})
}

// OnCall is like On, for an event that is answered: what fn returns is the
// acknowledgement. Use [None] as R for one without values.
func OnCall[T, R any](s *Socket, event string, fn func(context.Context, T) (R, error)) {
	s.Handle(event, func(ctx context.Context, args parser.Args) ([]any, error) {
		var v T
		if err := args.DecodeOne(&v); err != nil {
			return nil, err
		}
		result, err := fn(ctx, v)
		if err != nil {
			return nil, err
		}
		if _, none := any(result).(None); none {
			return nil, nil
		}
		return []any{result}, nil
	})
}

// Caller is what can be asked: a [*Socket] or a [Sender].
type Caller interface {
	// Ask sends an event and waits for its acknowledgement.
	Ask(ctx context.Context, event string, args ...any) (parser.Args, error)
}

// Call sends an event and waits for its acknowledgement, whose first value it
// decodes into R; use [None] for an acknowledgement without values, and parser.Args
// for all of them. If the handler at the other end failed, and said so as ours do, the
// error is an [*AnswerError]. Everything else is as said at Socket.Ask. It may be called
// in a handler.
func Call[R any](ctx context.Context, to Caller, event string, args ...any) (R, error) {
	var result R
	answer, err := to.Ask(ctx, event, args...)
	if err != nil {
		return result, err
	}
	err = answer.DecodeAnswer(&result)
	return result, err
}
