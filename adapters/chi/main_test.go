package siochi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) { siotest.Main(m) }

// get requests target and returns the status and the body of the response.
func get(t *testing.T, router http.Handler, target string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

// reply is a handler that answers with text.
func reply(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}
