package interop_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goclient "github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
)

// patience is how long a check waits for what should come at once.
const patience = 10 * time.Second

// contractServer is a server on which the Go client is checked.
type contractServer struct {
	name  string
	start func(t *testing.T) target
	// not says of checks why they do not apply, of some only over one transport.
	not map[string]string
}

var contractServers = []contractServer{
	{"go", func(t *testing.T) target { return serve(t, func(h http.Handler) http.Handler { return h }) }, nil},
	{"node", serveNode, map[string]string{
		"lifecycle/what is sent before disconnecting arrives": "SO15: it drops events that are in flight when their sender disconnects",
	}},
	{"python", servePython, map[string]string{
		"connect/dynamic namespaces":                 "it has none",
		"events/volatile from the server":            "it has no volatile events",
		"events/catch-all on the server":             "it tells a catch-all handler only about events that have no other",
		"lifecycle/the server closes the connection": "it disconnects namespaces or drops connections, see the checks for these",
		"websocket: events/compression":              "aiohttp does not confirm client_no_context_takeover, which gorilla/websocket insists on",
		"upgrade: events/compression":                "as over websocket; the client stays on polling",
		"recovery/events that were missed":           "it has no recovery",
		"recovery/nothing missed":                    "it has no recovery",
		"recovery/a session that is unknown":         "it has no recovery",
		"recovery/not after leaving on purpose":      "it has no recovery",
	}},
}

func servePython(t *testing.T) target {
	t.Helper()
	return startServer(t, exec.Command(python(t), "-B", "testdata/python/server.py"))
}

// check is one check of the Go client's behaviour.
type check struct {
	name string
	run  func(r *rig)
}

// TestClient checks the Go client on servers in three languages, over all transports.
func TestClient(t *testing.T) {
	all := slices.Concat(connectChecks, eventChecks, orderChecks, lifecycleChecks, recoveryChecks)
	for _, server := range contractServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			to := server.start(t)
			for what := range server.not {
				if _, name, ok := strings.Cut(what, ": "); ok {
					what = name
				}
				if !slices.ContainsFunc(all, func(c check) bool { return c.name == what }) {
					t.Errorf("there is no check %q", what)
				}
			}
			t.Run("over", func(t *testing.T) { // so that the server lives until all are done
				for _, transport := range transports {
					t.Run(transport, func(t *testing.T) {
						t.Parallel()
						runChecks(t, server, to, transport, all)
					})
				}
			})
		})
	}
}

func runChecks(t *testing.T, server contractServer, to target, transport string, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if why := cmp.Or(server.not[c.name], server.not[transport+": "+c.name]); why != "" {
				t.Logf("does not apply to the %s server: %s", server.name, why)
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c.run(&rig{T: t, ctx: ctx, server: server.name, transport: transport, to: to})
		})
	}
}

// rig is what a check stands on.
type rig struct {
	*testing.T
	ctx       context.Context // ends when the check has taken too long
	server    string
	transport string
	to        target
}

// options returns the options for the transport. Connections come back at once.
func (r *rig) options() *goclient.Options {
	o := &goclient.Options{
		Reconnection: goclient.Reconnection{Delay: 10 * time.Millisecond, Jitter: -1},
		Logger:       slog.New(slog.NewTextHandler(r.Output(), nil)),
	}
	if r.transport != "upgrade" {
		o.Transports = []string{r.transport}
	}
	return o
}

// create returns a socket that is not connected yet. It is closed when the check ends.
func (r *rig) create(url string, o *goclient.Options) *goclient.Socket {
	r.Helper()
	s, err := goclient.New(url, o)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Manager().Close(ctx); err != nil {
			r.Errorf("close: %v", err)
		}
	})
	return s
}

// connect returns a socket that is connected, in the end over the transport that is
// checked.
func (r *rig) connect(namespace string, more ...func(*goclient.Options)) *goclient.Socket {
	r.Helper()
	o := r.options()
	for _, set := range more {
		set(o)
	}
	upgraded := make(chan struct{})
	if r.transport == "upgrade" {
		var once sync.Once
		o.Trace = &goclient.Trace{Upgraded: func(*goclient.Manager, string) { once.Do(func() { close(upgraded) }) }}
	} else {
		close(upgraded)
	}
	s := r.create(r.to.URL+namespace, o)
	first := connects(s)
	r.ready(s)
	next(r, first) // so that handlers to come see other connections only
	r.wait(upgraded, "the upgrade")
	return s
}

func (r *rig) ready(s *goclient.Socket) {
	r.Helper()
	if err := s.Connect(r.ctx); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wait(done <-chan struct{}, what string) {
	r.Helper()
	select {
	case <-done:
	case <-r.ctx.Done():
		r.Fatalf("%s did not come", what)
	}
}

// next returns what comes next.
func next[T any](r *rig, from <-chan T) T {
	r.Helper()
	select {
	case v := <-from:
		return v
	case <-r.ctx.Done():
		r.Fatalf("no %T came", *new(T))
		panic("unreachable")
	}
}

// listen returns the arguments of an event, as they come.
func listen(s *goclient.Socket, event string) <-chan []any {
	heard := make(chan []any, 5000)
	s.Handle(event, func(_ context.Context, args parser.Args) ([]any, error) {
		values, err := decode(args)
		heard <- values
		return nil, err
	})
	return heard
}

// decode returns arguments, with []byte for what is binary.
func decode(args parser.Args) ([]any, error) {
	values := make([]any, args.Len())
	for i := range values {
		if err := args.Decode(i, &values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// ends tells how a socket was disconnected, each time.
func ends(s *goclient.Socket) <-chan goclient.Reason {
	reasons := make(chan goclient.Reason, 100)
	s.OnDisconnect(func(reason goclient.Reason, _ error) { reasons <- reason })
	return reasons
}

// connects tells that a socket was connected, each time.
func connects(s *goclient.Socket) <-chan string {
	ids := make(chan string, 100)
	s.OnConnect(func(context.Context) { ids <- s.ID() })
	return ids
}

func (r *rig) emit(s *goclient.Socket, event string, args ...any) {
	r.Helper()
	if err := s.Emit(event, args...); err != nil {
		r.Fatal(err)
	}
}

// ask returns the values of an acknowledgement.
func (r *rig) ask(s *goclient.Socket, event string, args ...any) []any {
	r.Helper()
	answer, err := s.Ask(r.ctx, event, args...)
	if err != nil {
		r.Fatalf("%s: %v", event, err)
	}
	values, err := decode(answer)
	if err != nil {
		r.Fatalf("%s: %v", event, err)
	}
	return values
}

// call returns the value of an acknowledgement.
func call[R any](r *rig, s *goclient.Socket, event string, args ...any) R {
	r.Helper()
	answer, err := goclient.Call[R](r.ctx, s, event, args...)
	if err != nil {
		r.Fatalf("%s: %v", event, err)
	}
	return answer
}

// equal compares values as JSON has them, so that numbers have no types.
func (r *rig) equal(got, want any) {
	r.Helper()
	if g, w := plain(got), plain(want); !reflect.DeepEqual(g, w) {
		r.Fatalf("got %s\nwant %s", brief(g), brief(w))
	}
}

// plain returns v as JSON has it, but for what is binary.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return fmt.Sprintf("binary %x", v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = plain(v[name])
		}
		return object
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var same any
	if err := json.Unmarshal(text, &same); err != nil {
		return err
	}
	return same
}

func brief(v any) string {
	text := fmt.Sprintf("%v", v)
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
