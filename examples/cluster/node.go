package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/socketio"
)

// newServer returns the server of a node, which the others reach at url.
func newServer(name, url, secret string, bus cluster.Backend) *socketio.Server {
	sio := socketio.NewServer(&socketio.Options{
		NodeID:     name, // random by default
		Cluster:    bus,
		Forwarding: &socketio.Forwarding{URL: url, Secret: secret}, // not needed with sticky sessions
		Recovery:   &socketio.Recovery{},                           // optional
	})
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join("everybody")
		return s.Emit("welcome", name)
	})
	// From here on nothing tells that there are other nodes.
	socketio.OnCall(sio, "say", func(ctx context.Context, _ *socketio.Socket, text string) (string, error) {
		// EmitSync and not Emit: what is acknowledged is safe, even if this node is killed.
		return name, sio.EmitSync(ctx, "said", said{text, name})
	})
	socketio.OnCall(sio, "count", func(ctx context.Context, _ *socketio.Socket, room string) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, countTimeout)
		defer cancel()
		sockets, err := sio.To(room).FetchSockets(ctx)
		return len(sockets), err
	})
	return sio
}

// countTimeout is how long all nodes together may take to count their clients.
const countTimeout = 2 * time.Second

// said is what all clients are told when one says something.
type said struct {
	Text string `json:"text"`
	Node string `json:"node"` // that of who said it
}

//go:embed index.html
var page []byte

// The environment of a node's process.
const (
	nodeEnv   = "SIO_CLUSTER_NODE" // its name
	busEnv    = "SIO_CLUSTER_BUS"
	secretEnv = "SIO_CLUSTER_SECRET"
)

// runNode is the process of a node: it prints its address, and serves until ctx or its
// input ends, since then the process is gone that started it.
func runNode(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, in)
		cancel()
	}()
	bus, closeBus, err := connectBus(os.Getenv(busEnv))
	if err != nil {
		return err
	}
	defer closeBus()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	sio := newServer(name, "http://"+listener.Addr().String()+"/socket.io/", os.Getenv(secretEnv), bus)
	mux := http.NewServeMux()
	siohttp.Attach(mux, sio)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	ready, cancelReady := context.WithTimeout(ctx, patience)
	defer cancelReady()
	if err := sio.Ready(ready); err != nil {
		return errors.Join(err, sio.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintln(out, listener.Addr())
	select {
	case err = <-served:
		return errors.Join(err, sio.Close())
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = errors.Join(sio.Shutdown(deadline), server.Shutdown(deadline))
	<-served
	return err
}

// node is the process of a node, as seen from outside.
type node struct {
	name, addr string
	cmd        *exec.Cmd
	input      io.Closer
	ended      func() error // waits for the end
}

func startNode(ctx context.Context, name, bus, secret string) (*node, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), nodeEnv+"="+name, busEnv+"="+bus, secretEnv+"="+secret)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &node{name: name, cmd: cmd, input: input, ended: sync.OnceValue(cmd.Wait)}
	stop := context.AfterFunc(ctx, n.kill)
	defer stop()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		n.kill()
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	n.addr = strings.TrimSpace(line)
	return n, nil
}

// kill ends a node as a crash would.
func (n *node) kill() {
	n.cmd.Process.Kill()
	n.ended()
}

// shutDown ends a node as a restart would, and waits for it.
func (n *node) shutDown() error {
	n.input.Close()
	return n.ended()
}
