package siotest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/socketio"
)

// TestTimeout proves that a server gets along with a timeout middleware. The arguments
// are as for [TestMount], but the routers end requests that take longer than limit, as
// [http.TimeoutHandler] does; the server has an Options.PollTimeout of a third of that.
//
// A polling session must outlive three times the limit. A websocket may be refused,
// since most such middleware hides the connection: then at once, with one line in the
// server's log that says why, and the session that tried stays with polling. If it is
// not refused, it must live as long. Nothing may be in net/http's log.
func TestTimeout(t *testing.T, limit time.Duration, mount MountFunc) {
	t.Helper()
	log := new(Log)
	address := mounted{mount}.serveSocketIO(t, mountPaths[0], nil, func(o *socketio.Options) {
		o.PollTimeout = limit / 3
		o.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	p := Polling(t, address, nil)
	p.Connect("/", "")
	p.Expect(`42["hello","` + outerValue + `"]`)
	upgraded := tryWebSocket(t, p)
	w := newPeer(t, address, nil)
	w.conn = tryWebSocket(t, w)
	if (upgraded == nil) != (w.conn == nil) {
		t.Errorf("an upgrade was refused: %v, a new websocket: %v", upgraded == nil, w.conn == nil)
	}
	if upgraded != nil {
		upgraded.Close() // without a probe
	}
	explained := strings.Count(log.String(), "cannot be hijacked")
	if w.conn != nil {
		w.open([]string{w.read()})
		w.Connect("/", "")
		w.Expect(`42["hello","` + outerValue + `"]`)
	} else if explained != 1 {
		t.Errorf("%d lines of the log say why websockets are refused, want 1:\n%s", explained, log)
	}
	outlive(p, 3*limit)
	for _, peer := range []*Peer{p, w} {
		if peer == p || w.conn != nil {
			peer.Send(`421["echo","still here"]`)
			peer.Expect(`431["still here"]`)
		}
	}
}

// tryWebSocket asks for a websocket and returns nil if it was refused.
func tryWebSocket(t *testing.T, p *Peer) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, p.address("websocket"), nil)
	if err == nil {
		return conn
	}
	if res == nil || res.StatusCode < http.StatusBadRequest {
		t.Fatalf("websocket: %v%s, want it to be accepted or to be refused", err, describe(res))
	}
	return nil
}

// outlive polls for that long, and wants each poll to be answered by a noop.
func outlive(p *Peer, d time.Duration) {
	p.t.Helper()
	polls := 0
	for end := time.Now().Add(d); time.Now().Before(end); polls++ {
		if got := p.get(); len(got) != 1 || got[0] != "6" {
			p.t.Fatalf("a poll was answered by %q, want a noop", got)
		}
	}
	if polls < 3 {
		p.t.Errorf("%d polls in three times the limit: they were not cut short", polls)
	}
}
