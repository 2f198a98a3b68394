package interop_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// typesTimeout is how long the compiler may take.
const typesTimeout = 2 * time.Minute

var typeScript = sync.OnceValues(func() (string, error) {
	return install("typescript", []string{"testdata/ts/package.json", "testdata/ts/package-lock.json"}, installNode)
})

// TestTypes checks the declarations of the browser client, with a program that
// uses them.
func TestTypes(t *testing.T) {
	dir, err := typeScript()
	need(t, err, "needs node and npm on the PATH; by hand: (cd examples/interop/testdata/ts && npm ci)")
	ctx, cancel := context.WithTimeout(t.Context(), typesTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "node_modules/typescript/bin/tsc"),
		"--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom",
		"--module", "nodenext", "--moduleResolution", "nodenext", "testdata/ts/sample.ts")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
