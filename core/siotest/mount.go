package siotest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// MountFunc builds a router that serves h at path and everywhere below it.
type MountFunc = func(h http.Handler, path string) http.Handler

// TestMount proves that mount gives a Socket.IO server all it needs. It calls
// mount several times, with handlers of its own and with servers, each time with
// another path: a path of one element with a trailing slash, and a longer one
// without. The routers may have any middleware in front of the handler, loggers,
// recovery and compression included, but nothing that refuses requests.
//
// What is tested, as subtests:
//   - routes: both slash forms and everything below reach the handler, with every
//     method, the query untouched, without a redirect; nothing else does;
//   - responses: statuses, headers and bodies pass unchanged;
//   - context: values and cancellation of the request's context arrive;
//   - hijack: the connection can be taken over, and nobody writes to it afterwards;
//   - deadlines: the handler can set those of the connection;
//   - server: polling, JSONP, websockets and the upgrade, errors, preflights, compression
//     work with a real server, and outlive the timeouts of its http.Server; its limits
//     for messages and headers hold, and its rule for origins, on all requests.
//
// At the end of each, net/http must not have logged anything. Check the log of
// your framework yourself, with a [Log].
func TestMount(t *testing.T, mount MountFunc) {
	m := mounted{mount: mount}
	t.Run("routes", m.testRoutes)
	t.Run("responses", m.testResponses)
	t.Run("context", m.testContext)
	t.Run("hijack", m.testHijack)
	t.Run("deadlines", m.testDeadlines)
	t.Run("server", m.testServer)
}

// mountPaths are where TestMount mounts.
var mountPaths = []string{"/socket.io/", "/api/v1/rt"}

type mounted struct {
	mount MountFunc
}

type outerKey struct{}

// outerValue is in the context of every request before it reaches the router.
const outerValue = "set before the router"

// serve starts a server for h at path, and returns its address. tune may be nil.
func (m mounted) serve(t *testing.T, h http.Handler, path string, tune func(*http.Server)) string {
	t.Helper()
	router := m.mount(h, path)
	errors := new(Log)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, outerValue)))
	}))
	server.Config.ErrorLog = errors.Logger()
	if tune != nil {
		tune(server.Config)
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if text := errors.String(); text != "" {
			t.Errorf("net/http logged:\n%s", text)
		}
	})
	return server.URL
}

// httpClient returns a client that does not follow redirects.
func httpClient(t *testing.T) *http.Client {
	c := &http.Client{
		Transport:     &http.Transport{},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
