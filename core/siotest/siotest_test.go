package siotest_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) { siotest.Main(m) }

// below is the plainest router there is.
func below(h http.Handler, path string) http.Handler {
	base := strings.TrimSuffix(path, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == base || strings.HasPrefix(r.URL.Path, base+"/") {
			h.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

func TestMount(t *testing.T) { siotest.TestMount(t, below) }

// bare hides everything of a ResponseWriter but its three methods.
type bare struct{ http.ResponseWriter }

// faults are mounts with one thing wrong each, and a subtest that has to notice.
var faults = map[string]struct {
	mount siotest.MountFunc
	fails string
}{
	"redirect": {func(h http.Handler, path string) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(strings.TrimSuffix(path, "/")+"/", h)
		return mux
	}, "routes"},
	"get only": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	}), "routes"},
	"everything": {func(h http.Handler, _ string) http.Handler { return h }, "routes"},
	"query": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.URL.RawQuery = r.URL.Query().Encode()
		h.ServeHTTP(w, r)
	}), "routes"},
	"header": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		w.Header().Set("Set-Cookie", "mine=1")
		h.ServeHTTP(w, r)
	}), "responses"},
	"context": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		ctx, cancel := context.WithCancel(context.Background()) // the cancellation arrives, the values do not
		defer context.AfterFunc(r.Context(), cancel)()
		h.ServeHTTP(w, r.WithContext(ctx))
	}), "context"},
	"bare writer": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		h.ServeHTTP(bare{w}, r)
	}), "hijack"},
	"no deadlines": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		h.ServeHTTP(bare{w}, r)
	}), "deadlines"},
	"writes after the hijack": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		h.ServeHTTP(w, r)
		w.Write([]byte{})
		if r.Header.Get("Upgrade") != "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), "hijack"},
	"smaller bodies": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.Body = http.MaxBytesReader(w, r.Body, 5000)
		h.ServeHTTP(w, r)
	}), "server/limits"},
	"no origins": {wrap(func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		r.Header.Del("Origin") // as some do to be rid of the 403
		h.ServeHTTP(w, r)
	}), "server/origins"},
}

func wrap(f func(http.ResponseWriter, *http.Request, http.Handler)) siotest.MountFunc {
	return func(h http.Handler, path string) http.Handler {
		return below(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, h) }), path)
	}
}

const faultVariable = "SIOTEST_FAULT"

// TestFaultyMount runs the suite with each of the faults in a process of its own,
// and wants it to fail where the fault is.
func TestFaultyMount(t *testing.T) {
	if name := os.Getenv(faultVariable); name != "" {
		siotest.TestMount(t, faults[name].mount)
		return
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaultyMount$/^"+strings.ReplaceAll(fault.fails, "/", "$/^")+"$")
			cmd.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaultyMount/"+fault.fails+" ") {
				t.Errorf("the suite did not fail in %q: %v\n%s", fault.fails, err, out)
			}
		})
	}
}

func TestLog(t *testing.T) {
	var l siotest.Log
	l.Logger().Println("http: superfluous response.WriteHeader call from x")
	l.Logger().Println("GET /socket.io/ 101")
	l.Logger().Println("http: response.Write on hijacked connection from y")
	if got := l.Complaints(); len(got) != 2 || !strings.Contains(got[0], "superfluous") || !strings.Contains(got[1], "hijacked") {
		t.Errorf("complaints are %q, want the first line and the last", got)
	}
}

func TestTimeout(t *testing.T) {
	const limit = 600 * time.Millisecond
	siotest.TestTimeout(t, limit, func(h http.Handler, path string) http.Handler {
		return http.TimeoutHandler(below(h, path), limit, "too slow")
	})
}
