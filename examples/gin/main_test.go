package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/trial"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	siotest.Main(m)
}

// world is a chat that runs, and what its server has logged.
type world struct {
	*testing.T
	url   string
	store *store
	auth  *auth
	log   siotest.Log
}

// newWorld starts a chat whose messages are kept in dir; nowhere if that is empty.
func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{T: t}
	var err error
	if w.store, err = openStore(dir); err != nil {
		t.Fatal(err)
	}
	if w.auth, err = newAuth(dir, "open sesame"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.close(); err != nil {
			t.Error(err)
		}
		w.log.Check(t)
	})
	w.url = trial.Start(t, func(io.Writer) (http.Handler, *socketio.Server) { return newApp(&w.log, w.store, w.auth) }, nil)
	return w
}

// request returns the status and the body of an answer to JSON.
func (w *world) request(method, path, body string, header http.Header) (int, string) {
	w.Helper()
	status, answer, _ := trial.Request(w.T, method, w.url+path, body, header)
	return status, answer
}

// login returns the header of a browser that is logged in.
func (w *world) login(name string) http.Header {
	w.Helper()
	form, _ := json.Marshal(map[string]string{"name": name, "password": "open sesame"})
	status, answer, h := trial.Request(w.T, "POST", w.url+"/api/login", string(form), nil)
	cookie, _, ok := strings.Cut(h.Get("Set-Cookie"), ";")
	if status != http.StatusOK || !ok {
		w.Fatalf("login: %d %s, cookie %q", status, answer, h.Get("Set-Cookie"))
	}
	return http.Header{"Cookie": {cookie}}
}

// person is a socket of somebody, and the events that it got.
type person struct {
	*testing.T
	*client.Socket
	welcomes chan welcome
	messages chan message
	activity chan mark
	reads    chan mark
	present  chan presence
	typists  chan typist
	rooms    chan roomInfo
	kicks    chan kick
	gone     chan client.Reason
}

// visit connects a socket with a session.
func (w *world) visit(header http.Header) *person {
	w.Helper()
	p := w.socket(header)
	if err := p.Connect(timely(w.T)); err != nil {
		w.Fatal(err)
	}
	return p
}

// socket returns one that is not connected yet.
func (w *world) socket(header http.Header) *person {
	w.Helper()
	s, err := client.New(w.url, &client.Options{Header: header})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := s.Manager().Close(timely(w.T)); err != nil {
			w.Errorf("closing a client: %v", err)
		}
	})
	p := &person{
		T: w.T, Socket: s,
		welcomes: follow[welcome](s, welcomed.Name),
		messages: follow[message](s, posted.Name),
		activity: follow[mark](s, stirred.Name),
		reads:    follow[mark](s, marked.Name),
		present:  follow[presence](s, gathered.Name),
		typists:  follow[typist](s, typing.Name),
		rooms:    follow[roomInfo](s, created.Name),
		kicks:    follow[kick](s, kicked.Name),
		gone:     make(chan client.Reason, 10),
	}
	s.OnDisconnect(func(reason client.Reason, _ error) { p.gone <- reason })
	return p
}

func follow[T any](s *client.Socket, event string) chan T {
	events := make(chan T, 100)
	client.On(s, event, func(_ context.Context, v T) error {
		events <- v
		return nil
	})
	return events
}

// next returns the next event of a kind.
func next[T any](t *testing.T, events <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-events:
	case <-time.After(patience):
		t.Fatalf("there came no %T", v)
	}
	return v
}

// call returns the answer to a call, and the words of a refusal.
func call[R any](p *person, event string, arg any) (answer R, refusal string) {
	p.Helper()
	args, err := p.Ask(timely(p.T), event, arg)
	if err != nil {
		p.Fatalf("%s: %v", event, err)
	}
	var refused struct{ Error string }
	if args.DecodeOne(&refused) == nil && refused.Error != "" {
		return answer, refused.Error
	}
	if err := args.DecodeOne(&answer); err != nil {
		p.Fatalf("%s: %v", event, err)
	}
	return answer, ""
}

// open opens a room, and post writes into it.
func (p *person) open(room string, after int64) openAnswer {
	p.Helper()
	answer, refusal := call[openAnswer](p, openRoom.Name, openRequest{room, after})
	if refusal != "" {
		p.Fatal(refusal)
	}
	return answer
}

func (p *person) post(d draft) receipt {
	p.Helper()
	r, refusal := call[receipt](p, postDraft.Name, d)
	if refusal != "" {
		p.Fatal(refusal)
	}
	return r
}

func timely(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// picturePNG returns a picture of that size.
func picturePNG(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
