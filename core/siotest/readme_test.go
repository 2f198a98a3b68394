package siotest_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

func newServer() *socketio.Server {
	sio := socketio.NewServer(nil)
	sio.Use(func(ctx context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if s.Auth(&auth); auth.Token != "letmein" {
			return socketio.Reject("unauthorized", nil)
		}
		return nil
	})
	socketio.OnCall(sio, "greet", func(ctx context.Context, s *socketio.Socket, name string) (string, error) {
		return "hello, " + name, nil
	})
	return sio
}

// README: testing
func TestGreeting(t *testing.T) {
	sio := newServer()
	ts := httptest.NewServer(sio)
	defer ts.Close()
	defer sio.Close()

	c := siotest.WebSocket(t, ts.URL, nil)
	c.Send(`40{"token":"wrong"}`)
	c.Expect(`44{"message":"unauthorized"}`)
	c.Connect("/", `{"token":"letmein"}`)
	c.Send(`421["greet","gopher"]`) // event with acknowledgement 1
	c.Expect(`431["hello, gopher"]`)
}

// README: end
