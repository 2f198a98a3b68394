package engineio_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gosocketio/sio/core/engineio"
)

// Who knows where other sessions are is asked about sessions that are not here, in
// requests that are in order, and about nothing else.
func TestUnknownSession(t *testing.T) {
	var asked []string
	s := engineio.NewServer(&engineio.Options{UnknownSession: func(w http.ResponseWriter, r *http.Request, sid string) bool {
		asked = append(asked, sid)
		if sid == "elsewhere" {
			w.WriteHeader(http.StatusTeapot)
			return true
		}
		return false
	}})
	defer s.Close()
	for _, c := range []struct {
		name, method, query, origin string
		status, asked               int
	}{
		{"elsewhere", "GET", "EIO=4&transport=polling&sid=elsewhere", "", 418, 1},
		{"elsewhere, POST", "POST", "EIO=4&transport=polling&sid=elsewhere", "", 418, 1},
		{"nowhere", "GET", "EIO=4&transport=polling&sid=nowhere", "", 400, 1},
		{"empty", "GET", "EIO=4&transport=polling&sid=", "", 400, 1},
		{"other origin", "GET", "EIO=4&transport=polling&sid=elsewhere", "https://evil.example", 403, 0},
		{"other transport", "GET", "EIO=4&transport=pigeon&sid=elsewhere", "", 400, 0},
		{"handshake", "GET", "EIO=4&transport=polling", "", 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = nil
			r := httptest.NewRequest(c.method, "/engine.io/?"+c.query, nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != c.status || len(asked) != c.asked {
				t.Errorf("status %d, want %d; asked %q", w.Code, c.status, asked)
			}
		})
	}
}
