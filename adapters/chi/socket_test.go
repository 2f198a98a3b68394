package siochi_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

func TestUpgradeIsLogged(t *testing.T) {
	access := new(siotest.Log)
	r := chi.NewRouter()
	r.Use(accessLog(access), middleware.Recoverer, middleware.Compress(5))
	sio := socketio.NewServer(nil)
	siochi.Attach(r, sio)
	access.CheckUpgrade(t, r, sio)
}

func TestValuesReachSocket(t *testing.T) {
	r := chi.NewRouter()
	r.Use(login)
	sio := socketio.NewServer(nil)
	socketio.OnCall(sio, "whoami", func(ctx context.Context, s *socketio.Socket, _ socketio.None) ([]any, error) {
		return []any{ctx.Value(userKey{}), chi.URLParamFromCtx(s.Context(), "tenant")}, nil
	})
	siochi.AttachAt(r, "/tenants/{tenant}/rt", sio)
	server := httptest.NewServer(r)
	defer server.Close()
	defer sio.Close()

	polling := siotest.Polling(t, server.URL+"/tenants/a/rt?user=ada", nil)
	websocket := siotest.WebSocket(t, server.URL+"/tenants/b/rt/?user=bob", nil)
	polling.Connect("/", "")
	websocket.Connect("/", "")
	polling.Upgrade() // the request that upgrades does not change the values
	polling.Send(`420["whoami"]`)
	polling.Expect(`430[["ada","a"]]`)
	websocket.Send(`420["whoami"]`)
	websocket.Expect(`430[["bob","b"]]`)
	polling.Close()
	websocket.Close()
}
