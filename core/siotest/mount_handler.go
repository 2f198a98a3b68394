package siotest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The tests of this file mount plain handlers: they prove what a server relies
// on, one thing each, so that a failure says what the router does wrong.

func (m mounted) testRoutes(t *testing.T) {
	const query = "EIO=4&transport=polling&t=a%2Bb&x=1&x=2"
	for _, path := range mountPaths {
		got := make(chan string, 1)
		address := m.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got <- r.Method + " " + r.URL.RawQuery
			w.Header().Set("Mounted", "yes")
			w.WriteHeader(http.StatusAccepted)
		}), path, nil)
		base := strings.TrimSuffix(path, "/")
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"} {
			for _, below := range []string{"", "/", "/anything", "/any/thing/", "/socket.io.js"} {
				target := base + below + "?" + query
				res, err := httpClient(t).Do(request(t, method, address+target))
				if err != nil {
					t.Fatalf("%s %s: %v", method, target, err)
				}
				res.Body.Close()
				if res.StatusCode != http.StatusAccepted || res.Header.Get("Mounted") != "yes" {
					t.Errorf("%s %s: status %d %s, want the handler's 202", method, target, res.StatusCode, res.Header.Get("Location"))
				}
				select {
				case seen := <-got:
					if want := method + " " + query; seen != want {
						t.Errorf("%s %s: handler saw %q, want %q", method, target, seen, want)
					}
				default:
					t.Errorf("%s %s: did not reach the handler", method, target)
				}
			}
		}
		testOutside(t, address, base, got)
	}
}

// testOutside requests what is not below the mount.
func testOutside(t *testing.T, address, base string, got <-chan string) {
	t.Helper()
	for _, outside := range []string{base + "X", base + "X/", "/", "/other"} {
		if _, _, err := do(httpClient(t), request(t, "GET", address+outside+"?EIO=4&transport=polling")); err != nil {
			t.Fatalf("GET %s: %v", outside, err)
		}
		select {
		case <-got:
			t.Errorf("GET %s reached the handler mounted at %s", outside, base)
		default:
		}
	}
}

func (m mounted) testResponses(t *testing.T) {
	tests := []struct {
		name, method string
		status       int
		contentType  string
		body         string
	}{
		{"open packet", "GET", 200, "text/plain; charset=UTF-8", `0{"sid":"abc","upgrades":["websocket"]}`},
		{"post", "POST", 200, "text/html", "ok"},
		{"JSONP", "GET", 200, "text/javascript; charset=UTF-8", `___eio[0]("40");`},
		{"binary", "GET", 200, "application/octet-stream", "\x00\x01\xff\xfe"},
		{"V3 unknown session", "GET", 400, "application/json", `{"code":1,"message":"Session ID unknown"}`},
		{"V4 forbidden", "GET", 403, "application/json", `{"code":4,"message":"Thou shall not pass"}`},
		{"M2 too large", "POST", 413, "", ""},
		{"V18 method", "PUT", 500, "", ""},
		{"shutting down", "GET", 503, "application/json", `{"code":6,"message":"shutting down"}`},
		{"Z12 preflight", "OPTIONS", 204, "", ""},
		{"V13 HEAD", "HEAD", 400, "application/json", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const posted = "4hello\x1e4world"
			address := m.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if want := posted; r.Method == "POST" && (err != nil || string(body) != want) {
					t.Errorf("handler read %q, %v, want %q", body, err, want)
				}
				w.Header().Set("Content-Type", tt.contentType)
				w.Header().Add("Set-Cookie", "io=abc; Path=/; HttpOnly; SameSite=Lax")
				w.Header().Set("cache-control", "no-store")
				w.WriteHeader(tt.status)
				if tt.body != "" {
					w.Write([]byte(tt.body))
				}
			}), mountPaths[0], nil)
			req := request(t, tt.method, address+mountPaths[0])
			if tt.method == "POST" {
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(posted)), int64(len(posted))
			}
			checkResponse(t, req, tt.status, tt.contentType, tt.body)
		})
	}
}

func checkResponse(t *testing.T, req *http.Request, status int, contentType, body string) {
	t.Helper()
	res, err := httpClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status || string(got) != body {
		t.Errorf("got %d %q, want %d %q", res.StatusCode, got, status, body)
	}
	for name, want := range map[string]string{
		"Content-Type": contentType, "Set-Cookie": "io=abc; Path=/; HttpOnly; SameSite=Lax", "Cache-Control": "no-store",
	} {
		if values := res.Header.Values(name); len(values) > 1 || res.Header.Get(name) != want {
			t.Errorf("header %s is %q, want %q", name, values, want)
		}
	}
}

var errNotCancelled = errors.New("the context of the request was not cancelled when its client went away")

func (m mounted) testContext(t *testing.T) {
	waiting, cancelled := make(chan any, 1), make(chan error, 1)
	address := m.serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		waiting <- r.Context().Value(outerKey{})
		select {
		case <-r.Context().Done():
			cancelled <- nil
		case <-time.After(patience):
			cancelled <- errNotCancelled
		}
	}), mountPaths[0], nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: "+conn.RemoteAddr().String()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-waiting:
		if got != outerValue {
			t.Errorf("value in the request's context is %v, want %v", got, outerValue)
		}
	case <-time.After(patience):
		t.Fatal("the request did not reach the handler")
	}
	conn.Close()
	if err := <-cancelled; err != nil {
		t.Error(err)
	}
}

func (m mounted) testHijack(t *testing.T) {
	for _, connection := range []string{"Upgrade", "keep-alive, Upgrade", "upgrade"} {
		t.Run(connection, func(t *testing.T) { m.testHijackAs(t, connection) })
	}
}

func (m mounted) testHijackAs(t *testing.T, connection string) {
	const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	taken, returned := make(chan net.Conn, 1), make(chan struct{})
	address := m.serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		rw.WriteString(answer)
		rw.Flush()
		taken <- conn
	}), mountPaths[0], func(s *http.Server) {
		router := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			defer close(taken)
			router.ServeHTTP(w, r)
		})
	})
	peer, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	peer.SetDeadline(time.Now().Add(patience))
	io.WriteString(peer, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: "+peer.RemoteAddr().String()+"\r\nAccept-Encoding: gzip, deflate, br\r\n"+
		"Upgrade: websocket\r\nConnection: "+connection+"\r\n\r\n")
	<-returned // all middleware has had its chance to write
	conn, ok := <-taken
	if !ok {
		t.Fatal("the connection was not taken over")
	}
	io.WriteString(conn, "and on")
	conn.Close()
	if got, err := io.ReadAll(bufio.NewReader(peer)); err != nil || string(got) != answer+"and on" {
		t.Errorf("peer got %q, %v, want %q", got, err, answer+"and on")
	}
}

func (m mounted) testDeadlines(t *testing.T) {
	address := m.serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Errorf("SetReadDeadline: %v", err)
		}
		if err := rc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
	}), mountPaths[0], nil)
	query := url.Values{"EIO": {"4"}, "transport": {"polling"}}
	if _, _, err := do(httpClient(t), request(t, "GET", address+mountPaths[0]+"?"+query.Encode())); err != nil {
		t.Error(err)
	}
}
