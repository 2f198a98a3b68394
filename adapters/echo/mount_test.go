package sioecho_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	sioecho "github.com/gosocketio/sio/adapters/echo"
	"github.com/gosocketio/sio/core/siotest"
)

// newEcho returns an instance that logs to log, with the usual middleware.
func newEcho(log *siotest.Log, use ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(log)
	e.Use(accessLog(log), middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: logPanic}))
	e.Use(use...)
	return e
}

func accessLog(log *siotest.Log) echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogStatus: true, LogError: true, LogURI: true, HandleError: true,
		LogValuesFunc: func(_ echo.Context, v middleware.RequestLoggerValues) error {
			log.Logger().Println(v.URI, "->", v.Status, "<-", v.Error)
			return nil
		},
	})
}

func logPanic(c echo.Context, err error, _ []byte) error {
	c.Logger().Errorf("panic: %v", err)
	return err
}

func TestMount(t *testing.T) {
	log := new(siotest.Log)
	mounts := map[string]siotest.MountFunc{
		"new": func(h http.Handler, path string) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(log)
			sioecho.AttachAt(e, path, h)
			return e
		},
		"logger, recover": func(h http.Handler, path string) http.Handler {
			e := newEcho(log)
			sioecho.AttachAt(e, path, h)
			return e
		},
		"classic logger, gzip, values": func(h http.Handler, path string) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(log)
			e.Use(middleware.LoggerWithConfig(middleware.LoggerConfig{Output: log}), middleware.Recover(), middleware.Gzip())
			e.Use(setUser)
			sioecho.AttachAt(e, path, h)
			return e
		},
		"gzip outside, secure, request id": func(h http.Handler, path string) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(log)
			e.Use(middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 512}), middleware.RequestID(), middleware.Secure(), accessLog(log))
			sioecho.AttachAt(e, path, h)
			return e
		},
		"group": func(h http.Handler, path string) http.Handler {
			e := newEcho(log)
			dir, last := split(path)
			sioecho.AttachAt(e.Group(dir, setUser), last, h)
			return e
		},
		"group itself": func(h http.Handler, path string) http.Handler {
			e := newEcho(log)
			sioecho.AttachAt(e.Group(strings.TrimSuffix(path, "/"), setUser), "/", h)
			return e
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			siotest.TestMount(t, mount)
			log.Check(t)
		})
	}
}

func setUser(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set("user", "ada")
		return next(c)
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
	dir := t.TempDir()
	for _, name := range []string{"index.html"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := echo.New()
	e.Static("/", dir)
	sioecho.Attach(e, reply("sio"))
	e.GET("/:page", func(c echo.Context) error { return c.String(http.StatusOK, "param "+c.Param("page")) })
	e.GET("/:page/:sub", func(c echo.Context) error { return c.String(http.StatusOK, "sub "+c.Param("sub")) })
	for target, want := range map[string]string{
		"/": "index.html", "/socket.io": "sio", "/socket.io/": "sio", "/socket.io/x": "sio", "/socket.io/x/y": "sio",
		"/about": "param about", "/a/b": "sub b",
	} {
		if _, body := get(t, e, target); body != want {
			t.Errorf("GET %s: got %q, want %q", target, body, want)
		}
	}
}

func TestAttachAtRoot(t *testing.T) {
	e := echo.New()
	sioecho.AttachAt(e, "/", reply("sio"))
	for _, target := range []string{"/", "/socket.io", "/a/b/"} {
		if code, body := get(t, e, target); code != http.StatusOK || body != "sio" {
			t.Errorf("GET %s: %d %q", target, code, body)
		}
	}
}

// TestLateError has middleware that returns an error after the handler took the
// connection over: Echo must not try to send it.
func TestLateError(t *testing.T) {
	log := new(siotest.Log)
	siotest.TestMount(t, func(h http.Handler, path string) http.Handler {
		e := newEcho(log, func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if err := next(c); err != nil || c.Response().Status != http.StatusSwitchingProtocols {
					return err
				}
				return echo.ErrTeapot
			}
		})
		sioecho.AttachAt(e, path, h)
		return e
	})
	log.Check(t)
}
