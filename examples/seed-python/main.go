// Command seed-python is the demo server of a Python tutorial, in Go.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

func main() {
	serve.Main(app, ":5000", "")
}

func app(out io.Writer) (http.Handler, *socketio.Server) {
	logger := log.New(out, "", 0)
	sio := socketio.NewServer(nil)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		logger.Println(s.ID(), "connected")
		return nil
	})
	socketio.On(sio, "message", func(_ context.Context, _ *socketio.Socket, data any) error {
		logger.Println("message:", data)
		return nil
	})
	socketio.On(sio, "msg", func(_ context.Context, _ *socketio.Socket, data any) error {
		return sio.Send(fmt.Sprint("resend ", data))
	})
	socketio.On(sio, "reply", func(context.Context, *socketio.Socket, socketio.None) error {
		return sio.Emit("reply")
	})
	sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) {
		logger.Println(s.ID(), "disconnected")
	})
	mux := http.NewServeMux()
	siohttp.Attach(mux, sio)
	return mux, sio
}
