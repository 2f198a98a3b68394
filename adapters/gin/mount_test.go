package siogin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/siotest"
)

// ginLog gets what Gin logs for itself: warnings, the recovery's stacks, and the access log.
var ginLog siotest.Log

func init() {
	gin.DefaultWriter = &ginLog
	gin.DefaultErrorWriter = &ginLog
}

func TestMount(t *testing.T) {
	mounts := map[string]siotest.MountFunc{
		"new": func(h http.Handler, path string) http.Handler {
			r := gin.New()
			siogin.AttachAt(r, path, h)
			return r
		},
		"default": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			siogin.AttachAt(r, path, h)
			return r
		},
		"default, gzip, values": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			r.Use(gzip.Gzip(gzip.DefaultCompression))
			r.Use(func(c *gin.Context) { c.Set("user", "ada") })
			siogin.AttachAt(r, path, h)
			return r
		},
		"gzip outside": func(h http.Handler, path string) http.Handler {
			r := gin.New()
			r.Use(gzip.Gzip(gzip.BestSpeed), gin.Logger(), gin.Recovery())
			siogin.AttachAt(r, path, h)
			return r
		},
		"group": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			dir, last := split(path)
			siogin.AttachAt(r.Group(dir), last, h)
			return r
		},
		"group itself": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			siogin.AttachAt(r.Group(strings.TrimSuffix(path, "/")), "/", h)
			return r
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			siotest.TestMount(t, mount)
			ginLog.Check(t)
		})
	}
}

// split splits a path before its last element.
func split(path string) (dir, last string) {
	path = strings.Trim(path, "/")
	if i := strings.LastIndex(path, "/"); i >= 0 {
		return "/" + path[:i], path[i:]
	}
	return "/", path
}

func TestBesideOtherRoutes(t *testing.T) {
	gin.SetMode(gin.TestMode)
	r := gin.New()
	file := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(file, []byte("page"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.StaticFile("/", file)
	siogin.Attach(r, reply("sio"))
	r.GET("/:page", func(c *gin.Context) { c.String(http.StatusOK, "param "+c.Param("page")) })
	r.NoRoute(gin.WrapH(reply("rest")))
	for target, want := range map[string]string{
		"/": "page", "/socket.io": "sio", "/socket.io/": "sio", "/socket.io/x/y": "sio",
		"/about": "param about", "/socket.ioX": "param socket.ioX", "/assets/app.js": "rest",
	} {
		if _, body := get(t, r, target); body != want {
			t.Errorf("GET %s: got %q, want %q", target, body, want)
		}
	}
}

func TestAttachAtRoot(t *testing.T) {
	r := gin.New()
	siogin.AttachAt(r, "/", reply("sio"))
	for _, target := range []string{"/", "/socket.io", "/a/b/"} {
		if code, body := get(t, r, target); code != http.StatusOK || body != "sio" {
			t.Errorf("GET %s: %d %q", target, code, body)
		}
	}
}

// TestLateMiddleware has middleware that sets a status after the handler, which
// must neither reach the hijacked connection nor make Gin complain.
func TestLateMiddleware(t *testing.T) {
	siotest.TestMount(t, func(h http.Handler, path string) http.Handler {
		r := gin.Default()
		r.Use(func(c *gin.Context) {
			c.Next()
			if c.Writer.Status() == http.StatusSwitchingProtocols {
				c.Writer.Flush()
				c.AbortWithStatusJSON(http.StatusInternalServerError, "late")
				c.String(http.StatusOK, "later")
			}
		})
		siogin.AttachAt(r, path, h)
		return r
	})
	ginLog.Check(t)
}

// TestCannotHijack has a server whose writers cannot be hijacked: Gin's own Hijack
// panics there (gin-gonic/gin#4638).
func TestCannotHijack(t *testing.T) {
	for name, use := range map[string][]gin.HandlerFunc{"plain": nil, "recovery": {gin.Recovery()}} {
		t.Run(name, func(t *testing.T) {
			r := gin.New()
			r.Use(use...)
			siogin.Attach(r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
					t.Error("hijacked a recorder")
				}
				http.Error(w, "no websocket here", http.StatusNotImplemented)
			}))
			code, body := getUpgrade(r)
			if code != http.StatusNotImplemented || body != "no websocket here\n" {
				t.Errorf("got %d %q", code, body)
			}
		})
	}
	ginLog.Check(t)
}
