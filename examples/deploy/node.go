package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync/atomic"
	"time"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
)

// config is what differs between nodes, and in tests.
type config struct {
	name         string   // begins the ids of the node's sessions
	trusted      []string // the proxies whose X-Forwarded-For counts
	pingInterval time.Duration
}

// node is one server of several behind a load balancer.
type node struct {
	http.Handler
	sio      *socketio.Server
	draining atomic.Bool
}

// guest is what a node answers to "whoami": how it sees its client.
type guest struct {
	Node    string `json:"node"`
	Address string `json:"address"`
}

func newNode(c config) *node {
	n := &node{sio: socketio.NewServer(&socketio.Options{
		PingInterval:   c.pingInterval, // 25 s if it is 0
		TrustedProxies: c.trusted,
		// A balancer that can look into the query finds the node in the session's id,
		// one that can learn from cookies learns the id.
		GenerateID: func(*http.Request) (string, error) { return c.name + "-" + rand.Text(), nil },
		Cookie:     &http.Cookie{Name: "io"},
	})}
	socketio.OnCall(n.sio, "whoami", func(_ context.Context, s *socketio.Socket, _ socketio.None) (guest, error) {
		return guest{c.name, s.Handshake().Address}, nil
	})
	socketio.OnCall(n.sio, "echo", func(_ context.Context, _ *socketio.Socket, text string) (string, error) {
		return text, nil
	})
	mux := http.NewServeMux()
	siohttp.Attach(mux, n.sio)
	mux.HandleFunc("GET /readyz", n.ready)
	n.Handler = mux
	return n
}

// ready tells load balancers whether new clients are welcome. For HAProxy a 404 is a
// node that keeps the sessions that it has, for Kubernetes any failure is.
func (n *node) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	switch {
	case n.draining.Load():
		http.Error(w, "draining", http.StatusNotFound)
	case n.sio.Ready(ctx) != nil:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	default:
		w.Write([]byte("ready\n"))
	}
}
