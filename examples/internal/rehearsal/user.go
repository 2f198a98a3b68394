package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// environment returns the environment of a user who has nothing of ours: an empty
// module cache, no workspace, and the proxy before those that Go is set up with.
func environment(proxy, modcache string) ([]string, error) {
	out, err := exec.Command("go", "env", "-json", "GOPROXY", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var current struct{ GOPROXY, GOMODCACHE string }
	if err := json.Unmarshal(out, &current); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	proxies := []string{"file://" + filepath.ToSlash(proxy), "file://" + filepath.ToSlash(current.GOMODCACHE) + "/cache/download", current.GOPROXY}
	return append(os.Environ(),
		"GOWORK=off",
		"GOMODCACHE="+modcache,
		"GOPROXY="+strings.Join(proxies, ","),
		"GONOPROXY=none",
		"GONOSUMDB="+prefix+"*", // the checksum database cannot know what is not published
		"GOFLAGS=-mod=mod -modcacherw -trimpath",
	), nil
}

// user is somebody with a fresh module.
type user struct {
	dir     string
	env     []string
	version string
}

// try gets the adapter in a new module and builds the program with it.
func (u *user) try(adapter, program string) error {
	if err := os.MkdirAll(u.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(u.dir, "main.go"), []byte(program), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/user"},
		{"get", prefix + adapter + "@" + u.version},
		{"mod", "tidy"}, // what the program imports besides, such as the router itself
		{"vet", "./..."},
		{"build", "-o", os.DevNull, "."},
	} {
		if _, err := u.run(args...); err != nil {
			return err
		}
	}
	return u.checkCore()
}

// checkCore wants core to come from the proxy: had a replace line of the adapter's
// go.mod any effect, there would be no version, and another directory.
func (u *user) checkCore() error {
	out, err := u.run("list", "-m", "-json", prefix+"core")
	if err != nil {
		return err
	}
	var m struct {
		Version, Dir string
		Replace      *struct{ Path string }
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return err
	}
	if m.Replace != nil {
		return fmt.Errorf("core is replaced by %s", m.Replace.Path)
	}
	if m.Version != u.version || !strings.HasSuffix(filepath.ToSlash(m.Dir), "/core@"+u.version) {
		return fmt.Errorf("core is %s in %s, want %s from the module cache", m.Version, m.Dir, u.version)
	}
	return nil
}

// run runs the go command in the user's module and returns what it prints.
func (u *user) run(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = u.dir, u.env
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
	return string(out), err
}
