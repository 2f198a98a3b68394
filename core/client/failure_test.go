package client_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

// A handler that fails is an error of the Call, at both ends, whatever it is decoded
// into.
func TestCallOfFailingHandler(t *testing.T) {
	internal := errors.New("secret")
	sio := socketio.NewServer(&socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
	defer sio.Close()
	socketio.OnCall(sio, "add", func(context.Context, *socketio.Socket, socketio.None) (int, error) {
		return 0, &socketio.Error{Message: "too many numbers", Data: 100}
	})
	socketio.OnCall(sio, "break", func(context.Context, *socketio.Socket, socketio.None) (int, error) { return 0, internal })
	back := make(chan error, 1)
	socketio.On(sio, "ask me", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		_, err := socketio.Call[socketio.None](ctx, s, "drink")
		back <- err
		return nil
	})
	c := siotest.Pair(t, sio, nil)
	client.OnCall(c, "drink", func(context.Context, client.None) (string, error) { return "", &client.Error{Message: "no"} })

	_, err := client.Call[struct{ N int }](t.Context(), c, "add")
	checkAnswerError(t, err, "too many numbers", "100")
	_, err = client.Call[client.None](t.Context(), c, "break")
	checkAnswerError(t, err, "internal error", "")
	if err := c.Emit("ask me"); err != nil {
		t.Fatal(err)
	}
	checkAnswerError(t, <-back, "no", "")
}

// Who does not wait any more does not ask.
func TestCallWithEndedContext(t *testing.T) {
	sio := socketio.NewServer(nil)
	defer sio.Close()
	asked := make(chan string, 10)
	sio.OnAny(func(_ context.Context, e *socketio.Event) { asked <- e.Name() })
	back := make(chan error, 1)
	socketio.On(sio, "ask me", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := socketio.Call[int](ended, s, "too late")
		back <- err
		return nil
	})
	c := siotest.Pair(t, sio, nil)
	c.OnAny(func(_ context.Context, event string, _ parser.Args) { t.Errorf("the client got %s", event) })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Call[int](ended, c, "too late"); !errors.Is(err, context.Canceled) {
		t.Errorf("Call at the client: %v", err)
	}
	c.Emit("ask me")
	if err := <-back; !errors.Is(err, context.Canceled) {
		t.Errorf("Call at the server: %v", err)
	}
	if got := <-asked; got != "ask me" {
		t.Errorf("the server got %s", got)
	}
}

func checkAnswerError(t *testing.T, err error, message, data string) {
	t.Helper()
	var failed *client.AnswerError
	if !errors.As(err, &failed) || failed.Message != message || string(failed.Data) != data {
		t.Errorf("got %#v, want %s %s", err, message, data)
	}
}

// A refusal at a reconnection ends all attempts. It is logged if there is nobody to tell.
func TestRefusalIsLogged(t *testing.T) {
	for _, listens := range []bool{false, true} {
		log := new(lines)
		sio := socketio.NewServer(&socketio.Options{Logger: slog.New(slog.DiscardHandler)})
		defer sio.Close()
		var refuse atomic.Bool
		sio.Use(func(context.Context, *socketio.Socket) error {
			if refuse.Load() {
				return socketio.Reject("unauthorized", nil)
			}
			return nil
		})
		c := siotest.Pair(t, sio, &client.Options{
			Logger:       slog.New(slog.NewTextHandler(log, nil)),
			Reconnection: client.Reconnection{Delay: time.Millisecond},
		})
		told := make(chan error, 1)
		if listens {
			c.OnConnectError(func(err error) { told <- err })
		}
		refuse.Store(true)
		gone := make(chan struct{})
		c.OnDisconnect(func(client.Reason, error) { close(gone) })
		sio.DisconnectSockets(true)
		<-gone // by the server: the client has to ask again
		c.Open()
		if listens {
			<-told
		}
		for log.String() == "" && !listens || c.Active() {
			runtime.Gosched()
		}
		if got := strings.Contains(log.String(), "unauthorized"); got == listens {
			t.Errorf("somebody listens: %v; the log: %s", listens, log)
		}
	}
}

type lines struct {
	mu sync.Mutex
	strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}
