package engineio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"sync"
)

// buffer is pooled scratch space for response bodies.
type buffer struct{ b []byte }

var bufferPool = sync.Pool{New: func() any { return new(buffer) }}

// maxPooledBuffer keeps a rare large answer from staying in memory.
const maxPooledBuffer = 64 << 10

func takeBuffer() *buffer { return bufferPool.Get().(*buffer) }

func (b *buffer) free() {
	if cap(b.b) > maxPooledBuffer {
		return
	}
	b.b = b.b[:0]
	bufferPool.Put(b)
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// compressor is what gzip.Writer and zlib.Writer have in common.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// The writers are large, hence pooled, and at their fastest: the answers are
// small, and every one is compressed for one client only.
var (
	gzipPool = sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a valid level
		return w
	}}
	zlibPool = sync.Pool{New: func() any {
		w, _ := zlib.NewWriterLevel(io.Discard, zlib.BestSpeed)
		return w
	}}
)

func (s *Server) compresses(n int) bool {
	t := s.opts.HTTPCompressionThreshold
	return t >= 0 && n >= t
}

// encode compresses body into dst with gzip, or else deflate, if the client
// accepts one, and sets the headers. It reports whether it did. If middleware has
// announced that it may compress, which some do before they call the handler,
// it is left to that.
func encode(dst *buffer, h http.Header, r *http.Request, body []byte) bool {
	if !addVary(h, "Accept-Encoding") {
		return false
	}
	accepted := r.Header["Accept-Encoding"]
	var pool *sync.Pool
	var name string
	switch {
	case h.Get("Content-Encoding") != "":
		return false
	case accepts(accepted, "gzip"):
		pool, name = &gzipPool, "gzip"
	case accepts(accepted, "deflate"):
		pool, name = &zlibPool, "deflate"
	default:
		return false
	}
	w := pool.Get().(compressor)
	defer pool.Put(w)
	w.Reset(dst)
	if _, err := w.Write(body); err != nil {
		return false
	}
	if err := w.Close(); err != nil {
		return false
	}
	h.Set("Content-Encoding", name)
	return true
}

// accepts reports whether one of the lists of an Accept-Encoding header names
// encoding with a weight above 0.
func accepts(lists []string, encoding string) bool {
	for _, list := range lists {
		for list != "" {
			var part string
			part, list, _ = strings.Cut(list, ",")
			name, weight, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), encoding) {
				return !isZero(weight)
			}
		}
	}
	return false
}

// isZero reports whether a weight is "q=0", "q=0.000" or the like.
func isZero(weight string) bool {
	w, ok := bytes.CutPrefix([]byte(strings.TrimSpace(weight)), []byte("q="))
	return ok && len(bytes.Trim(w, "0.")) == 0
}
