package client

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/gosocketio/sio/core/parser"
)

// task is an entry of a socket's queue: what there are handlers for.
type task struct {
	kind   taskKind
	packet *parser.Packet // of an event
	epoch  int            // of the join that it came by
	reason Reason
	err    error
	event  string        // that failed
	told   bool          // somebody in Connect gets err, too
	done   chan struct{} // of a barrier; closed when it is its turn
}

type taskKind uint8

const (
	taskEvent taskKind = iota
	taskConnect
	taskDisconnect
	taskConnectError
	taskFailed
	taskBarrier
)

// run is called by the queue, for one task at a time.
func (s *Socket) run(t task) {
	table := s.load()
	switch t.kind {
	case taskEvent:
		s.handle(table, t)
	case taskConnect:
		for _, fn := range table.connect {
			s.guard("connect", func() { fn(s.ctx) })
		}
	case taskDisconnect:
		for _, fn := range table.disconnect {
			s.guard("disconnect", func() { fn(t.reason, t.err) })
		}
	case taskConnectError:
		if len(table.connectError) == 0 && !t.told {
			s.logRefusal(t.err)
		}
		for _, fn := range table.connectError {
			s.guard("connect_error", func() { fn(t.err) })
		}
	case taskFailed:
		s.failed(t.event, t.err)
	case taskBarrier:
		close(t.done)
	}
}

// guard runs user code, whose panic goes to the ErrorHandler.
func (s *Socket) guard(event string, f func()) {
	if err := safely(func() error { f(); return nil }); err != nil {
		s.failed(event, err)
	}
}

// safely makes an error of a panic.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return f()
}

// failed calls the ErrorHandler, whose own panic is logged.
func (s *Socket) failed(event string, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.m.opts.Logger.Error("client: panic in Options.ErrorHandler", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	s.m.opts.ErrorHandler(s, event, err)
}

// handle runs the handler of an event, and answers.
func (s *Socket) handle(table *table, t task) {
	p := t.packet
	for _, fn := range table.any {
		s.guard(p.Event, func() { fn(s.ctx, p.Event, p.Args) })
	}
	h := table.events[p.Event]
	if h == nil {
		return
	}
	hook, start := s.m.opts.Trace.EventHandled, time.Time{}
	if hook != nil {
		start = time.Now()
	}
	answer, err := s.call(h, p)
	if hook != nil {
		hook(s, p.Event, time.Since(start), err)
	}
	if err != nil {
		s.failed(p.Event, err)
		answer = []any{replyTo(err)}
	}
	if p.HasID {
		s.reply(t, answer)
	}
}

func (s *Socket) call(h handlerFunc, p *parser.Packet) (answer []any, err error) {
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return h(s.ctx, p.Args)
}

// logRefusal is for refusals that nobody else hears of.
func (s *Socket) logRefusal(err error) {
	if refused := (*ConnectError)(nil); errors.As(err, &refused) {
		s.m.opts.Logger.Warn("client: the server refuses the socket, which stays disconnected",
			"namespace", s.namespace, "error", err, "advice", "register a function with OnConnectError; Open tries again")
	}
}

// reply sends the acknowledgement of an event. If the values cannot be encoded, it
// says that.
func (s *Socket) reply(t task, answer []any) {
	h := parser.Header{Type: parser.Ack, ID: t.packet.ID, HasID: true}
	var it item
	err := safely(func() (err error) {
		it, err = s.encode(h, flags{}, answer)
		return err
	})
	if err != nil {
		s.failed(t.packet.Event, err)
		if it, err = s.encode(h, flags{}, []any{errorReply{Error: internalError}}); err != nil {
			return // no parser can do without that
		}
	}
	it.epoch = t.epoch // later it would answer another event
	s.m.mu.Lock()
	err = s.sendLocked(it)
	s.m.mu.Unlock()
	if err == ErrBufferFull {
		s.failed(t.packet.Event, err)
	}
}

const internalError = "internal error"

// replyTo is the acknowledgement of an event whose handler failed.
func replyTo(err error) any {
	var e *Error
	var arg *ArgError
	switch {
	case errors.As(err, &e) && e != nil:
		return errorReply{Error: e.Message, Data: e.Data}
	case errors.As(err, &arg) && arg != nil:
		return errorReply{Error: arg.Error()}
	}
	return errorReply{Error: internalError}
}
