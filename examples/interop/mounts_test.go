package interop_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	sioecho "github.com/gosocketio/sio/adapters/echo"
	siogin "github.com/gosocketio/sio/adapters/gin"
	siohttp "github.com/gosocketio/sio/adapters/nethttp"
)

// TestMounts runs what depends on the router on all frameworks, behind their
// usual middleware.
func TestMounts(t *testing.T) {
	for name, mount := range map[string]func(http.Handler) http.Handler{
		"nethttp": mountHTTP, "gin": mountGin, "echo": mountEcho, "chi": mountChi,
	} {
		t.Run(name, func(t *testing.T) {
			matrix(t, oneOfEachKind(), serve(t, mount), "--only", "basic")
		})
	}
}

// oneOfEachKind leaves out clients whose requests look like another's.
func oneOfEachKind() []client {
	return slices.DeleteFunc(slices.Clone(clients), func(c client) bool {
		return c.name != "js-4.x" && c.name != "js-2.x" && c.name != "python"
	})
}

func mountHTTP(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	siohttp.Attach(mux, h)
	return mux
}

func mountGin(h http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.LoggerWithWriter(io.Discard), gin.Recovery())
	siogin.Attach(r, h)
	return r
}

func mountEcho(h http.Handler) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.Recover(), echomiddleware.Gzip())
	sioecho.Attach(e, h)
	return e
}

func mountChi(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.Recoverer, chimiddleware.Compress(5))
	siochi.Attach(r, h)
	return r
}
