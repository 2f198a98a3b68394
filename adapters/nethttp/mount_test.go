package siohttp_test

import (
	"net/http"
	"strings"
	"testing"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/siotest"
)

func TestMount(t *testing.T) {
	mounts := map[string]siotest.MountFunc{
		"plain": func(h http.Handler, path string) http.Handler {
			mux := http.NewServeMux()
			siohttp.AttachAt(mux, path, h)
			return mux
		},
		"host": func(h http.Handler, path string) http.Handler {
			mux := http.NewServeMux()
			siohttp.AttachAt(mux, "127.0.0.1"+path, h)
			return mux
		},
		"wildcard": func(h http.Handler, path string) http.Handler {
			mux := http.NewServeMux()
			if strings.HasPrefix(path, "/api/") {
				path = strings.Replace(path, "v1", "{version}", 1)
			}
			siohttp.AttachAt(mux, path, h)
			return mux
		},
		"stripped prefix": func(h http.Handler, path string) http.Handler {
			path = "/" + strings.Trim(path, "/")
			i := strings.LastIndex(path, "/")
			sub, mux := http.NewServeMux(), http.NewServeMux()
			siohttp.AttachAt(sub, path[i:], h)
			mux.Handle(path[:i]+"/", http.StripPrefix(path[:i], sub))
			return mux
		},
		"beside GET /": func(h http.Handler, path string) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /{$}", reply("page"))
			siohttp.AttachAt(mux, path, h)
			return mux
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) { siotest.TestMount(t, mount) })
	}
}

func TestBesideOtherRoutes(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /", reply("static"))
	siohttp.Attach(mux, reply("sio"))
	mux.Handle("GET /{page}", reply("param"))
	for target, want := range map[string]string{
		"/": "static", "/a/b": "static", "/socket.io": "sio", "/socket.io/": "sio", "/socket.io/x/y": "sio",
		"/about": "param", "/socket.ioX": "param",
	} {
		if _, body := get(t, mux, target); body != want {
			t.Errorf("GET %s: got %q, want %q", target, body, want)
		}
	}
}

func TestAttachAtRoot(t *testing.T) {
	mux := http.NewServeMux()
	siohttp.AttachAt(mux, "/", reply("sio"))
	for _, target := range []string{"/", "/socket.io", "/a/b/"} {
		if code, body := get(t, mux, target); code != http.StatusOK || body != "sio" {
			t.Errorf("GET %s: %d %q", target, code, body)
		}
	}
}

func TestAttachPanicsLikeServeMux(t *testing.T) {
	for name, pattern := range map[string]string{"method": "GET /rt", "no path": "rt", "bad wildcard": "/{a}{b}/rt"} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was accepted", pattern)
				}
			}()
			siohttp.AttachAt(http.NewServeMux(), pattern, reply(""))
		})
	}
}
