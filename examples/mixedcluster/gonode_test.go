package mixedcluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// requestTimeout is how long a node waits for the others, as in server.js.
const requestTimeout = 2 * time.Second

// clientName is what server.js keeps in the name of socket.data.
var clientName = socketio.NewKey[string]("name")

// goNode is a node in Go that does what server.js does.
type goNode struct {
	output
	name string
	sio  *socketio.Server
}

// runGoNode is what the test's program does when it is started as a node. See
// TestMain.
func runGoNode(adapter, url, name string) {
	n := &goNode{name: name}
	options := &socketio.Options{
		Cluster:      backend(adapter, url),
		PingInterval: time.Second,
		PingTimeout:  2 * time.Second,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if adapter == "streams" || adapter == "jetstream" {
		options.Recovery = &socketio.Recovery{MaxDisconnection: time.Minute}
	}
	n.sio = socketio.NewServer(options)
	n.watch(n.sio.Of("/"))
	n.watch(n.sio.Of("/chat"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", n.sio)
	go http.Serve(listener, mux)
	n.tell(map[string]any{"what": "listening", "port": listener.Addr().(*net.TCPAddr).Port})
	n.serve(n.operations())
}

func backend(adapter, url string) cluster.Backend {
	if onNATS(adapter) {
		return natsBackend(adapter, url)
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		panic(err)
	}
	rdb := redis.NewClient(opts)
	switch adapter {
	case "classic":
		return sioredis.NewPubSub(rdb, nil)
	case "sharded":
		return sioredis.NewSharded(rdb, nil)
	case "streams":
		return sioredis.NewStreams(rdb, nil)
	}
	panic("unknown adapter: " + adapter)
}

func (n *goNode) watch(ns *socketio.Namespace) {
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		var auth struct {
			Name  string
			Rooms []string
		}
		if err := s.Auth(&auth); err != nil {
			return err
		}
		if !s.Recovered() {
			clientName.Set(s, auth.Name)
			s.Join(auth.Rooms...)
		}
		n.tell(map[string]any{"what": "connection", "socket": auth.Name, "id": s.ID(), "recovered": s.Recovered()})
		return nil
	})
	ns.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		name, _ := clientName.Get(s)
		n.tell(map[string]any{"what": "disconnect", "socket": name, "reason": string(reason)})
	})
	ns.Handle("say", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		var number int
		if err := e.Scan(&number); err != nil {
			return err
		}
		if err := ns.Emit("said", number); err != nil {
			return err // not acknowledged
		}
		return e.Reply(number)
	}))
	ns.HandleServerSide("tell", func(_ context.Context, args parser.Args, _ func(...any) error) {
		n.tell(map[string]any{"what": "told", "nsp": ns.Name(), "args": values(args)})
	})
	ns.HandleServerSide("ask", func(_ context.Context, args parser.Args, reply func(...any) error) {
		reply(map[string]any{"from": n.name, "value": first(args)})
	})
	ns.HandleServerSide("never", func(context.Context, parser.Args, func(...any) error) {})
}

func values(args parser.Args) []any {
	list := make([]any, args.Len())
	for i := range list {
		if err := args.Decode(i, &list[i]); err != nil {
			panic(err)
		}
	}
	return list
}

func first(args parser.Args) any {
	if list := values(args); len(list) > 0 {
		return list[0]
	}
	return nil
}

func (n *goNode) of(c *command) *socketio.Namespace {
	if c.Nsp == "" {
		return n.sio.Of("/")
	}
	return n.sio.Of(c.Nsp)
}

func (n *goNode) selected(c *command) socketio.Broadcaster {
	to := n.of(c).Except(c.Except...)
	if len(c.Rooms) > 0 {
		to = to.To(c.Rooms...)
	}
	if c.Volatile {
		to = to.Volatile()
	}
	return to
}

func (n *goNode) operations() map[string]func(*command) (any, error) {
	return map[string]func(*command) (any, error){
		"emit":       func(c *command) (any, error) { return nil, n.selected(c).Emit(c.Name, c.Args...) },
		"call":       n.call,
		"askSocket":  n.askSocket,
		"join":       func(c *command) (any, error) { return nil, n.selected(c).SocketsJoin(c.Join...) },
		"leave":      func(c *command) (any, error) { return nil, n.selected(c).SocketsLeave(c.Join...) },
		"disconnect": func(c *command) (any, error) { return nil, n.selected(c).DisconnectSockets(c.Close) },
		"fetch":      n.fetch,
		"tell":       func(c *command) (any, error) { return nil, n.of(c).ServerSideEmit("tell", c.Args...) },
		"ask":        n.ask,
		"flood":      n.flood,
		"usage":      func(*command) (any, error) { return usage(), nil },
		"close":      func(*command) (any, error) { return nil, n.sio.Close() },
	}
}

func (c *command) context() (context.Context, context.CancelFunc) {
	if c.Timeout > 0 {
		return context.WithTimeout(context.Background(), time.Duration(c.Timeout)*time.Millisecond)
	}
	return context.WithTimeout(context.Background(), requestTimeout)
}

func (n *goNode) call(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	answers, failure := []any{}, ""
	for answer, err := range n.selected(c).AskAll(ctx, c.Name, c.Args...) {
		if err != nil {
			failure = err.Error()
			continue
		}
		answers = append(answers, first(answer.Args))
	}
	return map[string]any{"answers": answers, "error": failure}, nil
}

func (n *goNode) askSocket(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	sockets, err := n.selected(c).FetchSockets(ctx)
	if err != nil || len(sockets) != 1 {
		return nil, fmt.Errorf("%d sockets: %w", len(sockets), err)
	}
	args, err := sockets[0].Ask(ctx, c.Name, c.Args...)
	if err != nil {
		return nil, err
	}
	return first(args), nil
}

func (n *goNode) fetch(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	sockets, err := n.selected(c).FetchSockets(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]any, len(sockets))
	for i, s := range sockets {
		name, _, err := clientName.From(s)
		if err != nil {
			return nil, err
		}
		rooms := slices.Sorted(slices.Values(s.Rooms()))
		list[i] = map[string]any{
			"id": s.ID(), "rooms": rooms, "data": map[string]any{"name": name}, "handshake": s.Handshake(),
		}
	}
	return list, nil
}

func (n *goNode) ask(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	name := c.Name
	if name == "" {
		name = "ask"
	}
	answers, failure := []any{}, ""
	for answer, err := range socketio.ServerSideCallAll[any](ctx, n.of(c), name, c.Args...) {
		if err != nil {
			failure = err.Error()
			continue
		}
		answers = append(answers, answer)
	}
	return map[string]any{"answers": answers, "error": failure}, nil
}

func (n *goNode) flood(c *command) (any, error) {
	var errs []error
	for i := range c.Count {
		at := float64(time.Now().UnixMicro()) / 1000
		if err := n.sio.Emit("flood", i, at, c.Filler); err != nil {
			errs = append(errs, err)
		}
		if c.Gap > 0 {
			time.Sleep(time.Duration(c.Gap) * time.Millisecond)
		}
	}
	return c.Count, errors.Join(errs...)
}

// usage is the processor time of this process so far, in microseconds.
func usage() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return (u.Utime.Nano() + u.Stime.Nano()) / 1000
}
