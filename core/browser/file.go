package browser

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// file is what a file was when it was read. It is not changed any more.
type file struct {
	size    int64
	modTime time.Time
	etag    string // sent as a weak one, since it is the same for both forms
	plain   []byte
	gzipped []byte
}

func newFile(info fs.FileInfo, content []byte) *file {
	sum := sha256.Sum256(content)
	return &file{
		size:    info.Size(),
		modTime: info.ModTime(),
		etag:    `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		plain:   content,
		gzipped: compress(content),
	}
}

// is reports whether the file is still the one that info is about.
func (f *file) is(info fs.FileInfo) bool {
	return f.size == info.Size() && f.modTime.Equal(info.ModTime())
}

// compress takes its time: a file is compressed once.
func compress(content []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	z.Write(content) // a buffer takes everything
	z.Close()
	return b.Bytes()
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, contentType string) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=0") // ask each time: mostly, the answer is 304
	h.Set("ETag", "W/"+f.etag)
	content := f.negotiate(h, r)
	if f.known(r.Header.Values("If-None-Match")) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(content) // an error means that the client has gone
	}
}

// negotiate returns the form of the file that the client wants. If middleware has
// announced that it may compress, that is left to it.
func (f *file) negotiate(h http.Header, r *http.Request) []byte {
	if h.Get("Content-Encoding") != "" || names(h["Vary"], "Accept-Encoding") {
		return f.plain
	}
	h.Add("Vary", "Accept-Encoding")
	if accepted := r.Header["Accept-Encoding"]; !names(accepted, "gzip") && !names(accepted, "*") {
		return f.plain
	}
	h.Set("Content-Encoding", "gzip")
	return f.gzipped
}

// known reports whether the client has the file already.
func (f *file) known(etags []string) bool {
	for element := range elements(etags) {
		if element == "*" || strings.TrimPrefix(element, "W/") == f.etag {
			return true
		}
	}
	return false
}

// names reports whether the lists of a header name token, with a weight above 0.
func names(lists []string, token string) bool {
	for element := range elements(lists) {
		name, weight, _ := strings.Cut(element, ";")
		if strings.EqualFold(strings.TrimSpace(name), token) {
			q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// elements yields the elements of a header that is a list.
func elements(lists []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, list := range lists {
			for element := range strings.SplitSeq(list, ",") {
				if !yield(strings.TrimSpace(element)) {
					return
				}
			}
		}
	}
}
