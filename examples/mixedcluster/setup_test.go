package mixedcluster_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
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

// setupTimeout is how long the download of the official packages may take.
const setupTimeout = 5 * time.Minute

// packages returns the directory of the official packages. They are installed once
// for each version of the lock file, in the user's cache directory.
var packages = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	var files [2][]byte
	names := [2]string{"package.json", "package-lock.json"}
	sum := sha256.New()
	for i, name := range names {
		if files[i], err = os.ReadFile(filepath.Join("testdata/js", name)); err != nil {
			return "", err
		}
		sum.Write(files[i])
	}
	dir := filepath.Join(cache, "sio-mixedcluster", hex.EncodeToString(sum.Sum(nil)[:8]))
	modules, done := filepath.Join(dir, "node_modules"), filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return modules, nil
	}
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
	for i, name := range names {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), files[i], 0o644))
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", npm, err, out)
	}
	return modules, os.WriteFile(done, nil, 0o644)
})

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
