package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

const (
	root        = "../../"
	deployment  = root + "docs/deployment.md"
	security    = root + "SECURITY.md"
	performance = root + "docs/performance.md"
	deploy      = root + "examples/deploy/"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// block is a fenced block of a document.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

func blocks(t *testing.T, file string) (list []block) {
	t.Helper()
	for _, m := range fence.FindAllStringSubmatch(read(t, file), -1) {
		list = append(list, block{m[1], m[2]})
	}
	if len(list) == 0 {
		t.Fatalf("%s has no blocks", file)
	}
	return list
}

// TestConfigurations: the deployment page shows each configuration file, whole and as
// it is, and no other one.
func TestConfigurations(t *testing.T) {
	entries, err := os.ReadDir(deploy)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string) // names by content
	for _, e := range entries {
		if !e.IsDir() && path.Ext(e.Name()) != ".go" {
			files[read(t, deploy+e.Name())] = e.Name()
		}
	}
	if len(files) < 5 {
		t.Fatalf("only %d files", len(files))
	}
	for _, b := range blocks(t, deployment) {
		if b.language == "go" {
			continue
		}
		if files[b.text] == "" {
			t.Errorf("no file of examples/deploy has exactly this block of language %q:\n%s", b.language, b.text)
		}
		delete(files, b.text)
	}
	for _, name := range files {
		t.Errorf("the page does not show %s as it is", name)
	}
}

// TestSnippets: what the page shows in Go is compiled. Indentation does not count.
func TestSnippets(t *testing.T) {
	source := flatten(read(t, "snippets_test.go"))
	for _, b := range blocks(t, deployment) {
		if b.language == "go" && !strings.Contains(source, flatten(b.text)) {
			t.Errorf("snippets_test.go does not have\n%s", b.text)
		}
	}
}

var spaces = regexp.MustCompile(`[ \t]+`)

// flatten takes the indentation off, and what gofmt puts in front of comments.
func flatten(text string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(text) {
		b.WriteString(spaces.ReplaceAllString(strings.TrimSpace(line), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

var (
	testsOf  = regexp.MustCompile("((?:`[a-z/]+`(?:, )?)+): ((?:(?:Test|Fuzz)\\w+(?:, )?)+)")
	attackNo = regexp.MustCompile(`(?m)^\| C-(\d\d)[, |]`)
)

// TestAttacks: the table names the 32 attacks in order, and for each some tests that
// exist.
func TestAttacks(t *testing.T) {
	text := read(t, security)
	numbers := attackNo.FindAllStringSubmatch(text, -1)
	for i := range 32 {
		if i >= len(numbers) || numbers[i][1] != fmt.Sprintf("%02d", i+1) {
			t.Fatalf("attack %d is not in its place", i+1)
		}
	}
	known := make(map[string][]string) // tests, by package
	for line := range strings.Lines(text) {
		if !attackNo.MatchString(line) {
			continue
		}
		found := testsOf.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("no tests in the line %s", line)
		}
		for _, m := range found {
			for _, dir := range regexp.MustCompile(`[a-z/]+`).FindAllString(m[1], -1) {
				if known[dir] == nil {
					known[dir] = functions(t, root+dir)
				}
				checkNames(t, dir, known[dir], m[2])
			}
		}
	}
}

// checkNames wants all names of a list with commas to be among those of a directory.
func checkNames(t *testing.T, dir string, known []string, list string) {
	t.Helper()
	for _, name := range regexp.MustCompile(`\w+`).FindAllString(list, -1) {
		if !slices.Contains(known, name) {
			t.Errorf("%s has no %s", dir, name)
		}
	}
}

// functions returns the functions of the test files of a directory.
func functions(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d test files, %v", dir, len(files), err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// TestOptions: each option that the documents name exists.
func TestOptions(t *testing.T) {
	options := make(map[string]bool)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[socketio.Options]()) {
		options[f.Name] = true
	}
	for _, file := range []string{security, deployment} {
		for _, m := range regexp.MustCompile(`\bOptions\.([A-Z]\w+)|`+"`(Max[A-Z]\\w+)").FindAllStringSubmatch(read(t, file), -1) {
			if name := m[1] + m[2]; !options[name] && !strings.HasPrefix(m[0], "Options.Jar") {
				t.Errorf("%s names %s, which is no option", file, name)
			}
		}
	}
}

// TestLimits: the table of limits has all options that are limits, and the defaults that
// their documentation names.
func TestLimits(t *testing.T) {
	_, table, ok := strings.Cut(read(t, security), "## Limits")
	table, _, ok2 := strings.Cut(table, "## Attacks")
	if !ok || !ok2 {
		t.Fatal("no table of limits")
	}
	comments := optionComments(t)
	listed := make(map[string]bool)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| `") || len(cells) != 4 {
			continue
		}
		fields := regexp.MustCompile(`\w+`).FindAllString(cells[0], -1)
		defaults := strings.Split(strings.ReplaceAll(cells[1], "`", ""), ", ")
		for i, field := range fields {
			listed[field] = true
			if comment, ok := comments[field]; !ok {
				t.Errorf("the table of limits has %s, which is no option", field)
			} else if d := defaults[min(i, len(defaults)-1)]; !names(comment, d) {
				t.Errorf("the default of %s is %q in the table, and in the code: %s", field, d, comment)
			}
		}
	}
	for name := range comments {
		if (strings.HasPrefix(name, "Max") || strings.HasSuffix(name, "Limiter")) && !listed[name] {
			t.Errorf("the table of limits does not have %s", name)
		}
	}
}

// names reports whether a comment has a default.
func names(comment, def string) bool {
	if def == "off" {
		return strings.Contains(comment, "off by default") || strings.Contains(comment, "By default there is none")
	}
	plain := func(s string) string { return strings.ReplaceAll(s, ",", "") }
	number, isBytes := strings.CutSuffix(plain(def), " bytes")
	found := regexp.MustCompile(`\b` + regexp.QuoteMeta(number) + `\b`).MatchString(plain(comment))
	return found && (!isBytes || strings.Contains(comment, "bytes"))
}

// optionComments returns the comments of the fields of socketio.Options. A field without
// one belongs to the field above.
func optionComments(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), root+"core/socketio/options.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments, last := make(map[string]string), ""
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Options" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if field.Doc != nil {
				last = strings.Join(strings.Fields(field.Doc.Text()), " ")
			}
			for _, name := range field.Names {
				comments[name.Name] = last
			}
		}
		return false
	})
	if len(comments) < 40 {
		t.Fatalf("found only %d options", len(comments))
	}
	return comments
}

var link = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)

// TestLinks: the documents link to what is there.
func TestLinks(t *testing.T) {
	for _, file := range []string{security, deployment, performance} {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target := file
			if m[1] != "" {
				target = path.Join(path.Dir(file), m[1])
			}
			if _, err := fs.Stat(os.DirFS(root), strings.TrimPrefix(path.Clean(target), path.Clean(root)+"/")); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
				continue
			}
			if m[2] != "" && !slices.Contains(anchors(read(t, target)), m[2]) {
				t.Errorf("%s links to %s%s: no such heading", file, m[1], m[2])
			}
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 -]`)

// anchors returns the anchors that headings get.
func anchors(text string) (list []string) {
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			anchor := notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			list = append(list, "#"+strings.ReplaceAll(anchor, " ", "-"))
		}
	}
	return list
}
