package client_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// CC24: where URLs lead to. CC2: New goes nowhere by itself. CC3: each has its own
// connection.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://google.com":                "google.com:80 http://google.com/socket.io/ /",
		"http://google.com:80/":            "google.com:80 http://google.com:80/socket.io/ /",
		"https://google.com/a/b":           "google.com:443 https://google.com/socket.io/ /a/b",
		"ws://google.com":                  "google.com:80 http://google.com/socket.io/ /",
		"wss://google.com:8443/x":          "google.com:8443 https://google.com:8443/socket.io/ /x",
		"//google.com/x":                   "google.com:443 https://google.com/socket.io/ /x",
		"localhost:3000":                   "localhost:3000 https://localhost:3000/socket.io/ /",
		"http://[::1]/x":                   "[::1]:80 http://[::1]/socket.io/ /x",
		"http://[::1]:8080":                "[::1]:8080 http://[::1]:8080/socket.io/ /",
		"http://google.com/a%20b?q=1#part": "google.com:80 http://google.com/socket.io/ /a b",
	} {
		var dialled, requested string
		web := &http.Transport{
			DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
				dialled = addr
				return nil, errNetwork
			},
		}
		s, err := client.New(url, &client.Options{
			Transports: []string{"polling"}, Reconnection: client.Reconnection{Disable: true},
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				requested, _, _ = strings.Cut(r.URL.String(), "?")
				return web.RoundTrip(r)
			})},
		})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if dialled != "" {
			t.Error("New has dialled")
		}
		if s.Connect(t.Context()) == nil {
			t.Fatal("connected to nothing")
		}
		if got := strings.Join([]string{dialled, requested, s.Namespace()}, " "); got != want {
			t.Errorf("%s leads to %s, want %s", url, got, want)
		}
		s.Close(t.Context())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// CC13: to leave while the connection is being opened is no error, nor is the end of a
// connection that was closed on purpose.
func TestLeaveWhileOpening(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		synctest.Test(t, func(t *testing.T) {
			h := serve(t, nil)
			s := h.new("/", transport)
			told := record(s)
			s.Open()
			s.Disconnect()
			time.Sleep(time.Minute)
			synctest.Wait()
			told.wantNone(t)
			if s.Active() || s.Manager().Connected() {
				t.Error("still there")
			}
			s.Open()
			told.want(t, "connect")
			s.Disconnect()
			told.want(t, "disconnect: io client disconnect")
			time.Sleep(time.Minute)
			synctest.Wait()
			told.wantNone(t)
		})
	})
}
