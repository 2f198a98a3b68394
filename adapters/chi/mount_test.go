package siochi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	"github.com/gosocketio/sio/core/siotest"
)

func accessLog(log *siotest.Log) func(http.Handler) http.Handler {
	return middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.Logger(), NoColor: true})
}

func TestMount(t *testing.T) {
	log := new(siotest.Log)
	mounts := map[string]siotest.MountFunc{
		"plain": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			siochi.AttachAt(r, path, h)
			return r
		},
		"logger, recoverer, compress": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			r.Use(middleware.RequestID, accessLog(log), middleware.Recoverer, middleware.Compress(5))
			siochi.AttachAt(r, path, h)
			return r
		},
		"compress outside": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			r.Use(middleware.Compress(5, "text/*", "application/json"), middleware.NoCache, accessLog(log), middleware.Recoverer)
			siochi.AttachAt(r, path, h)
			return r
		},
		"route": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			r.Use(accessLog(log))
			dir, last := split(path)
			if dir == "" {
				siochi.AttachAt(r, last, h)
				return r
			}
			r.Route(dir, func(r chi.Router) { siochi.AttachAt(r, last, h) })
			return r
		},
		"route itself": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			r.Route(strings.TrimSuffix(path, "/"), func(r chi.Router) { siochi.AttachAt(r, "/", h) })
			return r
		},
		"mounted, inline": func(h http.Handler, path string) http.Handler {
			sub := chi.NewRouter()
			sub.Group(func(r chi.Router) {
				r.Use(accessLog(log), middleware.Recoverer)
				siochi.AttachAt(r, path, h)
			})
			r := chi.NewRouter()
			r.Mount("/", sub)
			return r
		},
		"with": func(h http.Handler, path string) http.Handler {
			r := chi.NewRouter()
			siochi.AttachAt(r.With(middleware.RealIP, accessLog(log)), path, h)
			return r
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			siotest.TestMount(t, mount)
			log.Check(t)
		})
	}
}

// split splits a path before its last element.
func split(path string) (dir, last string) {
	path = strings.Trim(path, "/")
	if i := strings.LastIndex(path, "/"); i >= 0 {
		return "/" + path[:i], path[i:]
	}
	return "", path
}

func TestBesideOtherRoutes(t *testing.T) {
	r := chi.NewRouter()
	r.Handle("/*", reply("static"))
	siochi.Attach(r, reply("sio"))
	r.Get("/{page}", reply("param"))
	for target, want := range map[string]string{
		"/": "static", "/a/b": "static", "/socket.io": "sio", "/socket.io/": "sio", "/socket.io/x/y": "sio",
		"/about": "param", "/socket.ioX": "param",
	} {
		if _, body := get(t, r, target); body != want {
			t.Errorf("GET %s: got %q, want %q", target, body, want)
		}
	}
}

func TestAttachAtRoot(t *testing.T) {
	r := chi.NewRouter()
	siochi.AttachAt(r, "/", reply("sio"))
	for _, target := range []string{"/", "/socket.io", "/a/b/"} {
		if code, body := get(t, r, target); code != http.StatusOK || body != "sio" {
			t.Errorf("GET %s: %d %q", target, code, body)
		}
	}
}
