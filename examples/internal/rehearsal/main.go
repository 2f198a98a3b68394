// Command rehearsal rehearses a release. It serves the modules of this checkout, at
// the version that they are prepared for, from a module proxy in the file system,
// and uses them from fresh modules outside the workspace as a user would: go get of
// each adapter, and a build of a program with it, the README's chat among them.
//
// Nothing is published, and no go.mod, cache or workspace of the user is touched.
// Other modules come from the local module cache or the proxy that Go is set up with.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

const prefix = "github.com/gosocketio/sio/"

// published are the modules by their directories. Examples are not among them.
var published = []string{"core", "adapters/nethttp", "adapters/gin", "adapters/echo", "adapters/chi", "adapters/redis", "adapters/nats"}

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "`directory` of the checkout")
	flag.Parse()
	if err := rehearse(*root); err != nil {
		log.Fatal("rehearsal: ", err)
	}
}

func rehearse(root string) error {
	tmp, err := os.MkdirTemp("", "rehearsal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	version, err := preparedVersion(root)
	if err != nil {
		return err
	}
	proxy := filepath.Join(tmp, "proxy")
	for _, dir := range published {
		if err := addModule(proxy, root, dir, version); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	programs, err := programs(root)
	if err != nil {
		return err
	}
	env, err := environment(proxy, filepath.Join(tmp, "modcache"))
	if err != nil {
		return err
	}
	for _, dir := range published[1:] {
		u := &user{dir: filepath.Join(tmp, "user", dir), env: env, version: version}
		if err := u.try(dir, programs[dir]); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		fmt.Printf("ok    go get %s%s@%s\n", prefix, dir, version)
	}
	return nil
}

// programs returns a program for each adapter.
func programs(root string) (map[string]string, error) {
	chat, err := readmeChat(root)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"adapters/gin":     chat,
		"adapters/nethttp": program("nethttp", "siohttp", `"net/http"`, "http.NewServeMux()"),
		"adapters/echo":    program("echo", "sioecho", `"github.com/labstack/echo/v4"`, "echo.New()"),
		"adapters/chi":     program("chi", "siochi", `"github.com/go-chi/chi/v5"`, "chi.NewRouter()"),
		"adapters/redis": clusterProgram("redis", `"github.com/redis/go-redis/v9"`,
			"sioredis.NewPubSub(redis.NewClient(&redis.Options{}), nil)"),
		"adapters/nats": clusterProgram("nats", `"github.com/nats-io/nats.go"`, "sionats.New(&nats.Conn{}, nil)"),
	}, nil
}

// program returns a program that attaches a server to a router.
func program(dir, pkg, router, construct string) string {
	return fmt.Sprintf(`package main

import (
	%[3]s

	%[2]s "%[5]sadapters/%[1]s"
	"%[5]score/socketio"
)

func main() {
	sio := socketio.NewServer(nil)
	defer sio.Close()
	%[2]s.Attach(%[4]s, sio)
}
`, dir, pkg, router, construct, prefix)
}

// clusterProgram returns a program that makes a backend.
func clusterProgram(dir, driver, construct string) string {
	return fmt.Sprintf(`package main

import (
	%[2]s

	sio%[1]s "%[4]sadapters/%[1]s"
	"%[4]score/cluster"
)

func backend() cluster.Backend { return %[3]s }

func main() { println(backend() != nil) }
`, dir, driver, construct, prefix)
}

// readmeChat returns the first whole program in the README, or the quick start
// where there is no README yet.
func readmeChat(root string) (string, error) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if os.IsNotExist(err) {
		fmt.Println("note  no README.md: using examples/quickstart")
		chat, err := os.ReadFile(filepath.Join(root, "examples/quickstart/main.go"))
		return string(chat), err
	}
	if err != nil {
		return "", err
	}
	for _, block := range strings.Split(string(readme), "```go\n")[1:] {
		code, _, ok := strings.Cut(block, "```")
		if ok && strings.HasPrefix(code, "package main\n") {
			return code, nil
		}
	}
	return "", fmt.Errorf("README.md has no block of Go that begins with package main")
}
