package interop_test

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

func TestMain(m *testing.M) { siotest.Main(m) }

// setupTimeout is how long the download of the official clients may take.
const setupTimeout = 5 * time.Minute

// The clients are installed once for each version of the files that name them,
// in the user's cache directory.
var (
	nodeModules = sync.OnceValues(func() (string, error) {
		return install("npm", []string{"testdata/js/package.json", "testdata/js/package-lock.json"}, installNode)
	})
	pythonEnv = sync.OnceValues(func() (string, error) {
		return install("python", []string{"testdata/python/requirements.txt"}, installPython)
	})
)

// node returns the directory of the JavaScript clients.
func node(t *testing.T) string {
	t.Helper()
	dir, err := nodeModules()
	need(t, err, "needs node and npm on the PATH; by hand: (cd examples/interop/testdata/js && npm ci)")
	return filepath.Join(dir, "node_modules")
}

// python returns the interpreter that has the Python clients.
func python(t *testing.T) string {
	t.Helper()
	dir, err := pythonEnv()
	need(t, err, "needs python3 with venv; by hand: python3 -m venv v && v/bin/pip install -r examples/interop/testdata/python/requirements.txt")
	return filepath.Join(dir, "bin", "python")
}

// need skips the test if the clients are not there. In CI that is a failure.
func need(t *testing.T, err error, hint string) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%v\n%s", err, hint)
	default:
		t.Skipf("SKIPPED, the official clients were not tested: %v\n%s", err, hint)
	}
}

// install runs installer for a directory whose name tells what is in it, unless
// that is there already, and returns the directory.
func install(kind string, files []string, installer func(ctx context.Context, dir string, files []string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key, err := hash(files)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "sio-interop", kind+"-"+key)
	done := filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
	if err == nil {
		err = installer(ctx, dir, files)
	}
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(done, nil, 0o644)
}

func hash(files []string) (string, error) {
	sum := sha256.New()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func installNode(ctx context.Context, dir string, files []string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o644); err != nil {
			return err
		}
	}
	return command(ctx, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
}

func installPython(ctx context.Context, dir string, files []string) error {
	requirements, err := filepath.Abs(files[0])
	if err != nil {
		return err
	}
	if err := command(ctx, dir, "python3", "-m", "venv", dir); err != nil {
		return err
	}
	return command(ctx, dir, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "-r", requirements)
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}
