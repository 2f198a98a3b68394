package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gosocketio/sio/core/client"
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

func checkAnswerError(t *testing.T, err error, message, data string) {
	t.Helper()
	var failed *client.AnswerError
	if !errors.As(err, &failed) || failed.Message != message || string(failed.Data) != data {
		t.Errorf("got %#v, want %s %s", err, message, data)
	}
}
