package main

import (
	"context"
	"log"

	"github.com/gin-gonic/gin"
	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
)

type post struct{ Room, Text string } // {"room": …, "text": …}

func main() {
	r := gin.Default()
	siogin.Attach(r, newChat()) // at /socket.io/
	log.Fatal(r.Run(":8080"))
}

func newChat() *socketio.Server {
	sio := socketio.NewServer(nil)
	socketio.OnCall(sio, "join", func(_ context.Context, s *socketio.Socket, room string) ([]string, error) {
		s.Join(room)
		return s.Rooms(), s.To(room).Emit("joined", s.ID())
	})
	socketio.On(sio, "message", func(_ context.Context, s *socketio.Socket, p post) error {
		return sio.To(p.Room).Emit("message", s.ID(), p.Text)
	})
	return sio
}
