// Package layering has a test: that imports point where the design says.
package layering

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const prefix = "github.com/gosocketio/sio/"

// std stands for no import of ours at all.
var std []string

// arrows are the packages of ours that each may import, in patterns as of
// path.Match, and all others may not.
var arrows = []struct {
	from string
	to   []string
}{
	{"core/internal/*", []string{"core/internal/*"}},
	{"core/parser", std},
	{"core/cluster", std},
	{"core/cluster/clustertest", []string{"core/cluster"}},
	{"core/cluster/emitter", []string{"core/cluster", "core/parser"}},
	{"core/engineio", []string{"core/internal/*"}},
	{"core/socketio", []string{"core/engineio", "core/parser", "core/cluster", "core/browser", "core/internal/*"}},
	{"core/client", []string{"core/parser", "core/internal/*"}},
	{"core/browser", std},
	{"core/siotest", []string{"core/*", "core/internal/*"}},
	{"adapters/nethttp", []string{"core/socketio"}},
	{"adapters/gin", []string{"core/socketio"}},
	{"adapters/echo", []string{"core/socketio"}},
	{"adapters/chi", []string{"core/socketio"}},
	{"adapters/redis", []string{"core/cluster", "core/cluster/emitter"}},
	{"adapters/redis/redistest", std},
	{"adapters/nats", []string{"adapters/nats/internal/*", "core/cluster", "core/cluster/emitter"}},
	{"adapters/nats/internal/*", []string{"core/cluster"}},
}

// foreign are the modules that ours may import, besides the standard library.
var foreign = map[string][]string{
	"core":             {"github.com/gorilla/websocket"},
	"adapters/nethttp": nil,
	"adapters/gin":     {"github.com/gin-gonic/gin"},
	"adapters/echo":    {"github.com/labstack/echo/v4"},
	"adapters/chi":     {"github.com/go-chi/chi/v5"},
	"adapters/redis":   {"github.com/redis/go-redis/v9"},
	"adapters/nats":    {"github.com/nats-io/nats.go"},
}

// foreignInTests are those that tests may import, too.
var foreignInTests = map[string][]string{
	"adapters/gin":  {"github.com/gin-contrib/gzip"},
	"adapters/nats": {"github.com/nats-io/nats-server/v2"},
}

// pkg is a package of ours, by its path below the prefix.
type pkg struct {
	path                 string
	imports, testImports []string
}

// packages lists the packages of a module.
func packages(t *testing.T, module string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-f",
		`{{.ImportPath}}|{{range .Imports}}{{.}} {{end}}|{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`,
		prefix+module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var list []pkg
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 3 {
			t.Fatalf("%v: unexpected line %q", cmd, line)
		}
		list = append(list, pkg{strings.TrimPrefix(fields[0], prefix), strings.Fields(fields[1]), strings.Fields(fields[2])})
	}
	if len(list) == 0 {
		t.Fatalf("no packages in %s", module)
	}
	return list
}

func TestArrows(t *testing.T) {
	for module := range foreign {
		for _, p := range packages(t, module) {
			allowed, known := allowedFrom(p.path)
			if !known {
				t.Errorf("%s is not in the table of arrows: decide where it belongs", p.path)
			}
			for _, imported := range p.imports {
				ours, ok := strings.CutPrefix(imported, prefix)
				if ok && !matches(allowed, ours) {
					t.Errorf("%s imports %s", p.path, ours)
				}
			}
		}
	}
}

func TestForeignModules(t *testing.T) {
	for module, allowed := range foreign {
		inTests := slices.Concat(allowed, foreignInTests[module])
		for _, p := range packages(t, module) {
			checkForeign(t, p.path, p.imports, allowed)
			checkForeign(t, p.path+" (test)", p.testImports, inTests)
		}
	}
}

func checkForeign(t *testing.T, from string, imports, allowed []string) {
	t.Helper()
	for _, imported := range imports {
		host, _, _ := strings.Cut(imported, "/")
		if !strings.Contains(host, ".") || strings.HasPrefix(imported, prefix) {
			continue
		}
		if !slices.ContainsFunc(allowed, func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") }) {
			t.Errorf("%s imports %s", from, imported)
		}
	}
}

// TestCoreIsSmall looks at everything that core drags in, however indirectly.
func TestCoreIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", prefix+"core/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	checkForeign(t, "core, indirectly,", strings.Fields(string(out)), foreign["core"])
}

// TestAdaptersApart has each adapter without the other ones' frameworks.
func TestAdaptersApart(t *testing.T) {
	for module := range foreign {
		if module == "core" {
			continue
		}
		out, err := exec.Command("go", "list", "-deps", "-test", prefix+module).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			if other, ok := strings.CutPrefix(dep, prefix+"adapters/"); ok && !strings.HasPrefix("adapters/"+other, module) {
				t.Errorf("%s depends on adapters/%s", module, other)
			}
		}
	}
}

func allowedFrom(from string) (allowed []string, known bool) {
	for _, a := range arrows {
		if matches([]string{a.from}, from) {
			return a.to, true
		}
	}
	return nil, false
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}
