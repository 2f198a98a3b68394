// Command sio is the contract server of the load tests (see ../../README.md) on this
// library, with its default options.
//
// Arguments are passed on as json.RawMessage, which is what a Go program does with a
// value that it does not look into. With DECODE=1 they are decoded into any and encoded
// again, as in languages without types. Attachments are always decoded.
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gosocketio/sio/core/socketio"
)

var decode = os.Getenv("DECODE") != ""

func main() {
	sio := socketio.NewServer(nil)
	sio.Handle("echo", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		values, err := arguments(e)
		if err != nil {
			return err
		}
		if e.WantsReply() {
			return e.Reply(values...)
		}
		return e.Socket().Emit("echo", values...)
	}))
	socketio.OnCall(sio, "join", func(_ context.Context, s *socketio.Socket, room string) (socketio.None, error) {
		s.Join(room)
		return socketio.None{}, nil
	})
	sio.Handle("publish", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		values, err := arguments(e)
		if err != nil {
			return err
		}
		return sio.To("bench").Emit("msg", values...)
	}))
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sio)
	ln, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(ln, mux))
}

// arguments returns the arguments of an event, as they are to be sent again.
func arguments(e *socketio.Event) ([]any, error) {
	args := e.Args()
	values := make([]any, args.Len())
	for i := range values {
		if !decode && len(args.Attachments) == 0 {
			values[i] = args.Raw(i)
			continue
		}
		if err := args.Decode(i, &values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}
