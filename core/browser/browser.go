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
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:generate go run -C ../../examples ./internal/bundle -dir ../core/browser

//go:embed dist
var dist embed.FS

// names are the files that a server hands out, if they are there.
var names = map[string]bool{
	"socket.io.js": true, "socket.io.js.map": true,
	"socket.io.min.js": true, "socket.io.min.js.map": true,
	"socket.io.esm.js": true, "socket.io.esm.js.map": true,
	"socket.io.esm.min.js": true, "socket.io.esm.min.js.map": true,
	"socket.io.msgpack.min.js": true, "socket.io.msgpack.min.js.map": true,
	"socket.io.d.ts": true,
}

// Handler is an [http.Handler] for the files of a client.
type Handler struct {
	files fs.FS

	mu     sync.Mutex
	loaded map[string]*file // by name
}

// file is one, ready to be sent.
type file struct {
	content, compressed []byte
	etag                string
}

// NewHandler returns a handler for the files in a folder, such as the dist folder of
// the official client. Nil stands for our own client. Files are read once, when they
// are asked for.
func NewHandler(files fs.FS) *Handler {
	if files == nil {
		files, _ = fs.Sub(dist, "dist") // fails for invalid names only
	}
	return &Handler{files: files, loaded: make(map[string]*file)}
}

// Has reports whether a request for that URL path is one for a file that is there. It
// looks at the last element of the path only.
func (h *Handler) Has(urlPath string) bool {
	if !strings.HasSuffix(urlPath, "s") && !strings.HasSuffix(urlPath, ".map") {
		return false // so that it costs nothing to ask for each request
	}
	return h.load(path.Base(urlPath)) != nil
}

// ServeHTTP sends the file that the last element of the path names, whatever the
// method, as the reference server does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	f := h.load(name)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", contentType(name))
	header.Set("Cache-Control", "public, max-age=0") // asks each time, but seldom gets it again
	header.Set("Etag", f.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Accept-Encoding")
	content := f.content
	if header.Get("Content-Encoding") == "" && acceptsGzip(r) {
		header.Set("Content-Encoding", "gzip")
		content = f.compressed
	}
	get := *r
	if r.Method != http.MethodHead {
		get.Method = http.MethodGet
	}
	get.Header = r.Header.Clone()
	get.Header.Del("Range") // of which representation?
	http.ServeContent(w, &get, name, time.Time{}, bytes.NewReader(content))
}

// load returns a file; nil if it is not there, or not one of a client.
func (h *Handler) load(name string) *file {
	if !names[name] {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f, known := h.loaded[name]; known {
		return f
	}
	content, err := fs.ReadFile(h.files, name)
	if err != nil {
		h.loaded[name] = nil
		return nil
	}
	sum := sha256.Sum256(content)
	f := &file{content: content, compressed: compress(content), etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	h.loaded[name] = f
	return f
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails for invalid levels only
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".map":
		return "application/json; charset=utf-8"
	case ".ts":
		return "text/plain; charset=utf-8"
	}
	return "application/javascript; charset=utf-8"
}

func acceptsGzip(r *http.Request) bool {
	for _, accepted := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, weighed := strings.Cut(strings.ReplaceAll(accepted, " ", ""), ";q=")
		if coding == "gzip" || coding == "*" {
			return !weighed || strings.Trim(q, "0.") != ""
		}
	}
	return false
}
