package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

// TestRun: everything arrives, in order, before the disconnect, every time.
func TestRun(t *testing.T) {
	heard := make(chan string, 10)
	url := trial.Start(t, func(io.Writer) (http.Handler, *socketio.Server) {
		sio := socketio.NewServer(nil)
		socketio.On(sio, "message", func(_ context.Context, _ *socketio.Socket, said any) error {
			if data, ok := said.(map[string]any); ok {
				said = data["msg"]
			}
			heard <- said.(string)
			return nil
		})
		socketio.On(sio, "msg", func(_ context.Context, _ *socketio.Socket, said string) error {
			heard <- said
			return nil
		})
		sio.OnDisconnect(func(_ *socketio.Socket, reason socketio.Reason) { heard <- string(reason) })
		mux := http.NewServeMux()
		siohttp.Attach(mux, sio)
		return mux, sio
	}, io.Discard)
	for range 20 {
		var out strings.Builder
		if err := run(t.Context(), url, &out); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != "connected\ndisconnected\n" {
			t.Errorf("printed %q", got)
		}
		for _, want := range []string{"Hello guys. ", "use message channel 2 send data", "use msg channel 2 send data", "client namespace disconnect"} {
			if got := <-heard; got != want {
				t.Fatalf("the server heard %q, want %q", got, want)
			}
		}
	}
}
