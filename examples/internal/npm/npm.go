// Package npm installs the official packages that tests need.
package npm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// timeout is how long the download may take.
const timeout = 5 * time.Minute

// Install returns a node_modules directory with what the package.json and the
// package-lock.json in dir ask for. It is made once for each version of these files,
// in the user's cache directory, below name. It blocks until npm is done, 5 min at most.
func Install(dir, name string) (modules string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	names := [2]string{"package.json", "package-lock.json"}
	var files [2][]byte
	sum := sha256.New()
	for i, name := range names {
		if files[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return "", err
		}
		sum.Write(files[i])
	}
	target := filepath.Join(cache, name, hex.EncodeToString(sum.Sum(nil)[:8]))
	modules, done := filepath.Join(target, "node_modules"), filepath.Join(target, ".complete")
	if _, err := os.Stat(done); err == nil {
		return modules, nil
	}
	err = errors.Join(os.RemoveAll(target), os.MkdirAll(target, 0o755))
	for i, name := range names {
		err = errors.Join(err, os.WriteFile(filepath.Join(target, name), files[i], 0o644))
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = target
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return modules, os.WriteFile(done, nil, 0o644)
}
