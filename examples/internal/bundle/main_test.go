package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestUpToDate fails if the sources have changed since the files were built.
func TestUpToDate(t *testing.T) {
	const dir = "../../../core/browser"
	files, err := Build(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, "dist", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources make: go generate ./core/browser", name)
		}
	}
}
