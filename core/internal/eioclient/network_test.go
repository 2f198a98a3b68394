package eioclient_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/internal/eioclient"
)

// TestTLS: polls share an HTTP/2 connection, the websocket has its own.
func TestTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		f := newFixture(nil)
		server := httptest.NewUnstartedServer(f)
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(func() { f.engine.Close(); server.Close() })
		f.url, _ = url.Parse(server.URL + "/engine.io/")
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		config := &tls.Config{RootCAs: roots}
		c, r := f.open(t, &eioclient.Options{TLS: config})
		p := f.peer(t)
		r.wantUpgrade(t)
		send(t, c, "x")
		p.wantMessage(t, "x")
		f.url.Scheme = "wss"
		c, _ = f.open(t, &eioclient.Options{TLS: config, DisableUpgrade: true})
		send(t, c, "x")
		f.peer(t).wantMessage(t, "x")
		for _, request := range f.seen() {
			if want := http2 && request.Header.Get("Upgrade") == ""; (request.ProtoMajor == 2) != want {
				t.Errorf("%s %s over %s", request.Method, request.URL.Query().Get("transport"), request.Proto)
			}
		}
		for _, opts := range []*eioclient.Options{polling(), websockets()} {
			f.openFails(t, opts) // an unknown authority
		}
		if len(config.NextProtos) > 0 {
			t.Error("the TLS configuration was changed")
		}
	}
}

// TestProxy: both transports go through it.
func TestProxy(t *testing.T) {
	f := start(t, nil)
	var forwarded, tunnels atomic.Int32
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, FlushInterval: -1}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			forwarded.Add(1)
			forward.ServeHTTP(w, r)
			return
		}
		tunnels.Add(1)
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(to, from); to.Close() }()
		io.Copy(from, to)
		from.Close()
	}))
	t.Cleanup(proxy.Close)
	c, r := f.open(t, &eioclient.Options{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }})
	p := f.peer(t)
	r.wantUpgrade(t)
	send(t, c, "x")
	p.wantMessage(t, "x")
	p.send(t, "y")
	r.wantMessage(t, "y")
	if forwarded.Load() == 0 || tunnels.Load() != 1 {
		t.Errorf("%d requests and %d tunnels through the proxy", forwarded.Load(), tunnels.Load())
	}
}
