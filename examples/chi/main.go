// Command chi shows a server behind a stack of middleware and in a sub-router:
// whoever has a document open gets its changes. Which document that is, is in the
// path of the mount.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

const hint = `try, with a Socket.IO client whose path option is "/docs/plan/live":
  curl -T- %[1]s/docs/plan <<< 'buy milk'
  curl %[1]s/docs/plan`

func main() {
	serve.Main(app, ":8080", hint)
}

func app(out io.Writer) (http.Handler, *socketio.Server) {
	docs := new(documents)
	docs.sio = socketio.NewServer(nil)
	docs.sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		name := chi.URLParamFromCtx(ctx, "doc")
		s.Join(name)
		return s.Emit("text", docs.text(name))
	})

	r := chi.NewRouter()
	r.Use(middleware.RequestID)
	r.Use(middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(out, "", 0), NoColor: true}))
	r.Use(middleware.Recoverer, middleware.Compress(5))
	r.Route("/docs/{doc}", func(r chi.Router) {
		r.Get("/", docs.get)
		r.Put("/", docs.put)
		siochi.AttachAt(r, "/live", docs.sio)
	})
	return r, docs.sio
}

// documents are the texts by name, and those who read them.
type documents struct {
	sio   *socketio.Server
	texts sync.Map // name to text
}

func (d *documents) text(name string) string {
	text, _ := d.texts.Load(name)
	s, _ := text.(string)
	return s
}

func (d *documents) get(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, d.text(chi.URLParam(r, "doc")))
}

func (d *documents) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	name := chi.URLParam(r, "doc")
	d.texts.Store(name, string(body))
	if err := d.sio.To(name).Emit("text", string(body)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
