package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every Go snippet of the README stands, line for line, in a file that is
// compiled. Indentation does not count.
func TestReadmeSnippetsAreCompiled(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := goSources(t)
	parts := strings.Split(string(readme), "```go\n")
	if len(parts) < 5 {
		t.Fatalf("only %d snippets", len(parts)-1)
	}
	for _, part := range parts[1:] {
		snippet, _, ok := strings.Cut(part, "```")
		if !ok {
			t.Fatal("a snippet does not end")
		}
		if want := flatten(snippet); !contained(sources, want) {
			t.Errorf("no Go file has this snippet of the README:\n%s", snippet)
		}
	}
}

func contained(sources []string, want string) bool {
	for _, s := range sources {
		if strings.Contains(s, want) {
			return true
		}
	}
	return false
}

func goSources(t *testing.T) (sources []string) {
	t.Helper()
	for _, dir := range []string{"../core", "../adapters", "."} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			data, err := os.ReadFile(path)
			sources = append(sources, flatten(string(data)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sources
}

// flatten takes the indentation off and puts a line end at both ends.
func flatten(text string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
		b.WriteByte('\n')
	}
	return b.String()
}
