package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
)

// Acknowledgements: of handlers that answer, fail and panic. One of a connection that is
// gone is not sent.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures []string
		sc := scripted(t)
		gate := make(chan struct{})
		s, p := sc.open(func(o *client.Options) {
			o.ErrorHandler = func(_ *client.Socket, event string, err error) {
				failures = append(failures, fmt.Sprint(event, ": ", err))
			}
		})
		s.Handle("two", func(_ context.Context, args parser.Args) ([]any, error) { return []any{1, "b"}, nil })
		client.On(s, "none", func(context.Context, client.None) error { return nil })
		client.On(s, "int", func(context.Context, int) error { return nil })
		client.On(s, "secret", func(context.Context, client.None) error { return errors.New("secret") })
		client.On(s, "public", func(context.Context, client.None) error {
			return fmt.Errorf("wrapped: %w", &client.Error{Message: "no", Data: 5})
		})
		client.On(s, "panic", func(context.Context, client.None) error { panic("boom") })
		client.On(s, "nil error", func(context.Context, client.None) error { return (*client.Error)(nil) })
		client.OnCall(s, "channel", func(context.Context, client.None) (any, error) { return make(chan int), nil })
		client.OnCall(s, "bytes", func(context.Context, client.None) ([]byte, error) { return []byte{7}, nil })
		client.On(s, "slow", func(context.Context, client.None) error { <-gate; return nil })
		for i, c := range []struct{ event, want string }{
			{`"two"`, `[1,"b"]`},
			{`"none"`, `[]`},
			{`"int","x"`, `[{"error":"args[0] as int: `},
			{`"secret"`, `[{"error":"internal error"}]`},
			{`"public"`, `[{"error":"no","data":5}]`},
			{`"panic"`, `[{"error":"internal error"}]`},
			{`"nil error"`, `[{"error":"internal error"}]`},
			{`"channel"`, `[{"error":"internal error"}]`},
		} {
			p.send(fmt.Sprintf(`42%d[%s]`, i, c.event))
			if got, want := p.next(), fmt.Sprint("43", i, c.want); !strings.HasPrefix(got, want) {
				t.Errorf("%s was answered %s, want %s", c.event, got, want)
			}
		}
		p.send(`4277["bytes"]`)
		p.want(`461-77[{"_placeholder":true,"num":0}]`, "b:\x07")
		p.send(`421["nobody"]`, `422["slow"]`)
		synctest.Wait()
		p.cut()
		p = sc.acceptSocket()
		synctest.Wait()
		close(gate)
		s.Emit("last")
		p.want(`42["last"]`)
		synctest.Wait()
		if len(failures) != 6 || !strings.HasPrefix(failures[3], "panic: client: panic in a handler: boom") {
			t.Errorf("failures %q", failures)
		}
		if !s.Connected() {
			t.Error("a failure disconnected the socket")
		}
	})
}

// An acknowledgement is for the socket that the server had then: not for the one that
// it has after a Disconnect and an Open on the same connection.
func TestAnswerAfterComingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		foo := s.Of("/foo")
		gate := make(chan struct{})
		client.On(foo, "slow", func(context.Context, client.None) error { <-gate; return nil })
		foo.Open()
		p.want("40/foo,")
		p.send(`40/foo,{"sid":"1"}`, `42/foo,5["slow"]`)
		synctest.Wait()
		foo.Disconnect()
		foo.Open()
		p.want("41/foo,", "40/foo,")
		p.send(`40/foo,{"sid":"2"}`)
		synctest.Wait()
		close(gate)
		synctest.Wait()
		foo.Emit("last")
		p.want(`42/foo,["last"]`)
	})
}
