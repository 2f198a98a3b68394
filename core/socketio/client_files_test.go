package socketio_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gosocketio/sio/core/socketio"
)

// clientFile asks for a file of the browser client from a page of another origin.
func clientFile(t *testing.T, h *harness, method, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://server"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://example.com")
	resp, err := h.httpClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestClientFilesSA1SA4(t *testing.T) {
	h := serve(t, &socketio.Options{CORS: &socketio.CORS{Origins: []string{"https://example.com"}, Credentials: true}})
	for _, name := range []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.js", "socket.io.esm.min.js"} {
		resp, body := clientFile(t, h, "GET", "/socket.io/"+name+"?v=1")
		if resp.StatusCode != 200 || !strings.Contains(body, "websocket") {
			t.Errorf("%s: %s, %d bytes", name, resp.Status, len(body))
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://example.com" {
			t.Errorf("%s: allowed for %q", name, got)
		}
	}
	if resp, body := clientFile(t, h, "OPTIONS", "/socket.io/socket.io.js"); resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("preflight: %s, %q", resp.Status, body)
	}
	if resp, body := clientFile(t, h, "GET", "/socket.io/other.js"); resp.StatusCode != 400 || !strings.Contains(body, `"code":0`) {
		t.Errorf("unknown file: %s, %s", resp.Status, body)
	}
}

func TestDisableClientSA4(t *testing.T) {
	h := serve(t, &socketio.Options{DisableClient: true, CORS: &socketio.CORS{Origins: []string{"https://example.com"}}})
	if resp, body := clientFile(t, h, "GET", "/socket.io/socket.io.js"); resp.StatusCode != 400 || !strings.Contains(body, `"code":0`) {
		t.Errorf("got %s, %s", resp.Status, body)
	}
}

func TestClientFS(t *testing.T) {
	h := serve(t, &socketio.Options{
		CORS:     &socketio.CORS{Origins: []string{"https://example.com"}},
		ClientFS: fstest.MapFS{"socket.io.msgpack.min.js": {Data: []byte("official")}, "secret.txt": {Data: []byte("secret")}},
	})
	if resp, body := clientFile(t, h, "GET", "/socket.io/socket.io.msgpack.min.js"); resp.StatusCode != 200 || body != "official" {
		t.Errorf("got %s, %s", resp.Status, body)
	}
	for _, name := range []string{"socket.io.js", "secret.txt"} {
		if resp, _ := clientFile(t, h, "GET", "/socket.io/"+name); resp.StatusCode != 400 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
