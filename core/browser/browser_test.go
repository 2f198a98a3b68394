package browser_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gosocketio/sio/core/browser"
)

func get(h http.Handler, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// SA1, SA2, SA5
func TestFilesOfTheClient(t *testing.T) {
	h := browser.NewHandler(nil)
	for _, name := range []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.js", "socket.io.esm.min.js"} {
		target := "/socket.io/" + name
		if !h.Has(target) {
			t.Fatalf("%s is not there", name)
		}
		res := get(h, "GET", target+"?v=1")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/javascript; charset=utf-8" || !strings.Contains(body(t, res), "polling") {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
		etag := strings.TrimPrefix(res.Header.Get("Etag"), "W/")
		for _, known := range []string{etag, "W/" + etag, `"another", ` + etag, "*"} {
			if res := get(h, "GET", target, "If-None-Match", known); res.StatusCode != http.StatusNotModified || body(t, res) != "" {
				t.Errorf("%s, which is known: %d", name, res.StatusCode)
			}
		}
		if res := get(h, "GET", target, "If-None-Match", `"another"`); res.StatusCode != 200 {
			t.Errorf("%s, of which another version is known: %d", name, res.StatusCode)
		}
		if res := get(h, "HEAD", target); res.StatusCode != 200 || body(t, res) != "" || res.ContentLength <= 0 {
			t.Errorf("HEAD %s: %d, %d bytes", name, res.StatusCode, res.ContentLength)
		}
		if res := get(h, "POST", target); res.StatusCode != 200 || body(t, res) == "" {
			t.Errorf("POST %s: %d", name, res.StatusCode)
		}
	}
}

// SA3, but for brotli, which the standard library does not have.
func TestCompression(t *testing.T) {
	h := browser.NewHandler(nil)
	want := body(t, get(h, "GET", "/socket.io.js"))
	for accept, compressed := range map[string]bool{
		"": false, "br": false, "gzip": true, "gzip,br,deflate": true, "br;q=1.0, gzip;q=0.8": true, "*": true, "gzip;q=0": false, "identity": false,
	} {
		res := get(h, "GET", "/socket.io.js", "Accept-Encoding", accept, "Range", "bytes=0-9")
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != compressed {
			t.Errorf("Accept-Encoding %q: compressed %v", accept, got)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", res.Header.Get("Vary"))
		}
		if compressed {
			r, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body = io.NopCloser(r)
		}
		if got := body(t, res); got != want {
			t.Errorf("Accept-Encoding %q: %d bytes", accept, len(got))
		}
	}
}

func TestTypes(t *testing.T) {
	res := get(browser.NewHandler(nil), "GET", "/socket.io/socket.io.d.ts")
	if got := body(t, res); !strings.Contains(got, "export function io(") || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("declarations: %v, %d bytes", res.Header, len(got))
	}
}

func TestOtherFiles(t *testing.T) {
	h := browser.NewHandler(nil)
	for _, target := range []string{"/socket.io/", "/socket.io/socket.io.msgpack.min.js", "/socket.io/other.js", "/"} {
		if h.Has(target) {
			t.Errorf("%s is said to be there", target)
		}
	}
	if res := get(h, "GET", "/socket.io/other.js"); res.StatusCode != http.StatusNotFound {
		t.Errorf("another file: %d", res.StatusCode)
	}
	h = browser.NewHandler(fstest.MapFS{
		"socket.io.js":                 {Data: []byte("official")},
		"socket.io.msgpack.min.js.map": {Data: []byte("{}")},
		"secret.js":                    {Data: []byte("secret")},
	})
	if got := body(t, get(h, "GET", "/socket.io.js")); got != "official" {
		t.Errorf("got %q", got)
	}
	if res := get(h, "GET", "/socket.io.msgpack.min.js.map"); res.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("a map is %v", res.Header)
	}
	if h.Has("/secret.js") || h.Has("/socket.io.esm.js") {
		t.Error("it has files that it should not have, or that are not there")
	}
}

// TestSize keeps the client small.
func TestSize(t *testing.T) {
	h := browser.NewHandler(nil)
	for _, name := range []string{"/socket.io.min.js", "/socket.io.esm.min.js"} {
		res := get(h, "GET", name, "Accept-Encoding", "gzip")
		if n := len(body(t, res)); n >= 8_000 {
			t.Errorf("%s has %d bytes, compressed: more than 8 kB", name, n)
		}
	}
}
