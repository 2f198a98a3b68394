package siotest_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

// README: testing in memory
func TestGreet(t *testing.T) {
	sio := newServer()
	c := siotest.Pair(t, sio, &client.Options{Auth: map[string]string{"token": "letmein"}})
	text, err := client.Call[string](t.Context(), c, "greet", "gopher")
	if text != "hello, gopher" || err != nil {
		t.Errorf("greet = %q, %v", text, err)
	}
}

func TestStranger(t *testing.T) {
	err := siotest.Client(t, newServer(), "/", nil).Connect(t.Context())
	var refused *client.ConnectError
	if !errors.As(err, &refused) || refused.Message != "unauthorized" {
		t.Errorf("Connect = %v", err)
	}
}

// README: end

// Handlers that are registered before Connect miss nothing, in any namespace.
func TestClientNamespace(t *testing.T) {
	sio := socketio.NewServer(nil)
	sio.Of("/news").OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("hello", 1) })
	c := siotest.Client(t, sio, "/news", nil)
	got := make(chan int, 1)
	client.On(c, "hello", func(_ context.Context, n int) error { got <- n; return nil })
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != 1 || c.Namespace() != "/news" {
		t.Errorf("got %d in %s", n, c.Namespace())
	}
}

// In a bubble hours take no time, over each transport and behind a router.
func TestPairInBubble(t *testing.T) {
	for _, transports := range [][]string{nil, {"polling"}, {"polling", "websocket"}} {
		t.Run(strings.Join(transports, "+"), func(t *testing.T) {
			t.Setenv("HTTP_PROXY", "http://proxy.invalid") // is not asked
			synctest.Test(t, func(t *testing.T) {
				sio := socketio.NewServer(nil)
				socketio.OnCall(sio, "time", func(context.Context, *socketio.Socket, socketio.None) (time.Time, error) {
					return time.Now(), nil
				})
				mux := http.NewServeMux()
				mux.Handle("/ws/", sio)
				c := siotest.Pair(t, mux, &client.Options{Path: "/ws/", Transports: transports})
				c.OnDisconnect(func(reason client.Reason, err error) {
					if reason != client.ClientDisconnect {
						t.Errorf("disconnected: %s, %v", reason, err)
					}
				})
				start := time.Now()
				time.Sleep(24 * time.Hour)
				now, err := client.Call[time.Time](t.Context(), c, "time")
				if err != nil || now.Sub(start) < 24*time.Hour {
					t.Errorf("time = %v, %v", now, err)
				}
			})
		})
	}
}

// What Pair cannot do fails the test.
func TestPairFails(t *testing.T) {
	if os.Getenv("SIOTEST_PAIR") != "" {
		siotest.Pair(t, newServer(), nil)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPairFails$")
	cmd.Env = append(os.Environ(), "SIOTEST_PAIR=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "siotest: client: connect: unauthorized") {
		t.Errorf("%v\n%s", err, out)
	}
}
