package sioecho_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	sioecho "github.com/gosocketio/sio/adapters/echo"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

func TestUpgradeIsLogged(t *testing.T) {
	for name, logger := range map[string]func(*siotest.Log) echo.MiddlewareFunc{
		"RequestLogger": accessLog,
		"Logger": func(log *siotest.Log) echo.MiddlewareFunc {
			return middleware.LoggerWithConfig(middleware.LoggerConfig{Output: log, Format: "${uri} ${status}\n"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			access := new(siotest.Log)
			e := echo.New()
			e.Logger.SetOutput(access)
			e.Use(logger(access), middleware.Recover(), middleware.Gzip())
			sio := socketio.NewServer(nil)
			sioecho.Attach(e, sio)
			access.CheckUpgrade(t, e, sio)
		})
	}
}

func TestValuesReachSocket(t *testing.T) {
	e := echo.New()
	e.Use(login)
	sio := socketio.NewServer(nil)
	socketio.OnCall(sio, "whoami", func(ctx context.Context, s *socketio.Socket, _ socketio.None) ([]any, error) {
		user, _ := sioecho.Value[string](s.Context(), "user")
		role, _ := sioecho.Value[string](ctx, "role")
		return []any{user, role, ctx.Value(requestKey{})}, nil
	})
	sioecho.Attach(e, sio, "role")
	server := httptest.NewServer(e)
	defer server.Close()
	defer sio.Close()

	polling := siotest.Polling(t, server.URL+"/socket.io/?user=ada", nil)
	websocket := siotest.WebSocket(t, server.URL+"/socket.io/?user=bob", nil)
	polling.Connect("/", "")
	websocket.Connect("/", "")
	polling.Upgrade() // the request that upgrades does not change the values
	polling.Send(`420["whoami"]`)
	polling.Expect(`430[["ada","role of ada","request ada"]]`)
	websocket.Send(`420["whoami"]`)
	websocket.Expect(`430[["bob","role of bob","request bob"]]`)
	polling.Close()
	websocket.Close()
}
