package main

import (
	"context"
	"log"

	"github.com/gin-gonic/gin"
	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
)

type post struct {
	Room string `json:"room"`
	Text string `json:"text"`
	From string `json:"from"`
}

func main() {
	r := gin.Default()
	siogin.Attach(r, newChat()) // at /socket.io/
	r.StaticFile("/", "index.html")
	log.Fatal(r.Run(":8080"))
}

func newChat() *socketio.Server {
	sio := socketio.NewServer(nil)
	socketio.OnCall(sio, "join", func(_ context.Context, s *socketio.Socket, room string) ([]string, error) {
		s.Join(room)
		return s.Rooms(), s.To(room).Emit("joined", s.ID())
	})
	socketio.On(sio, "message", func(_ context.Context, s *socketio.Socket, p post) error {
		p.From = s.ID()
		return sio.To(p.Room).Emit("message", p)
	})
	return sio
}
