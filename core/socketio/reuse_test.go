package socketio_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// mixed shares memory with the message that it came in, because of one field.
type mixed struct {
	Text string
	Raw  json.RawMessage
}

// keeper collects what handlers got, and what that should have been.
type keeper struct {
	kept []func() (got, want string)
}

// keep notes that v was made of the number n.
func (k *keeper) keep(v any, want string) {
	k.kept = append(k.kept, func() (string, string) {
		switch v := v.(type) {
		case json.RawMessage:
			return string(v), want
		case parser.Args:
			return string(v.Raw(0)), want
		case *socketio.Event:
			return string(v.Args().Raw(0)), want
		}
		data, err := json.Marshal(v)
		if err != nil {
			return err.Error(), want
		}
		return string(data), want
	})
}

// keepTyped registers a handler that keeps its arguments, and takes so long sometimes
// that another reader takes over.
func keepTyped[T any](k *keeper, sio *socketio.Server, arguments map[string]func(int) string, argument func(int) string) {
	name := reflect.TypeFor[T]().String()
	arguments[name] = argument
	n := 0
	socketio.OnCall(sio, name, func(_ context.Context, _ *socketio.Socket, v T) (json.RawMessage, error) {
		k.keep(v, argument(n))
		n++
		if n%50 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		return json.Marshal(v)
	})
}

// The memory of a message is used again only if nobody has a part of it.
func TestReusedMessages(t *testing.T) {
	sio := socketio.NewServer(nil)
	var k keeper
	arguments := make(map[string]func(int) string)
	text := func(n int) string { return fmt.Sprintf(`"number %04d"`, n) }
	object := func(n int) string { return fmt.Sprintf(`{"Text":%s,"Raw":[%04d]}`, text(n), 1000+n) }
	keepTyped[string](&k, sio, arguments, text)
	keepTyped[[]string](&k, sio, arguments, func(n int) string { return "[" + text(n) + `,"b"]` })
	keepTyped[map[string]string](&k, sio, arguments, func(n int) string { return fmt.Sprintf(`{"key %04d":%s}`, n, text(n)) })
	keepTyped[any](&k, sio, arguments, func(n int) string { return fmt.Sprintf(`{"a":[%s],"b":{%s:null}}`, text(n), text(n)) })
	keepTyped[[]byte](&k, sio, arguments, func(n int) string { return fmt.Sprintf(`"bnVt%04d"`, n) })
	keepTyped[*string](&k, sio, arguments, text)
	keepTyped[json.RawMessage](&k, sio, arguments, text)
	keepTyped[json.Number](&k, sio, arguments, func(n int) string { return fmt.Sprint(10000 + n) })
	keepTyped[[]json.RawMessage](&k, sio, arguments, func(n int) string { return "[" + text(n) + "]" })
	keepTyped[mixed](&k, sio, arguments, object)
	arguments["args"], arguments["untyped"] = text, text
	argsN, untypedN := 0, 0
	socketio.On(sio, "args", func(_ context.Context, _ *socketio.Socket, args parser.Args) error {
		k.keep(args, text(argsN))
		argsN++
		return nil
	})
	sio.Handle("untyped", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		k.keep(e, text(untypedN))
		untypedN++
		return e.Reply()
	}))
	conn, next := dialTCP(t, sio)

	const rounds = 200
	names := slices.Sorted(maps.Keys(arguments))
	id := 0
	for n := range rounds {
		for _, name := range names {
			argument := arguments[name](n)
			conn.Write(clientFrame(1, fmt.Sprintf(`42%d["%s",%s]`, id, name, argument)))
			want := fmt.Sprintf(`43%d[%s]`, id, argument)
			if name == "args" || name == "untyped" {
				want = fmt.Sprintf(`43%d[]`, id)
			}
			if got := next(); got != want {
				t.Fatalf("answer %q to %s, want %q", got, name, want)
			}
			id++
		}
	}
	sio.Close() // for the race detector: no handler is running
	if want := rounds * len(names); len(k.kept) != want {
		t.Errorf("%d arguments, want %d", len(k.kept), want)
	}
	for _, kept := range k.kept {
		if got, want := kept(); got != want {
			t.Errorf("%s became %s", want, got)
		}
	}
}

// dialTCP connects a client over TCP to the main namespace. The function returns the next
// message of the server, which must be small.
func dialTCP(t testing.TB, sio *socketio.Server) (net.Conn, func() string) {
	t.Helper()
	hs := httptest.NewServer(sio)
	t.Cleanup(func() { sio.Close(); hs.Close() })
	conn := askTCP(t, hs.Listener.Addr().String())
	buf := make([]byte, 4096)
	read := func(n int) []byte {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(conn, buf[:n]); err != nil {
			t.Fatal(err)
		}
		return buf[:n]
	}
	next := func() string {
		t.Helper()
		n := int(read(2)[1])
		if n == 126 {
			n = int(binary.BigEndian.Uint16(read(2)))
		}
		return string(read(n))
	}
	for response := ""; !strings.HasSuffix(response, "\r\n\r\n"); {
		response += string(read(1))
	}
	if open := next(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("no open packet: %q", open)
	}
	conn.Write(clientFrame(1, "40"))
	if connected := next(); !strings.HasPrefix(connected, "40{") {
		t.Fatalf("not connected: %q", connected)
	}
	return conn, next
}

// askTCP asks for a websocket over TCP. What the server says is left to the caller.
func askTCP(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	return conn
}
