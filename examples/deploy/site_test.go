package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) { siotest.Main(m) }

// site is two nodes behind a proxy.
type site struct {
	*running
	nodes [2]*member
}

// member is a node at work.
type member struct {
	*node
	name, addr string
	stop       func() error // as a signal does; may be called again
	kill       func()       // cuts all connections
}

// newSite starts two nodes and the proxy, until the test ends. If the interval of the
// nodes' pings is given, the proxy cuts idle connections after idleLimit.
func newSite(t *testing.T, p *proxy, c config) *site {
	t.Helper()
	needLoopback(t)
	need(t, p.name)
	s := new(site)
	for i, name := range []string{"a", "b"} {
		c.name, c.trusted = name, []string{"127.0.0.1"}
		s.nodes[i] = startNode(t, c, nodesHost+":0", 0)
	}
	var idle map[string]string
	if c.pingInterval != 0 {
		idle = p.idle
	}
	s.running = p.start(t, s.nodes[0].addr, s.nodes[1].addr, idle)
	return s
}

func startNode(t *testing.T, c config, addr string, drain time.Duration) *member {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &member{node: newNode(c), name: c.name, addr: ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background()) // the proxy ends before
	served := make(chan error, 1)
	go func() { served <- r.serve(ctx, ln, drain) }()
	r.stop = func() error {
		cancel()
		err := <-served
		served <- err
		return err
	}
	r.kill = func() { // no goodbye to anybody: the server ends as soon as it cannot listen
		ln.Close()
		<-served
		served <- nil
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// Everybody has an address of their own, so that a node that ends can have its port again,
// and that it shows whose address a node sees. The proxies' own connections come from
// 127.0.0.1.
const nodesHost, proxyHost = "127.0.0.2", "127.0.0.3"

var address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)} // of the clients

// needLoopback skips the test where 127.0.0.1 is the only address of its kind.
func needLoopback(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, needs the addresses 127.0.0.x")
	}
}

// visitor is a client, and what happened to it.
type visitor struct {
	*client.Socket
	name   string
	events chan string // "connect", "disconnect: reason", "error: text", "upgrade"
}

// modes are the ways to connect.
var modes = map[string][]string{"polling": {"polling"}, "websocket": {"websocket"}, "upgrade": {"polling", "websocket"}}

// visit connects a client in one of the modes, and waits until it is upgraded if that
// is the mode.
func visit(t *testing.T, url, mode string) *visitor {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: address}
	v := &visitor{name: mode, events: make(chan string, 1000)}
	var err error
	v.Socket, err = client.New(url, &client.Options{
		Transports:   modes[mode],
		Header:       http.Header{"X-Forwarded-For": {"6.6.6.6"}}, // a lie
		DialContext:  dialer.DialContext,
		TLS:          &tls.Config{InsecureSkipVerify: true},
		Reconnection: client.Reconnection{Delay: 50 * time.Millisecond, DelayMax: 200 * time.Millisecond},
		Trace: &client.Trace{
			Upgraded:       func(*client.Manager, string) { v.events <- "upgrade" },
			ReconnectError: func(_ *client.Manager, err error) { v.events <- "error: " + err.Error() },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitTime)
		defer cancel()
		v.Close(ctx)
	})
	v.OnConnect(func(context.Context) { v.events <- "connect" })
	v.OnDisconnect(func(reason client.Reason, _ error) { v.events <- "disconnect: " + string(reason) })
	v.OnConnectError(func(err error) { v.events <- "error: " + err.Error() })
	v.Open()
	if mode == "upgrade" {
		v.wait(t, "connect", "upgrade")
	} else {
		v.wait(t, "connect")
	}
	return v
}

// wait waits for events that begin with the prefixes, in whatever order.
func (v *visitor) wait(t *testing.T, prefixes ...string) {
	t.Helper()
	deadline := time.After(waitTime)
	var seen []string
	for len(prefixes) > 0 {
		select {
		case e := <-v.events:
			seen = append(seen, e)
			prefixes = slices.DeleteFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(e, prefix) })
		case <-deadline:
			t.Fatalf("%s: waits in vain for %q, saw %q", v.name, prefixes, seen)
		}
	}
}

// undisturbed fails the test if anything has happened since. Do not use it after a
// reconnection, which an upgrade may follow.
func (v *visitor) undisturbed(t *testing.T) {
	t.Helper()
	select {
	case e := <-v.events:
		t.Errorf("%s: %s", v.name, e)
	default:
	}
}

// whoami asks for the node and the address that it sees.
func (v *visitor) whoami(t *testing.T) guest {
	t.Helper()
	return ask[guest](t, v, "whoami")
}

func (v *visitor) echo(t *testing.T, text string) {
	t.Helper()
	if got := ask[string](t, v, "echo", text); got != text {
		t.Errorf("%s: the echo of %d bytes has %d", v.name, len(text), len(got))
	}
}

func ask[R any](t *testing.T, v *visitor, event string, args ...any) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	answer, err := client.Call[R](ctx, v.Socket, event, args...)
	if err != nil {
		t.Fatalf("%s: %s: %v", v.name, event, err)
	}
	return answer
}

// eachProxy runs test with each of the proxies, beside each other.
func eachProxy(t *testing.T, test func(t *testing.T, p *proxy)) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// eventually waits for a condition that nobody announces.
func eventually(t *testing.T, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(waitTime)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("%s: %w", what, err))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
