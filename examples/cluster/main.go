// Command cluster runs three nodes of a server behind a load balancer that knows
// nothing of sessions, shows an event that crosses nodes, and what becomes of clients
// when a node is restarted and when one is killed:
//
//	go run ./examples/cluster
//	go run ./examples/cluster -redis redis://127.0.0.1:6379
//
// Without -redis, the nodes are connected by a NATS server that runs in this process.
// Each node is a process of its own; it is this program, with other flags. Afterwards
// the cluster goes on: open the printed URL in several tabs of a browser.
//
// What a server needs to be a node of a cluster is in node.go, in newServer.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// patience is how long anything may take that takes no time.
const patience = 10 * time.Second

func main() {
	var cfg config
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:8090", "`address` of the load balancer")
	flag.IntVar(&cfg.nodes, "nodes", 3, "how many nodes")
	flag.StringVar(&cfg.redis, "redis", "", "`URL` of a Redis to use instead of NATS")
	flag.BoolVar(&cfg.demo, "demo", true, "show what there is to see")
	flag.Parse()
	if cfg.redis != "" && !strings.HasPrefix(cfg.redis, "redis") {
		fmt.Fprintln(os.Stderr, "cluster: -redis wants a URL like redis://127.0.0.1:6379")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return runCluster(ctx, cfg, os.Stdout) }
	if name := os.Getenv(nodeEnv); name != "" {
		run = func() error { return runNode(ctx, name, os.Stdin, os.Stdout) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	addr  string
	nodes int
	redis string
	demo  bool
}

// runCluster runs until ctx ends.
func runCluster(ctx context.Context, cfg config, out io.Writer) error {
	c, err := startCluster(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.stop()
	if u, err := url.Parse(c.bus); err == nil {
		fmt.Fprintf(out, "the bus is %s\n", u.Redacted())
	}
	for _, n := range c.nodes {
		fmt.Fprintf(out, "%s is at %s\n", n.name, n.addr)
	}
	fmt.Fprintf(out, "the load balancer is at %s: each request goes to the next node\n\n", c.url())
	if cfg.demo {
		if err := demo(ctx, c, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "open %s in some tabs of a browser; Ctrl-C ends\n", c.url())
	<-ctx.Done()
	return nil
}

// theCluster is all that belongs together.
type theCluster struct {
	bus      string // its URL
	closeBus func()
	secret   string
	nodes    []*node
	balancer *balancer
	server   *http.Server
	listener net.Listener
}

func startCluster(ctx context.Context, cfg config) (c *theCluster, err error) {
	c = &theCluster{secret: newSecret(), closeBus: func() {}}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if c.bus = cfg.redis; c.bus == "" {
		if c.bus, c.closeBus, err = startNATS(); err != nil {
			return c, err
		}
	}
	c.balancer = newBalancer()
	for i := range cfg.nodes {
		n, err := startNode(ctx, fmt.Sprintf("node-%d", i+1), c.bus, c.secret)
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, n)
		c.balancer.add(n.addr)
	}
	if c.listener, err = net.Listen("tcp", cfg.addr); err != nil {
		return c, fmt.Errorf("%w; -addr gives another address", err)
	}
	c.server = &http.Server{Handler: c.balancer, ReadHeaderTimeout: patience}
	go c.server.Serve(c.listener) // until Close
	return c, nil
}

func (c *theCluster) url() string { return "http://" + c.listener.Addr().String() }

func (c *theCluster) stop() {
	if c.server != nil {
		c.server.Close()
	}
	for _, n := range c.nodes {
		n.shutDown()
	}
	if c.balancer != nil {
		c.balancer.close()
	}
	c.closeBus()
}

// node returns the node with a name.
func (c *theCluster) node(name string) *node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// restart starts a node again that has ended, at another address.
func (c *theCluster) restart(ctx context.Context, old *node) error {
	n, err := startNode(ctx, old.name, c.bus, c.secret)
	if err != nil {
		return err
	}
	for i := range c.nodes {
		if c.nodes[i] == old {
			c.nodes[i] = n
		}
	}
	c.balancer.remove(old.addr)
	c.balancer.add(n.addr)
	return nil
}
