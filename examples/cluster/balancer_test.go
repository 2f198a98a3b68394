package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBalancerPassesOver: what a client posts reaches a node also when the balancer
// tries one first that is not there.
func TestBalancerPassesOver(t *testing.T) {
	alive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer alive.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	b := newBalancer()
	defer b.close()
	b.add(gone.Addr().String())
	b.add(alive.Listener.Addr().String())
	front := httptest.NewServer(b)
	defer front.Close()
	for range 2 { // it is each one's turn once
		resp, err := http.Post(front.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "hello" {
			t.Errorf("got %s, %q, %v", resp.Status, body, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
