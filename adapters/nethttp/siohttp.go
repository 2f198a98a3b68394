// Package siohttp mounts a Socket.IO server on a [net/http.ServeMux].
//
//	mux := http.NewServeMux()
//	sio := socketio.NewServer(nil)
//	siohttp.Attach(mux, sio) // at /socket.io/
//	log.Fatal(http.ListenAndServe(":8080", mux))
//
// A *socketio.Server is an http.Handler that does not look at the path, so
// Attach is a convenience, not a requirement. It answers on /socket.io and on
// everything below without the redirect that a ServeMux adds by itself, and it
// can share a mux with patterns that name a method, such as "GET /".
//
// Values that middleware put into the request's context reach the socket:
// read them with s.Context().Value(key). Wildcards of the pattern reach it too,
// see [PathValue].
package siohttp

import (
	"net/http"
	"strings"
)

// DefaultPath is where [Attach] mounts, and where Socket.IO clients look unless told otherwise.
const DefaultPath = "/socket.io/"

// methods are registered one by one: a pattern without a method would conflict
// with "GET /", which covers fewer methods and more paths. GET includes HEAD.
var methods = [...]string{
	http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodTrace,
}

// Attach mounts h at /socket.io/, like [AttachAt] with [DefaultPath].
func Attach(mux *http.ServeMux, h http.Handler) {
	AttachAt(mux, DefaultPath, h)
}

// AttachAt mounts h at pattern, with and without a trailing slash, and at
// everything below it. The pattern is a ServeMux pattern without a method: a
// path ("/api/rt/"), optionally with a host ("example.com/rt/") and with
// wildcards ("/tenants/{tenant}/rt/"). One handler can be attached any number
// of times. It panics, as ServeMux does, if the pattern is malformed or
// conflicts with another one. Call it while setting up, not concurrently with
// other registrations.
func AttachAt(mux *http.ServeMux, pattern string, h http.Handler) {
	if strings.ContainsAny(pattern, " \t") {
		panic("siohttp: a server needs all methods, and the pattern names one: " + pattern)
	}
	base := strings.TrimRight(pattern, "/")
	m := &mount{handler: h, wildcards: wildcards(base)}
	for _, method := range methods {
		mux.Handle(method+" "+base+"/", m)
		if base != "" {
			mux.Handle(method+" "+base, m)
		}
	}
}

// mount hands requests to the handler that was attached.
type mount struct {
	handler   http.Handler
	wildcards []string // names of the pattern's wildcards
}

func (m *mount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(m.wildcards) > 0 {
		r = withPathValues(r, m.wildcards)
	}
	if r.Header.Get("Upgrade") != "" {
		w = &upgradeWriter{ResponseWriter: w}
	}
	m.handler.ServeHTTP(w, r)
}

// wildcards returns the names in the {braces} of a pattern.
func wildcards(pattern string) []string {
	var names []string
	for segment := range strings.SplitSeq(pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}
