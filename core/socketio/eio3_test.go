package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

// EI1, EI2, EI9, N24, N25: clients of version 2.
func TestVersion2Clients(t *testing.T) {
	h := serve(t, &socketio.Options{AllowEIO3: true})
	barrier(h.sio)
	ids := make(chan string, 3)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { ids <- s.ID(); return nil })
	h.sio.Of("/ns").OnConnect(func(_ context.Context, s *socketio.Socket) error {
		ids <- s.ID()
		return s.Emit("auth", s.Handshake().Auth)
	})
	h.sio.Of("/data").Use(func(context.Context, *socketio.Socket) error { return socketio.Reject("no", map[string]int{"code": 1}) })
	h.sio.Of("/text").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	c := h.open("EIO=3")
	c.want("40") // EI9: without asking
	if got := receive(t, ids); got != c.sid {
		t.Errorf("EI1: id %q, session %q", got, c.sid)
	}
	c.send("40/ns?test=123&a=b%20c")
	c.want("40/ns,", `42/ns,["auth",{"a":"b c","test":"123"}]`)
	if got := receive(t, ids); got != "/ns#"+c.sid {
		t.Errorf("EI1: id %q, session %q", got, c.sid)
	}
	c.send("40/data", "40/text?x=1", "40/nope?x=1")
	got := map[string]bool{c.next(): true, c.next(): true, c.next(): true}
	for _, want := range []string{`44/data,{"code":1}`, `44/text,"no"`, `44/nope,"Invalid namespace"`} {
		if !got[want] {
			t.Errorf("N24: no %s in %v", want, got)
		}
	}
	c.send(`427["barrier"]`)
	c.want(`437[]`)
	c.send("41/ns")
	c.send(`428["barrier"]`)
	c.want(`438[]`)
	if h.sio.Of("/ns").Count() != 0 {
		t.Error("the client did not leave /ns")
	}
}

// EI3, row 26
func TestVersion2ClientsAreRefused(t *testing.T) {
	h := serve(t, nil)
	r, err := h.httpClient().Get("http://server/socket.io/?EIO=3&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, r); r.StatusCode != http.StatusBadRequest || !strings.Contains(got, `{"code":5,"message":"Unsupported protocol version"}`) {
		t.Errorf("%s", got)
	}
	if log := h.log.String(); !strings.Contains(log, "AllowEIO3") {
		t.Errorf("the log does not say what to do: %s", log)
	}
}
