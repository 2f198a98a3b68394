package siohttp

import (
	"bufio"
	"net"
	"net/http"
)

// upgradeWriter tells the writers of logging middleware that the connection
// became a websocket. They cannot see it: the 101 response is written to the
// hijacked connection, past them.
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

// recordSwitch sets the status of every recorder in the chain that can be told
// not to pass it on: those of chi's middleware, which many use with net/http.
func recordSwitch(w http.ResponseWriter) {
	for w != nil {
		if recorder, ok := w.(interface{ Discard() }); ok {
			recorder.Discard()
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = wrapper.Unwrap()
	}
}
