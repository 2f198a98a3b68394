package sioecho

import (
	"bufio"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"
)

// responseWriter is an echo.Response that does what http.ResponseController expects.
type responseWriter struct {
	*echo.Response
}

// Hijack implements http.Hijacker. It tells Echo that the connection became a
// websocket: Echo's own leaves the response uncommitted and its status 200, so that the
// access log would be wrong, and an error handler would write to a connection that is no
// longer net/http's.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.Response.Hijack()
	if err == nil {
		w.Status = http.StatusSwitchingProtocols
		w.Committed = true
	}
	return conn, rw, err
}

// FlushError is what http.ResponseController looks for first. Echo's own Flush panics
// if there is a writer that cannot, such as that of its Timeout middleware.
func (w *responseWriter) FlushError() error {
	return http.NewResponseController(w.Response.Writer).Flush()
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { w.FlushError() }
