package siohttp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

// recorder is the response writer of a logging middleware, in the manner of chi's.
type recorder struct {
	http.ResponseWriter
	status  int
	discard bool
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *recorder) Discard()                    { w.discard = true }
func (w *recorder) WriteHeader(code int) {
	w.status = code
	if !w.discard {
		w.ResponseWriter.WriteHeader(code)
	}
}
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func TestUpgradeIsLogged(t *testing.T) {
	access := new(siotest.Log)
	mux := http.NewServeMux()
	sio := socketio.NewServer(nil)
	siohttp.Attach(mux, sio)
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		mux.ServeHTTP(rec, r)
		fmt.Fprintln(access, r.URL.Path, rec.status)
	})
	access.CheckUpgrade(t, logged, sio)
}

type userKey struct{}

func TestValuesReachSocket(t *testing.T) {
	mux := http.NewServeMux()
	sio := socketio.NewServer(nil)
	socketio.OnCall(sio, "whoami", func(ctx context.Context, s *socketio.Socket, _ socketio.None) ([]any, error) {
		return []any{ctx.Value(userKey{}), siohttp.PathValue(s.Context(), "tenant")}, nil
	})
	siohttp.AttachAt(mux, "/tenants/{tenant}/rt", sio)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.URL.Query().Get("user"))))
	}))
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
