package siochi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	"github.com/gosocketio/sio/core/siotest"
)

func TestTimeout(t *testing.T) {
	const limit = 600 * time.Millisecond
	log := new(siotest.Log)
	siotest.TestTimeout(t, limit, func(h http.Handler, path string) http.Handler {
		r := chi.NewRouter()
		r.Use(accessLog(log), middleware.Recoverer, middleware.Timeout(limit))
		siochi.AttachAt(r, path, h)
		return r
	})
	log.Check(t)
}
