package siotest

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// complaints are what HTTP servers and frameworks log when a handler and its
// middleware disagree about the response.
var complaints = []string{
	"superfluous", "hijacked", "already written", "already committed", "invalid WriteHeader", "panic", " 502 ", "PANIC",
}

// Log collects what loggers write to it. The zero value is ready; it is safe for
// concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write appends p. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Logger returns a logger that writes to l, for http.Server.ErrorLog and the like.
func (l *Log) Logger() *log.Logger {
	return log.New(l, "", 0)
}

// Complaints returns the lines that tell of a response written twice, of a write
// to a hijacked connection, or of a panic.
func (l *Log) Complaints() []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		for _, complaint := range complaints {
			if strings.Contains(line, complaint) {
				found = append(found, strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}

// Check marks the test as failed for each of the log's complaints.
func (l *Log) Check(t testing.TB) {
	t.Helper()
	for _, line := range l.Complaints() {
		t.Errorf("logged: %s", line)
	}
}

// CheckUpgrade connects by a websocket to the Socket.IO server that router has at
// /socket.io/, closes server, and fails the test unless l, which is the router's
// access log, says 101 by then and has no complaints. It blocks until all that is
// done.
func (l *Log) CheckUpgrade(t testing.TB, router http.Handler, server io.Closer) {
	t.Helper()
	var handlers sync.WaitGroup // the test server does not wait for those that were hijacked
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		router.ServeHTTP(w, r)
	}))
	defer ts.Close()
	defer server.Close()
	peer := WebSocket(t, ts.URL+"/socket.io/", nil)
	peer.Connect("/", "")
	peer.Close()
	server.Close()
	handlers.Wait() // and so for the log
	if !strings.Contains(l.String(), "101") {
		t.Errorf("the access log does not say 101:\n%s", l)
	}
	l.Check(t)
}
