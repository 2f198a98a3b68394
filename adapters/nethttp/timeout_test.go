package siohttp_test

import (
	"net/http"
	"testing"
	"time"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/siotest"
)

func TestTimeout(t *testing.T) {
	const limit = 600 * time.Millisecond
	siotest.TestTimeout(t, limit, func(h http.Handler, path string) http.Handler {
		mux := http.NewServeMux()
		siohttp.AttachAt(mux, path, h)
		return http.TimeoutHandler(mux, limit, "too slow")
	})
}
