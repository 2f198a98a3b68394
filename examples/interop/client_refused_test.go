package interop_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	goclient "github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/engineio"
)

// elsewhere is what is no server for the client, and what it says of it over each
// transport.
var elsewhere = map[string]struct {
	handler            http.HandlerFunc
	polling, websocket string
}{
	"a web page": {
		func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "<!DOCTYPE html><title>Welcome</title>")
		},
		"invalid handshake: the answer is a web page", "200 OK: the server did not switch to websocket",
	},
	"nothing there": {http.NotFound, "GET: 404 Not Found", "handshake: 404 Not Found"},
	"a gateway without a server": {
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"GET: 502 Bad Gateway", "handshake: 502 Bad Gateway",
	},
}

// TestClientElsewhere: the Go client says what is wrong where there is no server for it.
func TestClientElsewhere(t *testing.T) {
	for name, at := range elsewhere {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(at.handler)
			defer server.Close()
			refused(t, server.URL, at.polling, at.websocket)
		})
	}
	t.Run("Socket.IO 2", func(t *testing.T) {
		server := httptest.NewServer(version2(t))
		defer server.Close()
		refused(t, server.URL, "seems to speak version 2 of Socket.IO", "seems to speak version 2 of Socket.IO")
	})
	t.Run("nobody", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		refused(t, "http://"+ln.Addr().String(), "connection refused", "connection refused")
	})
	t.Run("our server", func(t *testing.T) {
		to := serve(t, mountHTTP)
		refused(t, strings.Replace(to.URL, "http:", "https:", 1), "server gave HTTP response to HTTPS client", "does not look like a TLS handshake")
		refused(t, to.URL, "404 Not Found", "404 Not Found", func(o *goclient.Options) { o.Path = "/chat/" })
	})
}

// version2 answers as the server of Socket.IO 2 does, whatever version is asked for.
func version2(t *testing.T) http.Handler {
	// It connects the namespace "/" without being asked, and tells no id.
	engine := engineio.NewServer(&engineio.Options{InitialPacket: []byte("0")})
	t.Cleanup(func() { engine.Close() })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("transport") == "polling" {
			io.WriteString(w, `96:0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}2:40`)
			return
		}
		engine.ServeHTTP(w, r)
	})
}

// refused has the client connect, first at once and then in the background, and
// checks what it says.
func refused(t *testing.T, url, polling, websocket string, more ...func(*goclient.Options)) {
	t.Helper()
	for transport, want := range map[string]string{"polling": polling, "websocket": websocket} {
		o := &goclient.Options{Transports: []string{transport}}
		for _, set := range more {
			set(o)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := goclient.Dial(ctx, url, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("over %s: %v", transport, err)
		}
		s, err := goclient.New(url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close(ctx)
		told := make(chan error, 100)
		s.OnConnectError(func(err error) { told <- err })
		s.Open()
		select {
		case err := <-told:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("OnConnectError over %s: %v", transport, err)
			}
		case <-ctx.Done():
			t.Errorf("nothing was told over %s", transport)
		}
	}
}
