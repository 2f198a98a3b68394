package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// runTimeout is how long one client may take for all its checks.
const runTimeout = 4 * time.Minute

// client is an official client, in one version, or ours for browsers.
type client struct {
	name    string
	command func(t *testing.T) *exec.Cmd // the driver, without what it is to do
}

var clients = []client{
	{"js-4.x", javaScript("client4")},
	{"js-4.0", javaScript("client40")},
	{"js-3.x", javaScript("client3")},
	{"js-2.x", javaScript("client2")},
	{"browser", javaScript("browser")}, // ours
	{"python", pythonClient("sync")},
	{"python-asyncio", pythonClient("asyncio")},
}

var transports = []string{"polling", "websocket", "upgrade"}

func javaScript(alias string) func(t *testing.T) *exec.Cmd {
	return func(t *testing.T) *exec.Cmd {
		return nodeCommand(t, "testdata/js/client.js", "--client", alias)
	}
}

func nodeCommand(t *testing.T, args ...string) *exec.Cmd {
	modules := node(t)
	cmd := exec.Command("node", args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd
}

func pythonClient(kind string) func(t *testing.T) *exec.Cmd {
	return func(t *testing.T) *exec.Cmd {
		return exec.Command(python(t), "-B", "testdata/python/client.py", "--client", kind) // -B: leave no caches behind
	}
}

// target is a pair of servers that keep the contract.
type target struct {
	URL      string `json:"url"`
	Recovery string `json:"recovery"`
}

// result is one line that a driver prints. The last one tells only how many were
// before it.
type result struct {
	Check string
	OK    bool
	Error string
	NA    string // why this client or transport cannot do it
	Done  *int
}

// run lets the client do its checks and returns the results. More arguments of
// the drivers choose among the checks.
func (c client) run(t *testing.T, transport string, to target, more ...string) []result {
	t.Helper()
	cmd := c.command(t)
	cmd.Args = append(cmd.Args, "--transport", transport, "--url", to.URL, "--recovery", to.Recovery)
	cmd.Args = append(cmd.Args, more...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	results := readResults(t, cmd)
	if t.Failed() {
		t.Logf("%s\nstderr: %s", cmd, stderr.Bytes())
	}
	return results
}

func readResults(t *testing.T, cmd *exec.Cmd) []result {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	results, done := parseResults(t, stdout)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the driver failed: %v", err)
	}
	if done == nil || *done != len(results) {
		t.Errorf("the driver ended early, after %d checks", len(results))
	}
	return results
}

func parseResults(t *testing.T, r io.Reader) (results []result, done *int) {
	t.Helper()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var line result
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("not a result: %q", lines.Bytes())
			continue
		}
		if line.Done != nil {
			done = line.Done
			continue
		}
		results = append(results, line)
	}
	return results, done
}

// report makes a subtest of each result. A check of flaws may fail.
func report(t *testing.T, results []result, flaws map[string]string) {
	t.Helper()
	passed := 0
	for _, r := range results {
		if r.NA != "" {
			t.Logf("not applicable: %s: %s", r.Check, r.NA)
			continue
		}
		t.Run(r.Check, func(t *testing.T) {
			switch why := flaws[r.Check]; {
			case r.OK:
				passed++
			case why != "":
				t.Logf("excused: %s\n%s", why, r.Error)
			default:
				t.Error(r.Error)
			}
		})
	}
	if passed == 0 {
		t.Error("no check passed")
	}
}
