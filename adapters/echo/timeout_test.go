package sioecho_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	sioecho "github.com/gosocketio/sio/adapters/echo"
	"github.com/gosocketio/sio/core/siotest"
)

// TestTimeout has Echo's two timeout middlewares. The older one is known to break
// websockets (labstack/echo#1794, #1804).
func TestTimeout(t *testing.T) {
	const limit = 600 * time.Millisecond
	for name, timeout := range map[string]echo.MiddlewareFunc{
		"Timeout":        middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: limit}),
		"ContextTimeout": middleware.ContextTimeout(limit),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := new(siotest.Log)
			siotest.TestTimeout(t, limit, func(h http.Handler, path string) http.Handler {
				e := newEcho(log, timeout)
				sioecho.AttachAt(e, path, h)
				return e
			})
			log.Check(t)
		})
	}
}
