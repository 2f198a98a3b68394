// Command echo shows a service for several tenants: each has a namespace, made
// when it is needed, and a group of REST routes that emit to it.
package main

import (
	"context"
	"crypto/subtle"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	sioecho "github.com/gosocketio/sio/adapters/echo"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

const hint = `try, with a Socket.IO client in the namespace /acme, auth {"key": "acme-key"}:
  curl -H 'Authorization: Bearer acme-key' -d text=hello %[1]s/tenants/acme/notices
  curl -H 'Authorization: Bearer acme-key' %[1]s/tenants/acme/clients`

func main() {
	serve.Main(app, ":8080", hint)
}

// keys of the tenants. A real application has a database.
var keys = map[string]string{"acme": "acme-key", "globex": "globex-key"}

// permits reports whether key is the tenant's.
func permits(tenant, key string) bool {
	want, ok := keys[tenant]
	return ok && subtle.ConstantTimeCompare([]byte(key), []byte(want)) == 1
}

func app(out io.Writer) (http.Handler, *socketio.Server) {
	sio := socketio.NewServer(nil)
	namespaces(sio)

	e := echo.New()
	e.HideBanner = true
	e.Logger.SetOutput(out)
	e.Use(middleware.RequestID(), middleware.Recover(), middleware.Gzip())
	sioecho.Attach(e, sio)

	tenant := e.Group("/tenants/:tenant", middleware.KeyAuth(func(key string, c echo.Context) (bool, error) {
		return permits(c.Param("tenant"), key), nil
	}))
	tenant.POST("/notices", func(c echo.Context) error {
		if err := namespace(sio, c).Emit("notice", c.FormValue("text")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	tenant.GET("/clients", func(c echo.Context) error {
		return c.JSON(http.StatusOK, map[string]int{"clients": namespace(sio, c).Count()})
	})
	return e, sio
}

// namespace returns the namespace of the tenant whose route it is.
func namespace(sio *socketio.Server, c echo.Context) *socketio.Namespace {
	return sio.Of("/" + c.Param("tenant"))
}

// namespaces registers what holds for the namespace of every tenant.
func namespaces(sio *socketio.Server) {
	tenants := sio.OfMatch(regexp.MustCompile(`^/[a-z]+$`))
	tenants.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Key string }
		if err := s.Auth(&auth); err != nil || !permits(tenantOf(s), auth.Key) {
			return socketio.Reject("wrong key", nil)
		}
		return nil
	})
	tenants.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Emit("welcome", tenantOf(s))
	})
	socketio.On(tenants, "message", func(_ context.Context, s *socketio.Socket, text string) error {
		return s.Broadcast().Emit("message", text) // to the tenant's others
	})
}

func tenantOf(s *socketio.Socket) string {
	return strings.TrimPrefix(s.Namespace().Name(), "/")
}
