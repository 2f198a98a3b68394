// Command seed-node is the demo server of a Node.js tutorial, in Go.
package main

import (
	"context"
	"io"
	"log"
	"net/http"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

func main() {
	serve.Main(app, ":8080", "")
}

// note is what the server answers with.
type note struct {
	A string `json:"a"`
}

func app(out io.Writer) (http.Handler, *socketio.Server) {
	logger := log.New(out, "", 0)
	sio := socketio.NewServer(&socketio.Options{
		CORS: &socketio.CORS{Origins: []string{"*"}}, // as open as the original
	})
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		logger.Println("connection", s.ID())
		return nil
	})
	socketio.On(sio, "message", func(_ context.Context, _ *socketio.Socket, data any) error {
		logger.Println("message", data)
		return sio.Emit("message", note{"messagetest"})
	})
	socketio.On(sio, "login", func(_ context.Context, _ *socketio.Socket, data any) error {
		logger.Println("login", data)
		return sio.Emit("login", note{"logintest"})
	})
	socketio.On(sio, "event", func(_ context.Context, _ *socketio.Socket, data any) error {
		logger.Println("event", data)
		return nil
	})
	sio.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		logger.Println("disconnect", s.ID(), reason)
	})
	mux := http.NewServeMux()
	siohttp.Attach(mux, sio)
	return mux, sio
}
