package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

// app is a server with a bit of everything.
func app(io.Writer) (http.Handler, *socketio.Server) {
	sio := socketio.NewServer(nil)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Emit("welcome", map[string]any{"file": []byte{0, 1, 255}}, 7)
	})
	socketio.On(sio, "message", func(_ context.Context, s *socketio.Socket, text string) error {
		return s.Send("you said " + text)
	})
	socketio.OnCall(sio, "sum", func(_ context.Context, _ *socketio.Socket, numbers []int) (int, error) {
		sum := 0
		for _, n := range numbers {
			sum += n
		}
		return sum, nil
	})
	socketio.OnCall(sio, "size", func(_ context.Context, _ *socketio.Socket, data []byte) (int, error) { return len(data), nil })
	socketio.On(sio, "ask me", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		go func() {
			answer, err := socketio.Call[string](s.Context(), s, "drink", "tea or coffee?")
			s.Emit("thanks", answer, err == nil)
		}()
		return nil
	})
	socketio.On(sio, "throw me out", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		s.Disconnect(false)
		return nil
	})
	admin := sio.Of("/admin")
	admin.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if s.Auth(&auth); auth.Token != "secret" {
			return socketio.Reject("not for you", map[string]string{"hint": "log in"})
		}
		return nil
	})
	socketio.OnCall(admin, "who", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		return s.Handshake().Header.Get("X-Name"), nil
	})
	mux := http.NewServeMux()
	siohttp.Attach(mux, sio)
	return mux, sio
}

// stamp is what differs from run to run.
var stamp = regexp.MustCompile(`(?m)^ *[\d.]+ | id \S+| after [^:]+`)

// screen is what the program printed. It interrupts the program once it shows
// everything that is wanted.
type screen struct {
	text      strings.Builder
	wanted    []string
	interrupt func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.text.Write(p)
	shown := s.String()
	missing := func(want string) bool { return !strings.Contains(shown, want) }
	if len(s.wanted) > 0 && !slices.ContainsFunc(s.wanted, missing) {
		s.interrupt()
	}
	return len(p), nil
}

func (s *screen) String() string { return stamp.ReplaceAllString(s.text.String(), "") }

// siocat runs the program, until it ends or has printed what is wanted, and returns
// what it printed.
func siocat(t *testing.T, input string, wanted []string, args ...string) (string, error) {
	t.Helper()
	cfg, err := parseFlags(append(args, trial.Start(t, app, io.Discard)), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := &screen{wanted: wanted, interrupt: cancel}
	err = run(ctx, cfg, strings.NewReader(input), out)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("not everything of %q was printed:\n%s", wanted, out)
	}
	return out.String(), err
}

func TestLines(t *testing.T) {
	for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
		input := `hello
? ["sum",[1,2,39]]
? ["size",{"$binary":"AAECAw=="}]
["ask me"]
? ["sum",[]]
/admin ? ["who"]
nonsense
[1]
["broken
`
		out, err := siocat(t, input, []string{
			"+ /\n", "+ /admin\n",
			`< / welcome {"file":<3 bytes: 00 01 ff>} 7`,
			"> / message \"hello\"\n", `< / message "you said hello"`,
			"< / sum acknowledged: 42\n", "> / size <4 bytes: 00 01 02 03>\n", "< / size acknowledged: 4\n", "> / \"ask me\"\n", `< / drink "tea or coffee?"`, `< / thanks "tea" true`,
			`< /admin who acknowledged: "cat"`, `< / message "you said nonsense"`,
			"! the name of the event is not a string", `! not of the form ["event",argument,…]`,
		}, "-t", transports, "-n", "/admin", "-auth", `{"token":"secret"}`, "-H", "X-Name: cat", "-answer", `drink="tea"`, "-wait", "-1s")
		for _, want := range []string{"- / io client disconnect\n", "- /admin io client disconnect\n"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("over %s: %v, or %q is missing in:\n%s", transports, err, want, out)
			}
		}
	}
}

// TestPipe is what most do: a line from a pipe, and the answer.
func TestPipe(t *testing.T) {
	out, err := siocat(t, `? ["sum",[20,22]]`, nil)
	if err != nil || !strings.Contains(out, "< / sum acknowledged: 42\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestVerbose(t *testing.T) {
	out, err := siocat(t, "hello", []string{"* opened: polling", "* upgraded: websocket", "you said hello"}, "-v", "-wait", "-1s")
	if err != nil || !strings.Contains(out, "* closed: forced close") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRefused(t *testing.T) {
	out, err := siocat(t, "hello", nil, "-n", "/admin")
	var refused *client.ConnectError
	if !errors.As(err, &refused) || refused.Message != "not for you" || !strings.Contains(out, `! /admin client: connect /admin: not for you {"hint":"log in"}`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestThrownOut(t *testing.T) {
	out, err := siocat(t, `["throw me out"]`, nil, "-wait", "-1s")
	if err == nil || err.Error() != "/: io server disconnect" || !strings.Contains(out, "- / io server disconnect") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNobodyThere(t *testing.T) {
	cfg, err := parseFlags([]string{"127.0.0.1:1"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), cfg, strings.NewReader(""), t.Output())
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

// TestInterrupted: a server that says nothing does not hold the program up.
func TestInterrupted(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg, err := parseFlags([]string{"http://" + ln.Addr().String()}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		if conn, err := ln.Accept(); err == nil {
			defer conn.Close()
			conn.Read(make([]byte, 1))
		}
		interrupt()
	}()
	if err := run(ctx, cfg, strings.NewReader("hello"), t.Output()); err != errInterrupted {
		t.Errorf("error %v", err)
	}
}

func TestShow(t *testing.T) {
	args := parser.Args{
		Values:      [][]byte{[]byte(`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":7}]`), []byte("\"\x1b[2J\u009b\"")},
		Attachments: [][]byte{make([]byte, 40)},
	}
	got := show(args)
	want := `[<40 bytes: 00` + strings.Repeat(" 00", maxShown-1) + ` …>,{"_placeholder":true,"num":7}] "\u001b[2J\u009b"`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := name("odd\nname"); got != `"odd\nname"` {
		t.Errorf("name %s", got)
	}
}

func TestFlags(t *testing.T) {
	for _, bad := range [][]string{{}, {"a", "b"}, {"-auth", "[1]", "x"}, {"-auth", "{", "x"}, {"-H", "x", "y"}, {"-answer", "x={", "y"}} {
		var out strings.Builder
		if _, err := parseFlags(bad, &out); err == nil || !strings.HasPrefix(out.String(), "one URL") && !strings.HasPrefix(out.String(), "invalid value") {
			t.Errorf("%q: %v, printed %q", bad, err, out.String())
		}
	}
	if _, err := parseFlags([]string{"-h"}, io.Discard); err != flag.ErrHelp {
		t.Errorf("-h: %v", err)
	}
}
