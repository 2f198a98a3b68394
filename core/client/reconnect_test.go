package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/socketio"
)

var errNetwork = errors.New("no network")

// nowhere is a network without servers.
func nowhere(context.Context, string, string) (net.Conn, error) { return nil, errNetwork }

// attempts records when a client tries, since the last time.
type attempts struct {
	last   time.Time
	delays []time.Duration
	errs   []error
}

func (a *attempts) dial(context.Context, string, string) (net.Conn, error) {
	a.delays = append(a.delays, time.Since(a.last))
	a.last = time.Now()
	return nil, errNetwork
}

// CC6: the delays grow within their bounds, and end after so many attempts.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := attempts{last: time.Now()}
		var numbers []int
		failed := 0
		s, err := client.New(address, &client.Options{
			DialContext:  tries.dial,
			Transports:   []string{"websocket"},
			Reconnection: client.Reconnection{Attempts: 5, Delay: 100 * time.Millisecond, DelayMax: time.Second, Jitter: -1},
			Trace: &client.Trace{
				ReconnectAttempt: func(_ *client.Manager, n int) { numbers = append(numbers, n) },
				ReconnectError:   func(_ *client.Manager, err error) { tries.errs = append(tries.errs, err) },
				ReconnectFailed:  func(*client.Manager) { failed++ },
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		told := record(s)
		for range 2 { // it can be opened again
			tries.delays, numbers, tries.errs, tries.last = nil, nil, nil, time.Now()
			s.Open()
			time.Sleep(time.Minute)
			synctest.Wait()
			if want := "[0s 100ms 200ms 400ms 800ms 1s]"; fmt.Sprint(tries.delays) != want {
				t.Errorf("delays %v, want %v", tries.delays, want)
			}
			if want := "[1 2 3 4 5]"; fmt.Sprint(numbers) != want {
				t.Errorf("attempts %v, want %v", numbers, want)
			}
			if len(tries.errs) != 5 || !errors.Is(tries.errs[0], errNetwork) {
				t.Errorf("errors %v", tries.errs)
			}
			told.want(t, "error", "error", "error", "error", "error", "error")
			told.wantNone(t)
			if s.Active() {
				t.Error("still active")
			}
		}
		if failed != 2 {
			t.Errorf("failed %d times", failed)
		}
		s.Close(t.Context())
	})
}

// The jitter stays within its part of the delay, and is used in full.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := attempts{last: time.Now()}
		s, err := client.New(address, &client.Options{
			DialContext:  tries.dial,
			Transports:   []string{"websocket"},
			Reconnection: client.Reconnection{Delay: time.Second, DelayMax: -1, Jitter: 0.25, Attempts: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		least, most := time.Hour, time.Duration(0)
		for range 500 {
			tries.delays = nil
			s.Open()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			least, most = min(least, tries.delays[1]), max(most, tries.delays[1])
		}
		if least < 750*time.Millisecond || least > 800*time.Millisecond || most > 1250*time.Millisecond || most < 1200*time.Millisecond {
			t.Errorf("delays from %v to %v", least, most)
		}
		s.Close(t.Context())
	})
}

// CC8: an attempt takes no longer than it may, over each transport.
func TestConnectTimeout(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		synctest.Test(t, func(t *testing.T) {
			silent := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			o := &client.Options{DialContext: silent.Dial, ConnectTimeout: 3 * time.Second}
			transport(o)
			start := time.Now()
			_, err := client.Dial(t.Context(), address, o)
			if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "timeout") {
				t.Errorf("Dial = %v", err)
			}
			if d := time.Since(start); d != 3*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	})
}

// The context of Dial ends the attempt.
func TestDialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Dial(ctx, address, &client.Options{DialContext: silent.Dial})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial = %v", err)
		}
	})
}

// CC1, CC12: a connection that broke is made anew, and the socket has another id.
func TestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		echo(h.sio)
		var during atomic.Value
		var again []int
		var s *client.Socket
		s = h.new("/", transports["websocket"], func(o *client.Options) {
			o.Trace = &client.Trace{
				ReconnectAttempt: func(*client.Manager, int) { during.Store(s.ID()) },
				Reconnected:      func(_ *client.Manager, n int) { again = append(again, n) },
			}
		})
		told := record(s)
		connect(t, s)
		told.want(t, "connect")
		id := s.ID()
		sockets, _ := h.sio.FetchSockets(t.Context())
		if len(sockets) != 1 || sockets[0].ID() != id {
			t.Errorf("the server knows %v, the client %s", sockets, id)
		}
		if id == s.Manager().SessionID() {
			t.Error("the id is that of the connection")
		}
		h.sio.Of("/").DisconnectSockets(true) // which is not a broken connection
		told.want(t, "disconnect: io server disconnect")
		time.Sleep(time.Minute)
		synctest.Wait()
		told.wantNone(t)
		connect(t, s)
		told.want(t, "connect")
		id = s.ID()
		h.ln.drop()
		told.want(t, "disconnect: transport close", "connect")
		synctest.Wait()
		if during.Load() != "" {
			t.Errorf("id during the attempt is %q", during.Load())
		}
		if now := s.ID(); now == "" || now == id {
			t.Errorf("id %q, before %q", now, id)
		}
		if fmt.Sprint(again) != "[1]" {
			t.Errorf("reconnected in attempts %v", again)
		}
		if got, err := client.Call[int](t.Context(), s, "echo", 5); got != 5 || err != nil {
			t.Errorf("Call = %v, %v", got, err)
		}
	})
}

// CC7: leaving ends the attempts, unless other sockets need the connection. CC26: a
// socket that is opened meanwhile does not disturb them.
func TestLeaveWhileReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var numbers []int
		s, err := client.New(address, &client.Options{
			DialContext:  nowhere,
			Reconnection: client.Reconnection{Delay: time.Second, DelayMax: time.Second, Jitter: -1},
			Trace:        &client.Trace{ReconnectAttempt: func(_ *client.Manager, n int) { numbers = append(numbers, n) }},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Open()
		time.Sleep(2500 * time.Millisecond)
		other := s.Of("/other")
		other.Open()
		time.Sleep(time.Second)
		s.Disconnect()
		time.Sleep(time.Second)
		synctest.Wait()
		if fmt.Sprint(numbers) != "[1 2 3 4]" {
			t.Errorf("attempts %v", numbers)
		}
		other.Disconnect()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(numbers) != 4 {
			t.Errorf("attempts %v", numbers)
		}
		s.Open()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if fmt.Sprint(numbers[4:]) != "[1]" {
			t.Errorf("attempts %v", numbers)
		}
		s.Manager().Close(t.Context())
	})
}

// CC7: a socket may leave in the hook of an attempt.
func TestLeaveInHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := attempts{}
		var s *client.Socket
		s, err := client.New(address, &client.Options{DialContext: tries.dial, Transports: []string{"websocket"}, Trace: &client.Trace{
			ReconnectAttempt: func(*client.Manager, int) { s.Disconnect() },
		}})
		if err != nil {
			t.Fatal(err)
		}
		s.Open()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(tries.delays) != 1 {
			t.Errorf("%d attempts", len(tries.delays))
		}
		s.Close(t.Context())
	})
}

// Without reconnection there is one attempt, and a broken connection is the end.
func TestNoReconnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		off := func(o *client.Options) { o.Reconnection.Disable = true }
		s := h.dial("/", off, transports["websocket"])
		told := record(s)
		h.ln.drop()
		told.want(t, "disconnect: transport close")
		time.Sleep(time.Minute)
		synctest.Wait()
		told.wantNone(t)
		if s.Active() {
			t.Error("still active")
		}
		connect(t, s)
		away := h.new("/", off, func(o *client.Options) { o.DialContext = nowhere })
		if err := away.Connect(t.Context()); !errors.Is(err, errNetwork) {
			t.Errorf("Connect = %v", err)
		}
		if away.Active() {
			t.Error("active after a failure")
		}
	})
}

// CC23: auth is made anew for each connection, for each namespace.
func TestAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		auths := make(chan string, 10)
		use := func(_ context.Context, s *socketio.Socket) error {
			var auth struct{ Token string }
			err := s.Auth(&auth)
			if s.Handshake().Query.Has("token") {
				t.Error("the token is part of the query")
			}
			auths <- auth.Token
			return err
		}
		h.sio.Use(use)
		h.sio.Of("/x").Use(use)
		var calls atomic.Int32
		s := h.dial("/", func(o *client.Options) {
			o.AuthFunc = func(_ context.Context, namespace string) (any, error) {
				return map[string]any{"token": fmt.Sprint(namespace, calls.Add(1))}, nil
			}
		})
		connect(t, s.Of("/x"))
		want(t, auths, "/1", "/x2")
		h.ln.drop()
		first, second := receive(t, auths), receive(t, auths)
		if first > second {
			first, second = second, first
		}
		if !strings.HasPrefix(first, "/") || !strings.HasPrefix(second, "/x") || calls.Load() != 4 {
			t.Errorf("auths %q and %q, %d calls", first, second, calls.Load())
		}
		fixed := h.dial("/", func(o *client.Options) { o.Auth = struct{ Token string }{"fixed"} })
		want(t, auths, "fixed")
		fixed.Disconnect()
	})
}

// An AuthFunc that fails is called again, and ends with its connection.
func TestAuthFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		calls, ended := 0, 0
		s := h.new("/", func(o *client.Options) {
			o.Reconnection = client.Reconnection{Delay: time.Second, Jitter: -1}
			o.AuthFunc = func(ctx context.Context, _ string) (any, error) {
				switch calls++; calls {
				case 1:
					return nil, errors.New("no token")
				case 2:
					panic("no")
				case 3:
					return 7, nil // no object
				case 5:
					<-ctx.Done()
					ended++
					return nil, ctx.Err()
				}
				return nil, nil
			}
		})
		told := record(s)
		s.Open()
		told.want(t, "error", "error", "error")
		if s.Active() {
			t.Error("auth that cannot be sent is tried again")
		}
		s.Open()
		told.want(t, "connect")
		s.Disconnect()
		told.want(t, "disconnect: io client disconnect")
		s.Open()
		time.Sleep(time.Second)
		synctest.Wait()
		s.Disconnect()
		synctest.Wait()
		if calls != 5 || ended != 1 {
			t.Errorf("%d calls, %d ended", calls, ended)
		}
		told.wantNone(t)
	})
}

// An AuthFunc is told that its socket has left, although the connection stays; Close
// waits for it.
func TestAuthEndsWithSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		ended := false
		s := h.dial("/", func(o *client.Options) {
			o.AuthFunc = func(ctx context.Context, namespace string) (any, error) {
				if namespace == "/x" {
					<-ctx.Done()
					time.Sleep(time.Second)
					ended = true
				}
				return nil, nil
			}
		})
		x := s.Of("/x")
		x.Open()
		synctest.Wait()
		if err := x.Close(t.Context()); err != nil || !ended {
			t.Errorf("Close = %v, AuthFunc ended: %t", err, ended)
		}
		if !s.Connected() {
			t.Error("the connection is gone")
		}
	})
}

// An endpoint can change for each attempt.
func TestEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan string, 10)
		h := serve(t, &socketio.Options{AllowRequest: func(r *http.Request) error {
			seen <- fmt.Sprint(r.Host, " ", r.URL.Path, " ", r.URL.Query().Get("q"), " ", r.Header.Get("X"))
			if r.Host == "first" {
				return errors.New("full")
			}
			return nil
		}})
		s := h.new("/", transports["websocket"], func(o *client.Options) {
			o.Query = map[string][]string{"q": {"&=?a"}}
			o.Endpoint = func(_ context.Context, attempt int) (string, http.Header, error) {
				switch attempt {
				case 0:
					return "", http.Header{"X": {"0"}}, nil
				case 1:
					return "http://first", nil, nil
				case 2:
					return "", nil, errors.New("none")
				}
				return "ws://second:80/ignored", http.Header{"X": {"3"}}, nil
			}
			o.Path = "/socket.io"
			o.Header = http.Header{"X": {"always"}}
		})
		told := record(s)
		s.Open()
		want(t, seen, "server /socket.io/ &=?a 0")
		told.want(t, "connect")
		h.ln.drop()
		want(t, seen, "first /socket.io/ &=?a always", "second:80 /socket.io/ &=?a 3")
		told.want(t, "disconnect: transport close", "error", "error", "connect")
		if s.Namespace() != "/" {
			t.Error("the namespace is", s.Namespace())
		}
	})
}

// CC21: silence of the server breaks the connection, and what is emitted past its
// deadline is kept.
func TestPingTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		pings := 0
		s, p := sc.open(func(o *client.Options) { o.Trace = &client.Trace{Ping: func(*client.Manager) { pings++ }} })
		told := record(s)
		start := time.Now()
		time.Sleep(40 * time.Second)
		p.send("2")
		time.Sleep(44 * time.Second)
		told.wantNone(t)
		told.want(t, "disconnect: ping timeout")
		if d := time.Since(start); d != 85*time.Second || pings != 1 {
			t.Errorf("%d pings, disconnected after %v", pings, d)
		}
		s.Emit("late")
		p = sc.acceptSocket()
		p.want(`42["late"]`)
	})
}
