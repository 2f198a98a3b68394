package socketio_test

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/socketio"
)

// What the layers below have an option for, and the server as well, is passed on.
func TestOptionsArePassedOn(t *testing.T) {
	opts := new(socketio.Options)
	v := reflect.ValueOf(opts).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i + 1))
		case reflect.Float64:
			f.SetFloat(float64(i + 1))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), i+1, i+1))
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Func:
			f.Set(reflect.MakeFunc(f.Type(), func([]reflect.Value) []reflect.Value { return nil }))
		}
	}
	opts.Trace.Engine = nil
	engine, json := opts.Layers()
	compared := 0
	for _, below := range []reflect.Value{reflect.ValueOf(engine).Elem(), reflect.ValueOf(json).Elem()} {
		for i := range below.NumField() {
			name := below.Type().Field(i).Name
			above := v.FieldByName(name)
			if !above.IsValid() || name == "Trace" || name == "Logger" {
				continue
			}
			compared++
			got, want := below.Field(i), above
			if got.Kind() == reflect.Func || got.Kind() == reflect.Slice || got.Kind() == reflect.Pointer {
				if got.UnsafePointer() != want.UnsafePointer() {
					t.Errorf("%s is not passed on", name)
				}
			} else if got.Interface() != want.Interface() {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	}
	if compared < 36 {
		t.Errorf("only %d options have been compared", compared)
	}
}

// Needs row 22: the address of a client behind a proxy is what the proxy says, if it
// is to be believed.
func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		trusted []string
		want    string
	}{
		{nil, "pipe"},
		{[]string{"unix"}, "203.0.113.7"}, // the connections of these tests have no IP address
		{[]string{"unix", "203.0.113.0/24"}, "198.51.100.1"},
	} {
		h := serve(t, &socketio.Options{TrustedProxies: c.trusted})
		address := make(chan string, 1)
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			address <- s.Handshake().Address
			return nil
		})
		d := websocket.Dialer{NetDialContext: h.ln.dial}
		ws, _, err := d.Dial("ws://server/socket.io/?EIO=4&transport=websocket", http.Header{"X-Forwarded-For": {"forged, 198.51.100.1, 203.0.113.7"}})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		ws.WriteMessage(websocket.TextMessage, []byte("40"))
		if got := receive(t, address); got != c.want {
			t.Errorf("%q trusted: got %s, want %s", c.trusted, got, c.want)
		}
	}
}

// Needs row 9: where the oldest events are dropped, acknowledgements and what ends a
// connection are not.
func TestQueueDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxQueueMessages: 8, QueuePolicy: socketio.QueueDropOldest, PingInterval: time.Hour})
		sockets := make(chan *socketio.Socket, 1)
		n := h.sio.Of("/x")
		barrier(n)
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
		ws := h.deaf("/x")
		s := receive(t, sockets)
		synctest.Wait()
		for i := range 3 { // on their way: the first batch
			s.Emit("early", i)
		}
		synctest.Wait()
		ws.WriteMessage(websocket.TextMessage, []byte(`42/x,7["barrier"]`))
		synctest.Wait()
		for i := range 100 {
			if err := s.Emit("ev", i); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
		}
		s.Disconnect(false)
		ws.WriteMessage(websocket.TextMessage, []byte("40/none,"))
		synctest.Wait()
		var got []string
		for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "44/none,") {
			_, m, err := ws.ReadMessage()
			if err != nil {
				t.Fatalf("%v after %q", err, got)
			}
			got = append(got, string(m))
		}
		all := strings.Join(got, "\n")
		for _, want := range []string{`43/x,7[]`, `42/x,["ev",99]`, "\n41/x,"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s was lost: %q", want, got)
			}
		}
		if len(got) > 8 {
			t.Errorf("%d messages", len(got))
		}
		h.sio.Close()
	})
}
