// Command nethttp is the shortest program there is: a chat room on net/http.
package main

import (
	"context"
	"io"
	"net/http"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

func main() {
	serve.Main(app, ":8080", `connect a Socket.IO client to %[1]s, emit "message"`)
}

func app(io.Writer) (http.Handler, *socketio.Server) {
	sio := socketio.NewServer(nil)
	socketio.On(sio, "message", func(_ context.Context, _ *socketio.Socket, text string) error {
		return sio.Emit("message", text) // to everybody
	})
	mux := http.NewServeMux()
	siohttp.Attach(mux, sio)
	return mux, sio
}
