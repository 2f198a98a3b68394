package mixedcluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/npm"
)

// nodeEnv tells the test's program to be a node instead: ADAPTER.
const nodeEnv = "SIO_MIXEDCLUSTER_NODE"

func TestMain(m *testing.M) {
	if adapter := os.Getenv(nodeEnv); adapter != "" {
		runGoNode(adapter, os.Args[1], os.Args[2])
		os.Exit(0)
	}
	siotest.Main(m)
}

// packages returns the directory of the official packages.
var packages = sync.OnceValues(func() (string, error) { return npm.Install("testdata/js", "sio-mixedcluster") })

// script starts a program of testdata/js. It skips the test if node or the official
// packages are not there; in CI that is a failure.
func script(t testing.TB, name string, args ...string) *program {
	t.Helper()
	modules, err := packages()
	if err == nil {
		_, err = exec.LookPath("node")
	}
	const hint = "needs node and npm on the PATH; by hand: (cd examples/mixedcluster/testdata/js && npm ci)"
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%v\n%s", err, hint)
	default:
		t.Skipf("SKIPPED, the official packages were not tested: %v\n%s", err, hint)
	}
	cmd := exec.Command("node", append([]string{filepath.Join("testdata/js", name)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return run(t, name, cmd)
}
