package engineio_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// FuzzServeHTTP sends any method, query and body, with and without a session:
// no panic, no status that the engine does not use, no request without an answer.
func FuzzServeHTTP(f *testing.F) {
	for _, seed := range []struct{ method, query, contentType, body string }{
		{"GET", "EIO=4&transport=polling", "", ""},
		{"GET", "EIO=3&transport=polling&j=0&b64=1", "", ""},
		{"GET", "EIO=4&transport=websocket", "", ""},
		{"POST", "EIO=4&transport=polling&sid=SID", "text/plain", "4a\x1ebAAEC\x1e2"},
		{"POST", "EIO=4&transport=polling&sid=SID", "application/octet-stream", "\x00\x02\xff4a"},
		{"POST", "EIO=3&transport=polling&sid=SID3", "application/octet-stream", "\x00\x02\xff4a\x01\x02\xff\x04a"},
		{"POST", "EIO=3&transport=polling&sid=SID3", "text/plain", "2:4a99999991:4222"},
		{"POST", "EIO=3&transport=polling&sid=SIDJ", "", "d=2%3A4a"},
		{"OPTIONS", "EIO=4&transport=polling&sid=__proto__", "", ""},
		{"GET", "EIO=4&EIO=5&transport=polling;sid=%zz&%65IO=4", "", ""},
	} {
		f.Add(seed.method, seed.query, seed.contentType, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, query, contentType, body string) {
		engine := engineio.NewServer(&engineio.Options{AllowEIO3: true, MaxPayload: 1000, PollTimeout: time.Millisecond, Logger: discardLogger})
		defer engine.Close()
		ids := map[string]string{}
		for name, q := range map[string]string{"SID": "EIO=4", "SID3": "EIO=3", "SIDJ": "EIO=3&j=1"} {
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, httptest.NewRequest("GET", "/?transport=polling&"+q, nil))
			for s := range engine.Sessions() {
				if bytes.Contains(w.Body.Bytes(), []byte(s.ID())) {
					ids[name] = s.ID()
				}
			}
		}
		for _, name := range []string{"SIDJ", "SID3", "SID"} {
			query = string(bytes.ReplaceAll([]byte(query), []byte(name), []byte(ids[name])))
		}
		r := &http.Request{Method: method, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}, Host: "example.com"}
		r.Body = http.NoBody
		if body != "" {
			r = httptest.NewRequest("POST", "/", bytes.NewReader([]byte(body)))
			r.Method, r.URL = method, &url.URL{Path: "/", RawQuery: query}
		}
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		switch w.Code {
		case 200, 400, 403, 413, 431, 500:
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}
