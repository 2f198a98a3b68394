package engineio_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/ws"
)

// Only the sessions that began last keep their readers, however many begin at once, and
// those that let go of theirs hear as well as before.
func TestLingering(t *testing.T) {
	if !ws.CanPark {
		t.Skip("readers are not parked here")
	}
	const many, most = 200, 64
	f := start(t, nil)
	conns, recorders := make([]*conn, many), make([]*recorder, many)
	for i := range many {
		conns[i], _, recorders[i] = f.openWS(t)
		conns[i].send(t, "4hello")
		recorders[i].wantMessage(t, "hello")
	}
	deadline := time.Now().Add(patience)
	for readers() > most {
		if time.Now().After(deadline) {
			t.Fatalf("%d readers for %d silent sessions", readers(), many)
		}
		time.Sleep(time.Millisecond)
	}
	for round := range 3 {
		said := fmt.Sprint("again ", round)
		for i := range many {
			conns[i].send(t, "4"+said)
		}
		for i := range many {
			recorders[i].wantMessage(t, said)
		}
	}
}

// readers returns how many goroutines read for sessions, or are about to.
func readers() int {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	return bytes.Count(b.Bytes(), []byte(".(*Session).readFrom("))
}

// An id may be anything that can be sent.
func TestSpecialIDs(t *testing.T) {
	id := ""
	f := start(t, &engineio.Options{GenerateID: func(*http.Request) (string, error) { return id, nil }})
	for _, id = range []string{`a"b`, `back\slash`, "<&>", "tab\t", "ünïcode", "nul\x00", "~plain~"} {
		if sid, _ := f.open(t); sid != id {
			t.Errorf("over polling: %q, want %q", sid, id)
		}
		id += "w"
		if _, o, _ := f.openWS(t); o.SID != id {
			t.Errorf("over a websocket: %q, want %q", o.SID, id)
		}
	}
}
