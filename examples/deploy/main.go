// Command deploy is a server that lives behind a load balancer: two of them and the
// nginx.conf or haproxy.cfg of this directory make a site. It shows sticky sessions
// by the id of the session or by a cookie, the address of the client behind proxies,
// readiness, and an end that loses nothing.
//
//	go run ./examples/deploy -addr 127.0.0.1:8081 -name a
//	go run ./examples/deploy -addr 127.0.0.1:8082 -name b
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// patience is how long clients have to fetch what is queued for them at the end.
const patience = 10 * time.Second

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "`address` to listen on")
	name := flag.String("name", "a", "`name` of this node, which begins the ids of its sessions")
	trusted := flag.String("trusted", "127.0.0.1", "`addresses` and networks of the proxies in front, with commas between them")
	drain := flag.Duration("drain", 0, "how long to serve on after a signal, not ready: until the load balancer has noticed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("node %s listens on %s", *name, ln.Addr())
	n := newNode(config{name: *name, trusted: strings.FieldsFunc(*trusted, func(r rune) bool { return r == ',' })})
	if err := n.serve(ctx, ln, *drain); err != nil {
		log.Fatal(err)
	}
}

// serve serves until ctx ends, and then for the time of drain. Clients are sent away
// after that: they connect anew, to the nodes that are ready.
func (n *node) serve(ctx context.Context, ln net.Listener, drain time.Duration) error {
	server := &http.Server{Handler: n, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return errors.Join(err, n.sio.Close(), server.Close())
	case <-ctx.Done():
	}
	n.draining.Store(true)
	select {
	case err := <-served:
		return errors.Join(err, n.sio.Close(), server.Close())
	case <-time.After(drain):
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := errors.Join(n.sio.Shutdown(ctx), server.Shutdown(ctx)) // http.Server knows nothing of websockets
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
