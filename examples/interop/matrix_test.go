package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/examples/interop"
)

// TestMatrix runs every official client over every transport against our server.
func TestMatrix(t *testing.T) {
	to := serve(t, mountHTTP)
	matrix(t, clients, to)
}

// TestOracle runs the same against the official Node.js server: a check that
// fails there is wrong, unless it is about something that we do on purpose.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("the checks themselves are not checked with -short")
	}
	to := serveNode(t)
	var skip []string
	for check, why := range nodeDeviations {
		t.Logf("left out: %s: %s", check, why)
		skip = append(skip, check)
	}
	matrix(t, clients, to, "--skip", strings.Join(skip, "|"))
}

// nodeDeviations are checks that the Node.js server fails now and then, since we
// want more than it does.
var nodeDeviations = map[string]string{
	"lifecycle/words just before the client disconnects are heard":  "SO15: it drops events that are in flight when their sender disconnects",
	"connect/a namespace that was left can be joined again at once": "CL4: it may take the second CONNECT for a violation, and close the connection",
	"lifecycle/SO17 the client disconnects":                         "it may see the end of the connection before the DISCONNECT packet that came before it",
}

// clientFlaws are checks that a client may fail, whatever the server does.
var clientFlaws = map[string]map[string]string{
	"python": {
		"lifecycle/words just before the client disconnects are heard": "the sync client stops its writer at disconnect, with what is queued for it",
		"lifecycle/SO17 the client disconnects":                        "the sync client may close the connection before it has sent DISCONNECT",
	},
}

// matrix runs clients over all transports, two at a time or as -parallel says.
func matrix(t *testing.T, clients []client, to target, more ...string) {
	for _, c := range clients {
		for _, transport := range transports {
			t.Run(c.name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				report(t, c.run(t, transport, to, more...), clientFlaws[c.name])
			})
		}
	}
}

// serve starts the contract on our server, each half of it mounted by mount.
func serve(t *testing.T, mount func(http.Handler) http.Handler) target {
	t.Helper()
	contract := interop.NewContract(slog.New(slog.NewTextHandler(t.Output(), nil)))
	first := httptest.NewServer(mount(contract.Main))
	second := httptest.NewServer(mount(contract.Recovery))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := contract.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		first.Close()
		second.Close()
	})
	return target{URL: first.URL, Recovery: second.URL}
}

// serveNode starts the contract on the Node.js server.
func serveNode(t *testing.T) target {
	t.Helper()
	return startServer(t, nodeCommand(t, "testdata/js/server.js"))
}

// startServer starts a program that tells its URLs, and runs it until the end of
// the test.
func startServer(t *testing.T, cmd *exec.Cmd) target {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // the server ends with its input
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, stderr.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var to target
	if err == nil {
		err = json.Unmarshal(line, &to)
	}
	if err != nil {
		t.Fatalf("%s did not start: %v\n%s", cmd, err, stderr.String())
	}
	return to
}
