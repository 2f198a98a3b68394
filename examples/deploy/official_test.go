package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/examples/internal/npm"
)

// TestOfficialClient has socket.io-client of npm in place of ours.
func TestOfficialClient(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		s := newSite(t, p, config{})
		for _, transports := range modes {
			got := officialClient(t, s.plain, strings.Join(transports, ","))
			if want := transports[len(transports)-1]; got.Transport != want || got.Node == "" {
				t.Errorf("%s: %+v, want transport %s", transports, got, want)
			}
		}
	})
}

type official struct {
	guest
	Transport string
}

// officialClient runs the client to its end. It skips the test if node or npm are not
// there; in CI that is a failure.
func officialClient(t *testing.T, url, transports string) (got official) {
	t.Helper()
	modules, err := nodeModules()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip("SKIPPED, the official client was not tested: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "testdata/js/client.js", url, transports)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.Bytes())
	}
	return got
}

// nodeModules returns the directory of the official client.
var nodeModules = sync.OnceValues(func() (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", err
	}
	return npm.Install("testdata/js", "sio-deploy")
})
