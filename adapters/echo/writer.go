package sioecho

import (
	"bufio"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"
)

// upgradeWriter tells Echo that the connection became a websocket. Echo's own
// Hijack leaves the response uncommitted and its status 200: the access log
// would be wrong, and an error handler would write to a connection that is no
// longer net/http's.
type upgradeWriter struct {
	*echo.Response
}

// Hijack implements http.Hijacker.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.Response.Hijack()
	if err == nil {
		w.Status = http.StatusSwitchingProtocols
		w.Committed = true
	}
	return conn, rw, err
}
