package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
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

// nodeModules returns the directory of the official client, which is installed once for
// each version of the lock file, in the user's cache directory.
var nodeModules = sync.OnceValues(func() (string, error) {
	_, err := exec.LookPath("node")
	cache, e := os.UserCacheDir()
	if err = errors.Join(err, e); err != nil {
		return "", err
	}
	names := [2]string{"package.json", "package-lock.json"}
	var files [2][]byte
	sum := sha256.New()
	for i, name := range names {
		if files[i], err = os.ReadFile(filepath.Join("testdata/js", name)); err != nil {
			return "", err
		}
		sum.Write(files[i])
	}
	dir := filepath.Join(cache, "sio-deploy", hex.EncodeToString(sum.Sum(nil)[:8]))
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
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", npm, err, out)
	}
	return modules, os.WriteFile(done, nil, 0o644)
})
