package siochi

import (
	"bufio"
	"net"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
)

// upgradeWriter tells the writers of chi's middleware that the connection became
// a websocket. They cannot see it: the 101 response is written to the hijacked
// connection, past them, and Logger would log status 000.
type upgradeWriter struct {
	http.ResponseWriter
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements http.Hijacker for every writer that has one somewhere below.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		recordSwitch(w.ResponseWriter)
	}
	return conn, rw, err
}

// recordSwitch sets the status of every recorder in the chain. Discard keeps it,
// and whatever middleware writes later, from the connection that is no longer
// net/http's.
func recordSwitch(w http.ResponseWriter) {
	for w != nil {
		if recorder, ok := w.(middleware.WrapResponseWriter); ok {
			recorder.Discard()
			recorder.WriteHeader(http.StatusSwitchingProtocols)
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = wrapper.Unwrap()
	}
}
