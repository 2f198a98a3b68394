package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// writer is a client that writes numbered notes, reads news, and answers questions.
type writer struct {
	r    *report
	name string
	sock *client.Socket

	steady  bool // on a good line: it must never be disconnected
	room    string
	leaving atomic.Bool

	// Used by handlers, which run one at a time.
	last int // number of the last news
	met  bool
}

// transports are how clients connect, in turn.
var transports = [][]string{{"websocket"}, {"polling"}, {"polling", "websocket"}}

// patience is how long what must happen may take, on a busy machine.
const patience = 30 * time.Second

// newWriter makes a client on a good line if steady, or else one that sends each note
// until it is acknowledged.
func newWriter(r *report, url, name string, i int, steady bool) (*writer, error) {
	w := &writer{r: r, name: name, steady: steady, room: roomNames[i%len(roomNames)]}
	o := &client.Options{
		Transports:     transports[i%len(transports)],
		Reconnection:   client.Reconnection{Delay: 50 * time.Millisecond, DelayMax: time.Second},
		ConnectTimeout: 5 * time.Second, UpgradeTimeout: 5 * time.Second, CloseTimeout: 2 * time.Second,
		Logger: quiet, ErrorHandler: w.failed,
	}
	if !steady {
		o.Retries, o.AckTimeout = 1_000_000, 4*time.Second
	}
	sock, err := client.New(url, o)
	if err != nil {
		return nil, err
	}
	w.sock = sock
	sock.OnConnect(w.connected)
	sock.OnDisconnect(func(reason client.Reason, err error) {
		if w.steady && !w.leaving.Load() {
			w.r.finding("%s was disconnected: %s: %v", w.name, reason, err)
		}
	})
	client.On(sock, Tell.Name, w.read)
	client.OnCall(sock, Question.Name, func(_ context.Context, n int) (int, error) { return n + 1, nil })
	return w, nil
}

// failed takes errors of handlers, and retries that were given up.
func (w *writer) failed(_ *client.Socket, event string, err error) {
	if !w.leaving.Load() {
		w.r.finding("%s: %q: %v", w.name, event, err)
	}
}

// connected enters the room, unless the session was recovered: then the client is in it
// still, and has missed nothing.
func (w *writer) connected(context.Context) {
	if w.met {
		w.r.connects.Add(1)
	}
	if w.met && w.sock.Recovered() {
		w.r.recovered.Add(1)
		return
	}
	w.met, w.last = true, 0
	if err := w.sock.Emit(Enter.Name, w.room); err != nil && !w.leaving.Load() {
		w.r.finding("%s: %v", w.name, err)
	}
}

// read takes news: from the first one on they come in order, none twice and none missing,
// as long as the session lives, or is recovered.
func (w *writer) read(_ context.Context, n News) error {
	if w.last != 0 && n.Number != w.last+1 {
		w.r.finding("%s got news %d of %s after %d (recovered: %v)", w.name, n.Number, n.Room, w.last, w.sock.Recovered())
	}
	w.last = n.Number
	w.r.news.Add(1)
	return nil
}

// run writes until ctx ends, and leaves.
func (w *writer) run(ctx context.Context, interval time.Duration) {
	defer w.leave()
	connecting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.sock.Open()
	if w.steady {
		if err := w.sock.Connect(connecting); err != nil && ctx.Err() == nil {
			w.r.finding("%s cannot connect: %v", w.name, err)
			return
		}
	}
	for number := 1; pause(ctx, interval/2+rand.N(interval)); number++ {
		if !w.write(ctx, number) {
			return
		}
		if w.steady && number%8 == 0 && !w.blob(ctx) {
			return
		}
	}
}

// write writes one note and waits until it is acknowledged.
func (w *writer) write(ctx context.Context, number int) bool {
	begun := time.Now()
	w.r.sent.Add(1)
	n, err := w.call(ctx, Note{Writer: w.name, Number: number, Again: !w.steady})
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		w.r.finding("note %d of %s: %v", number, w.name, err)
		return false
	case n != number:
		w.r.finding("note %d of %s was acknowledged as %d", number, w.name, n)
	}
	w.r.acknowledged.Add(1)
	if w.steady {
		w.r.took(time.Since(begun))
	}
	return true
}

// call waits for as long as it takes on a bad line, where notes are sent again.
func (w *writer) call(ctx context.Context, note Note) (int, error) {
	limit := patience
	if !w.steady {
		limit = 10 * patience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return Write.Call(ctx, w.sock, note)
}

// blob sends bytes that come back.
func (w *writer) blob(ctx context.Context) bool {
	data := bytes.Repeat([]byte{byte(rand.IntN(256))}, 1+rand.IntN(50_000))
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	back, err := Blob.Call(call, w.sock, data)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		w.r.finding("%d bytes of %s: %v", len(data), w.name, err)
		return false
	case !bytes.Equal(back, data):
		w.r.finding("%d bytes of %s came back as %d others", len(data), w.name, len(back))
	}
	w.r.blobs.Add(1)
	return true
}

// leave closes the client. On a bad line the goodbye may not arrive.
func (w *writer) leave() {
	w.leaving.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := w.sock.Manager().Close(ctx); err != nil && w.steady {
		w.r.finding("closing %s: %v", w.name, err)
	}
}

// visit is a client that stays for a moment: it connects to some namespaces, writes, and
// leaves in one way or another. Every other one tries to log in with the wrong token.
func visit(ctx context.Context, r *report, url string, i int) {
	name := fmt.Sprintf("visitor %d", i)
	w, err := newWriter(r, url, name, i, true)
	if err != nil {
		r.finding("%v", err)
		return
	}
	defer w.leave()
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.sock.Connect(call); err != nil {
		if ctx.Err() == nil {
			r.finding("%s cannot connect: %v", name, err)
		}
		return
	}
	r.visits.Add(1)
	team := w.sock.Of(fmt.Sprintf("/team-%d", rand.IntN(20)))
	if err := team.Connect(call); err != nil && ctx.Err() == nil {
		r.finding("%s cannot connect to %s: %v", name, team.Namespace(), err)
	}
	private := w.sock.Of(privateNamespace) // without a token
	var refused *client.ConnectError
	switch err := private.Connect(call); {
	case errors.As(err, &refused) && refused.Message == "not you":
		r.refusals.Add(1)
	case ctx.Err() == nil:
		r.finding("%s was let into %s: %v", name, privateNamespace, err)
	}
	for number := 1; number <= 5 && w.write(ctx, number); number++ {
	}
	if i%2 == 0 {
		w.sock.Emit(Exit.Name, w.room)
		w.leaving.Store(true)
		w.sock.Disconnect()
	}
}
