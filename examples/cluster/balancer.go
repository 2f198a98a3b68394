package main

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
)

// balancer is a load balancer that gives each request to the next node, whichever
// session it belongs to, as those of the clouds do where nobody tells them otherwise.
// Nodes that do not answer are passed over.
type balancer struct {
	httputil.ReverseProxy
	transport *http.Transport

	mu    sync.Mutex
	addrs []string
	turn  int
}

func newBalancer() *balancer {
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
	b.ReverseProxy = httputil.ReverseProxy{
		Transport:     b,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.Host = r.In.Host // by which servers know requests of other sites
			r.SetXForwarded()
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that go away, and nodes
	}
	return b
}

func (b *balancer) add(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs = append(b.addrs, addr)
}

// remove has no more requests sent to a node. Those that are there go on.
func (b *balancer) remove(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs = slices.DeleteFunc(b.addrs, func(a string) bool { return a == addr })
}

// next returns whose turn it is, and how many there are.
func (b *balancer) next() (addr string, of int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	return b.addrs[b.turn%len(b.addrs)], len(b.addrs)
}

// RoundTrip implements [http.RoundTripper].
func (b *balancer) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if r.Body != nil {
		r.Body = io.NopCloser(r.Body) // it is closed even if nobody was there to read it; the proxy does that in the end
	}
	for tries, of := 0, 1; tries < of; tries++ {
		r.URL.Host, of = b.next()
		resp, err = b.transport.RoundTrip(r)
		if !refused(err) {
			break
		}
	}
	return resp, err
}

// refused reports whether a request was not even sent.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (b *balancer) close() { b.transport.CloseIdleConnections() }
