package siogin_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/siotest"
)

// TestTimeout has a Gin router behind http.TimeoutHandler, where Gin's own Hijack panics
// (gin-gonic/gin#4638), and with the two kinds of middleware that there are for Gin.
func TestTimeout(t *testing.T) {
	const limit = 600 * time.Millisecond
	mounts := map[string]siotest.MountFunc{
		"TimeoutHandler": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			siogin.AttachAt(r, path, h)
			return http.TimeoutHandler(r, limit, "too slow")
		},
		"deadline": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			r.Use(deadline(limit))
			siogin.AttachAt(r, path, h)
			return r
		},
		"buffer": func(h http.Handler, path string) http.Handler {
			r := gin.Default()
			r.Use(buffered(limit))
			siogin.AttachAt(r, path, h)
			return r
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			siotest.TestTimeout(t, limit, mount)
		})
	}
	t.Cleanup(func() { ginLog.Check(t) })
}

// deadline ends the request's context.
func deadline(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		if ctx.Err() != nil {
			c.AbortWithStatus(http.StatusGatewayTimeout)
		}
	}
}

// buffered has the answer written to a buffer, by another goroutine.
func buffered(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		original := c.Writer
		buffer := &bufferedWriter{ResponseWriter: original, header: make(http.Header), status: http.StatusOK}
		c.Writer = buffer
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Next()
		}()
		select {
		case <-done:
			c.Writer = original
			for name, values := range buffer.header {
				original.Header()[name] = values
			}
			original.WriteHeader(buffer.status)
			original.Write(buffer.body.Bytes())
		case <-time.After(limit):
			panic("a request took longer than the limit")
		}
	}
}

type bufferedWriter struct {
	gin.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *bufferedWriter) Header() http.Header         { return w.header }
func (w *bufferedWriter) WriteHeader(status int)      { w.status = status }
func (w *bufferedWriter) WriteHeaderNow()             {}
func (w *bufferedWriter) Flush()                      {}
func (w *bufferedWriter) Status() int                 { return w.status }
func (w *bufferedWriter) Write(p []byte) (int, error) { return w.body.Write(p) }
