package siogin_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

func TestUpgradeIsLogged(t *testing.T) {
	for name, use := range map[string][]gin.HandlerFunc{
		"plain": nil, "gzip": {gzip.Gzip(gzip.DefaultCompression)},
	} {
		t.Run(name, func(t *testing.T) {
			access := new(siotest.Log)
			r := gin.New()
			r.Use(gin.LoggerWithWriter(access), gin.Recovery())
			r.Use(use...)
			sio := socketio.NewServer(nil)
			siogin.Attach(r, sio)
			access.CheckUpgrade(t, r, sio)
		})
	}
}

func TestValuesReachSocket(t *testing.T) {
	r := gin.New()
	r.Use(login)
	sio := socketio.NewServer(nil)
	sio.Use(func(ctx context.Context, _ *socketio.Socket) error {
		if user, _ := siogin.Value[string](ctx, "user"); user == "" {
			return socketio.Reject("who are you?", nil)
		}
		return nil
	})
	socketio.OnCall(sio, "whoami", func(ctx context.Context, s *socketio.Socket, _ socketio.None) ([]any, error) {
		user, _ := siogin.Value[string](s.Context(), "user")
		return []any{user, ctx.Value(requestKey{})}, nil
	})
	siogin.Attach(r, sio)
	server := httptest.NewServer(r)
	defer server.Close()
	defer sio.Close()

	polling := siotest.Polling(t, server.URL+"/socket.io/?user=ada", nil)
	websocket := siotest.WebSocket(t, server.URL+"/socket.io/?user=bob", nil)
	polling.Connect("/", "")
	websocket.Connect("/", "")
	polling.Upgrade() // the request that upgrades does not change the values
	polling.Send(`420["whoami"]`)
	polling.Expect(`430[["ada","request ada"]]`)
	websocket.Send(`420["whoami"]`)
	websocket.Expect(`430[["bob","request bob"]]`)

	refused := siotest.WebSocket(t, server.URL+"/socket.io/", nil)
	refused.Send("40")
	refused.Expect(`44{"message":"who are you?"}`)
	for _, p := range []*siotest.Peer{polling, websocket, refused} {
		p.Close()
	}
}
