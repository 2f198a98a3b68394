// Package interop proves that the official clients work with the server. Its
// tests run the clients of testdata, in their own languages, against one
// contract: a set of namespaces and events that testdata/js/server.js implements
// with the official Node.js server, and this package with ours.
package interop

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// askTimeout is how long the server waits for the answer of a client.
const askTimeout = 5 * time.Second

// value is what a client keeps with the server, checked a mark of a middleware.
var (
	value   = socketio.NewKey[any]("value")
	checked = socketio.NewKey[bool]("checked")
)

// Contract is the contract on our server, twice: Main admits clients of version
// 2, Recovery has connection state recovery.
type Contract struct {
	Main     *socketio.Server
	Recovery *socketio.Server

	ends  *ends
	said  *said
	tasks sync.WaitGroup
}

// NewContract returns a contract that logs to logger.
func NewContract(logger *slog.Logger) *Contract {
	c := &Contract{ends: newEnds(), said: newSaid()}
	c.Main = c.server(&socketio.Options{Logger: logger, AllowEIO3: true})
	c.Recovery = c.server(&socketio.Options{Logger: logger, Recovery: &socketio.Recovery{MaxDisconnection: time.Minute}})
	return c
}

// Shutdown ends both servers and waits for everything that they do.
func (c *Contract) Shutdown(ctx context.Context) error {
	err := c.Main.Shutdown(ctx)
	if e := c.Recovery.Shutdown(ctx); err == nil {
		err = e
	}
	c.tasks.Wait()
	return err
}

func (c *Contract) server(opts *socketio.Options) *socketio.Server {
	opts.PingInterval, opts.PingTimeout = time.Second, 20*time.Second
	opts.CloseTimeout = 2 * time.Second
	sio := socketio.NewServer(opts)
	dynamic := sio.OfMatch(regexp.MustCompile(`^/dyn-\d+$`))
	guarded := sio.OfFunc(mayEnter)
	sio.Use(mark)
	dynamic.Use(mark)
	sio.Of("/auth").Use(checkToken)
	sio.Of("/slow").Use(slowly)
	for _, n := range []space{sio, sio.Of("/custom"), sio.Of("/auth"), sio.Of("/slow"), guarded} {
		c.serve(n, sio)
	}
	c.serve(dynamic, dynamic)
	return sio
}

// space is a namespace or many of them.
type space interface {
	socketio.Registrar
	OnConnect(func(context.Context, *socketio.Socket) error)
}

func (c *Contract) serve(n space, family socketio.Emitter) {
	handleEvents(n)
	c.handleStreams(n)
	handleRooms(n)
	c.handleEndings(n)
	socketio.On(n, "family", func(_ context.Context, _ *socketio.Socket, word any) error {
		return family.Emit("family", word)
	})
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			c.ends.forget(s.ID())
		}
		recordNames(s)
		recordSequence(s)
		return s.Emit("welcome", s.Namespace().Name())
	})
}

func mayEnter(_ context.Context, name string, auth json.RawMessage) bool {
	var given struct{ Key string }
	if auth == nil || json.Unmarshal(auth, &given) != nil {
		return false
	}
	return strings.HasPrefix(name, "/fn-") && given.Key == "open"
}

func mark(_ context.Context, s *socketio.Socket) error {
	checked.Set(s, true)
	return nil
}

func checkToken(_ context.Context, s *socketio.Socket) error {
	var auth struct{ Token string }
	if err := s.Auth(&auth); err != nil || auth.Token != "secret" {
		return socketio.Reject("not authorized", map[string]any{"code": 401, "hint": "send the token"})
	}
	return nil
}

func slowly(ctx context.Context, _ *socketio.Socket) error {
	select {
	case <-time.After(100 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
