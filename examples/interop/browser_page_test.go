package interop_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/gosocketio/sio/core/socketio"
)

// pageSkips are checks that need what pages do not have.
var pageSkips = []string{
	"lifecycle/the client vanishes", // it takes a socket of the system
}

// pageSkipsOver are those for one transport.
var pageSkipsOver = map[string][]string{
	"websocket": {"connect/query and headers"},      // a websocket of a page has no headers of its own
	"polling":   {"upgrade/thirty clients at once"}, // a browser has six connections to a server
}

// officialPageFlaws are checks that the official client may fail in a page.
var officialPageFlaws = map[string]string{
	"page/a page that goes away ends its connection": "while it upgrades, it tells nobody: only the heartbeat notices",
}

// TestPages runs the checks in Chromium: our client against our server and the
// official one, and the official client, which proves the checks.
func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, the client was not tested in a browser: -short")
	}
	chromium := findChromium(t)
	suite := bundleSuite(t)
	foreign := serveForeign(t)
	ours := serve(t, mountHTTP)
	official := serveNode(t)
	for _, run := range []struct {
		name, client string
		to           target
		skip         []string
		flaws        map[string]string
	}{
		{"ours-go", "browser", ours, nil, nil},
		{"ours-node", "browser", official, slices.Collect(maps.Keys(nodeDeviations)), nil},
		{"official-go", "client4", ours, nil, officialPageFlaws},
	} {
		for _, transport := range transports {
			t.Run(run.name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				c := client{command: func(t *testing.T) *exec.Cmd {
					cmd := nodeCommand(t, "testdata/js/page.js", "--client", run.client, "--suite", suite, "--foreign", foreign)
					cmd.Env = append(cmd.Env, "CHROMIUM="+chromium)
					return cmd
				}}
				skip := strings.Join(slices.Concat(run.skip, pageSkips, pageSkipsOver[transport]), "|")
				report(t, c.run(t, transport, run.to, "--skip", skip), run.flaws)
			})
		}
	}
}

func findChromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	need(t, errors.New("no Chromium"), "needs Chromium on the PATH, or its path in CHROMIUM")
	return ""
}

// bundleSuite returns the path of the checks as one script for pages.
func bundleSuite(t *testing.T) string {
	t.Helper()
	shim, err := filepath.Abs("testdata/js/page/assert.js")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "suite.js")
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{"testdata/js/page/suite.js"},
		Alias:       map[string]string{"assert": shim},
		Bundle:      true,
		Outfile:     path,
		Write:       true,
	})
	if len(result.Errors) > 0 {
		t.Fatal(result.Errors[0].Text)
	}
	return path
}

// serveForeign starts a server for pages of all origins, which tells them the
// cookies that they have sent.
func serveForeign(t *testing.T) string {
	t.Helper()
	sio := socketio.NewServer(&socketio.Options{
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		CORS:   &socketio.CORS{AllowOrigin: func(*http.Request, string) bool { return true }, Credentials: true},
	})
	socketio.OnCall(sio, "cookie", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		return s.Handshake().Header.Get("Cookie"), nil
	})
	server := httptest.NewServer(sio)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := sio.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		server.Close()
	})
	return server.URL
}
