// Package siochi mounts a Socket.IO server on a chi router.
//
//	r := chi.NewRouter()
//	r.Use(middleware.Logger, middleware.Recoverer)
//	sio := socketio.NewServer(nil)
//	siochi.Attach(r, sio) // at /socket.io/
//	log.Fatal(http.ListenAndServe(":8080", r))
//
// Everything that middleware put into the request's context reaches the socket:
// read it with s.Context().Value(key), and URL parameters with
// chi.URLParamFromCtx(s.Context(), "tenant"). The route context that the socket
// sees is a copy, because chi uses its own again for other requests as soon as
// the handler has returned.
package siochi

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// DefaultPath is where [Attach] mounts, and where Socket.IO clients look unless told otherwise.
const DefaultPath = "/socket.io/"

// Attach mounts h at /socket.io/, like [AttachAt] with [DefaultPath].
func Attach(r chi.Router, h http.Handler) {
	AttachAt(r, DefaultPath, h)
}

// AttachAt mounts h at path below r, with and without a trailing slash, and at
// everything below it, for all methods that chi knows. r may be the root, a
// sub-router (in Route, or to be mounted) or an inline group (Group, With), and
// path may contain parameters ("/tenants/{tenant}/rt"); "/" is r itself. One
// handler can be attached any number of times. It panics, as chi does, if a
// pattern is malformed. Call it while setting up, not concurrently with other
// registrations.
func AttachAt(r chi.Router, path string, h http.Handler) {
	base := "/" + strings.Trim(path, "/")
	m := &mount{handler: h}
	r.Handle(base, m)
	if base == "/" {
		base = ""
	}
	r.Handle(base+"/*", m)
}

// mount hands requests to the handler that was attached.
type mount struct {
	handler http.Handler
}

func (m *mount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Only the context of the request that opens a session outlives its request.
	if !r.URL.Query().Has("sid") {
		r = withRouteCopy(r)
	}
	if r.Header.Get("Upgrade") != "" {
		w = &upgradeWriter{ResponseWriter: w}
	}
	m.handler.ServeHTTP(w, r)
}
