package siogin

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// serveUpgrade serves a request that may end with the connection being taken
// over. If it does, the context keeps a writer that says 101 and swallows what
// middleware still writes: Gin and net/http would complain about it.
func serveUpgrade(c *gin.Context, h http.Handler, r *http.Request) {
	below := c.Writer
	w := &upgradeWriter{ResponseWriter: below}
	c.Writer = w
	defer func() {
		if !w.hijacked {
			c.Writer = below
		}
	}()
	h.ServeHTTP(w, r)
}

// upgradeWriter is a gin.ResponseWriter that knows whether it was hijacked.
type upgradeWriter struct {
	gin.ResponseWriter
	hijacked bool
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *upgradeWriter) Unwrap() http.ResponseWriter { return controllable(w.ResponseWriter) }

// Hijack implements http.Hijacker. Where the server's own writer cannot be
// hijacked it returns an error; Gin's Hijack would panic.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if server := serverWriter(w.ResponseWriter); server != nil && !canHijack(server) {
		return nil, nil, fmt.Errorf("siogin: %T cannot be hijacked: %w", server, http.ErrNotSupported)
	}
	fresh := !w.ResponseWriter.Written()
	if fresh {
		w.note(http.StatusSwitchingProtocols)
	}
	conn, rw, err := w.ResponseWriter.Hijack()
	if err != nil {
		if fresh {
			w.note(http.StatusOK)
		}
		return nil, nil, err
	}
	w.hijacked = true
	return conn, rw, nil
}

// note sets the status for middleware that looks at the writer below, or puts Gin's own
// back in its place. Gin sends nothing before the first byte of a body.
func (w *upgradeWriter) note(status int) {
	w.ResponseWriter.WriteHeader(status)
	if lower, ok := below(w.ResponseWriter).(gin.ResponseWriter); ok {
		ownWriter(lower).WriteHeader(status)
	}
}

func canHijack(w http.ResponseWriter) bool {
	_, ok := w.(http.Hijacker) // Gin asserts this very interface, and unwraps no further
	return ok
}

// Status returns 101 once the connection was taken over.
func (w *upgradeWriter) Status() int {
	if w.hijacked {
		return http.StatusSwitchingProtocols
	}
	return w.ResponseWriter.Status()
}

// Size returns -1, Gin's word for no body, once the connection was taken over.
// Gin's gzip middleware decides by it whether to write the end of its stream.
func (w *upgradeWriter) Size() int {
	if w.hijacked {
		return -1
	}
	return w.ResponseWriter.Size()
}

// Written returns true once the connection was taken over.
func (w *upgradeWriter) Written() bool {
	return w.hijacked || w.ResponseWriter.Written()
}

// WriteHeader does nothing once the connection was taken over.
func (w *upgradeWriter) WriteHeader(code int) {
	if !w.hijacked {
		w.ResponseWriter.WriteHeader(code)
	}
}

// WriteHeaderNow does nothing once the connection was taken over.
func (w *upgradeWriter) WriteHeaderNow() {
	if !w.hijacked {
		w.ResponseWriter.WriteHeaderNow()
	}
}

// Write drops p once the connection was taken over. An error would only be
// noted, and logged, by Gin.
func (w *upgradeWriter) Write(p []byte) (int, error) {
	if w.hijacked {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// WriteString drops s once the connection was taken over.
func (w *upgradeWriter) WriteString(s string) (int, error) {
	if w.hijacked {
		return len(s), nil
	}
	return w.ResponseWriter.WriteString(s)
}

// Flush does nothing once the connection was taken over.
func (w *upgradeWriter) Flush() {
	if !w.hijacked {
		w.ResponseWriter.Flush()
	}
}
