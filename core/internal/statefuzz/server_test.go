package statefuzz

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// The namespaces that clients may ask for.
const (
	nsRoot    = "/"
	nsA       = "/a"
	nsX       = "/dyn-x" // comes and goes
	nsY       = "/dyn-y"
	nsSlow    = "/slow" // its middleware takes a second
	nsRefused = "/refused"
	nsBroken  = "/broken" // its middleware panics
	nsNone    = "/none"
)

var namespaces = []string{nsRoot, nsA, nsX, nsY, nsSlow, nsRefused, nsBroken, nsNone}

// refusalOf is the message of the connect_error of a namespace, "" if it admits clients.
var refusalOf = map[string]string{nsRefused: "no", nsBroken: "internal error", nsNone: "Invalid namespace"}

// tagPrefix begins the names of connections, which raw steps do not hit by chance.
const tagPrefix = "~k7f:"

// slowness is how long slow handlers take.
const slowness = 200 * time.Millisecond

// errBroken is what handlers panic with.
var errBroken = errors.New("broken on purpose")

// newServer returns a server with the handlers that programs need.
func newServer(set settings, l *ledger, log *alarm) (*socketio.Server, *socketio.DynamicNamespace) {
	opts := &socketio.Options{
		AllowEIO3:    true,
		CloseTimeout: 5 * time.Second,
		QueuePolicy:  set.policy,
		Logger:       slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})),
		ErrorHandler: func(s *socketio.Socket, event string, err error) {
			var p *socketio.PanicError
			if errors.As(err, &p) && p.Value != errBroken {
				l.fault("panic in %q: %v\n%s", event, p.Value, p.Stack)
			}
		},
	}
	if set.recovery {
		opts.Recovery = &socketio.Recovery{MaxDisconnection: time.Minute}
	}
	if set.tight {
		opts.MaxQueueMessages, opts.MaxQueueBytes = 4, 2000
		opts.MaxInflight, opts.MaxPayload, opts.MaxNamespaces, opts.MaxAttachments = 2, 600, 2, 1
		opts.MaxAttachmentBytes, opts.MaxArguments, opts.MaxDepth, opts.MaxEventLength = 30, 8, 4, 12
		opts.MaxRooms, opts.MaxPendingAcks, opts.MaxInflightBytes, opts.MaxPacketsPerPayload = 1, 1, 2000, 6
		opts.MaxPreConnectBytes, opts.EventLimiter = 300, socketio.TokenBuckets(5, 8)
	}
	if set.compress {
		opts.HTTPCompressionThreshold, opts.WebSocketCompressionThreshold = 1, 1
	}
	sio := socketio.NewServer(opts)
	register(sio.Namespace, l)
	register(sio.Of(nsA), l)
	dyn := sio.OfMatch(regexp.MustCompile(`^/dyn-[a-z]$`))
	register(dyn, l)
	slow := sio.Of(nsSlow)
	slow.Use(func(ctx context.Context, s *socketio.Socket) error {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		return nil
	})
	register(slow, l)
	sio.Of(nsRefused).Use(func(context.Context, *socketio.Socket) error { return socketio.Reject("no", nil) })
	register(sio.Of(nsRefused), l)
	sio.Of(nsBroken).Use(func(context.Context, *socketio.Socket) error { panic(errBroken) })
	register(sio.Of(nsBroken), l)
	return sio, dyn
}

// registrar is a namespace, dynamic or not.
type registrar interface {
	socketio.Registrar
	OnConnect(func(context.Context, *socketio.Socket) error)
}

// register registers the handlers of a namespace.
func register(r registrar, l *ledger) {
	r.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if name := s.Namespace().Name(); refusalOf[name] != "" {
			l.fault("OnConnect in %s", name)
		}
		w := l.connected(s)
		w.enter("connect")
		defer w.leave()
		return nil
	})
	r.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) {
		if w := l.of(s, "disconnecting"); w != nil {
			w.onDisconnecting(s)
		}
	})
	r.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		if w := l.of(s, "disconnect"); w != nil {
			w.onDisconnect(s, reason)
		}
	})
	for name, handle := range handlers {
		r.Handle(name, socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
			return l.handle(ctx, e, handle)
		}))
	}
	socketio.On(r, "typed", func(_ context.Context, s *socketio.Socket, _ int) error {
		l.fault("a handler ran with an argument that is none of its type")
		return nil
	})
}

// handler is what is done about an event once it was noted.
type handler func(ctx context.Context, e *socketio.Event, tag string, number int) error

var handlers = map[string]handler{
	"plain": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		return reply(e, tag, number)
	},
	"binary": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		var data []byte
		if err := e.Scan(nil, nil, &data); err != nil {
			return err
		}
		return reply(e, tag, number, data)
	},
	"slow": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		time.Sleep(slowness)
		return reply(e, tag, number)
	},
	"echo": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		ignoreGone(e.Socket().Emit("echoed", tag, number))
		return reply(e, tag, number)
	},
	"shout": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		s := e.Socket()
		if err := s.Broadcast().Emit("shouted", tag, number); err != nil {
			return err
		}
		return reply(e, tag, number)
	},
	"fail":  func(context.Context, *socketio.Event, string, int) error { return &socketio.Error{Message: "failed"} },
	"panic": func(context.Context, *socketio.Event, string, int) error { panic(errBroken) },
	"kick": func(_ context.Context, e *socketio.Event, _ string, _ int) error {
		e.Socket().Disconnect(false)
		return nil
	},
	"end": func(_ context.Context, e *socketio.Event, _ string, _ int) error {
		e.Socket().Disconnect(true)
		return nil
	},
	"ask": func(ctx context.Context, e *socketio.Event, tag string, number int) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		e.Socket().Ask(ctx, "question", tag, -number)
		return reply(e, tag, number)
	},
	"twice": func(_ context.Context, e *socketio.Event, tag string, number int) error {
		if err := reply(e, tag, number); err != nil || !e.WantsReply() {
			return err
		}
		if err := e.Reply("again"); err != socketio.ErrAlreadyReplied {
			return errors.New("the second reply: " + errorText(err))
		}
		return nil
	},
}

// handle notes the event and handles it.
func (l *ledger) handle(ctx context.Context, e *socketio.Event, handle handler) error {
	w := l.of(e.Socket(), e.Name())
	if w == nil {
		return nil
	}
	w.enter(e.Name())
	defer w.leave()
	var tag string
	var number int
	if err := e.Scan(&tag, &number); err != nil || !strings.HasPrefix(tag, tagPrefix) {
		return nil // the work of a raw step
	}
	w.handled(tag, number)
	return handle(ctx, e, tag, number)
}

// reply answers if the client wants it, and has not left.
func reply(e *socketio.Event, values ...any) error {
	if !e.WantsReply() {
		return nil
	}
	return ignoreGone(e.Reply(values...))
}

// ignoreGone takes errors away that are no fault of anybody.
func ignoreGone(err error) error {
	if errors.Is(err, socketio.ErrDisconnected) || errors.Is(err, socketio.ErrQueueFull) {
		return nil
	}
	return err
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// alarm is where the logs of errors go: there must be none.
type alarm struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (a *alarm) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.Contains(string(p), errBroken.Error()) {
		return len(p), nil
	}
	return a.text.Write(p)
}

func (a *alarm) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}
