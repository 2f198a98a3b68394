// Package browser has the client for browsers, which servers hand out: a small one
// of our own, without dependencies, with the surface of the official socket.io-client.
// Its sources are in src, and TypeScript declarations in dist/socket.io.d.ts.
//
//	<script src="/socket.io/socket.io.js"></script>                     defines io
//	import { io } from "/socket.io/socket.io.esm.js";
//
// The same files run in Node.js from version 20 on.
package browser

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

//go:generate go run -C ../../examples ./internal/bundle -dir ../core/browser

//go:embed dist
var dist embed.FS

// contentTypes are those of the files that are handed out, if they are there.
var contentTypes = map[string]string{
	"socket.io.js":                 javaScript,
	"socket.io.min.js":             javaScript,
	"socket.io.esm.js":             javaScript,
	"socket.io.esm.min.js":         javaScript,
	"socket.io.msgpack.min.js":     javaScript,
	"socket.io.js.map":             sourceMap,
	"socket.io.min.js.map":         sourceMap,
	"socket.io.esm.js.map":         sourceMap,
	"socket.io.esm.min.js.map":     sourceMap,
	"socket.io.msgpack.min.js.map": sourceMap,
	"socket.io.d.ts":               "text/plain; charset=utf-8",
}

const (
	javaScript = "application/javascript; charset=utf-8"
	sourceMap  = "application/json; charset=utf-8"
)

// Handler is an [http.Handler] for the files of a client. Its methods may be called
// concurrently.
type Handler struct {
	fsys fs.FS
	read sync.Map // name → *file
}

// NewHandler returns a handler for the files in a folder, such as the dist folder of
// the official client. Nil stands for our own client. Files are read when they are
// asked for, and again when their size or modification time has changed.
func NewHandler(fsys fs.FS) *Handler {
	if fsys == nil {
		fsys, _ = fs.Sub(dist, "dist") // fails for invalid names only
	}
	return &Handler{fsys: fsys}
}

// Has reports whether a request for that URL path is one for a file that is there. It
// looks at the last element of the path only.
func (h *Handler) Has(urlPath string) bool {
	if !strings.HasSuffix(urlPath, "s") && !strings.HasSuffix(urlPath, ".map") {
		return false // so that it costs nothing to ask for each request
	}
	f, _ := h.open(urlPath)
	return f != nil
}

// ServeHTTP sends the file that the last element of the path names, whatever the
// method, as the reference server does. What is not there gets status 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, contentType := h.open(r.URL.Path)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r, contentType)
}

// open returns a file as it is now; nil if it is not there, or not one of a client.
func (h *Handler) open(urlPath string) (f *file, contentType string) {
	name := urlPath[strings.LastIndexByte(urlPath, '/')+1:]
	contentType, known := contentTypes[name]
	if !known {
		return nil, ""
	}
	info, err := fs.Stat(h.fsys, name)
	if err != nil {
		return nil, ""
	}
	if before, ok := h.read.Load(name); ok && before.(*file).is(info) {
		return before.(*file), contentType
	}
	content, err := fs.ReadFile(h.fsys, name)
	if err != nil {
		return nil, ""
	}
	f = newFile(info, content)
	h.read.Store(name, f)
	return f, contentType
}
