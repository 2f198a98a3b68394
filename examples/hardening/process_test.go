//go:build linux

package hardening_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serverEnv has the config of a server in the environment of its process.
const serverEnv = "SIO_HARDENING_SERVER"

// process is the process of a server, as seen from outside.
type process struct {
	addr  string
	offer []string // headers of websocket handshakes
	cmd   *exec.Cmd
	rpc   *rpc.Client
	stdin io.Closer
	ended func() error // waits for the end

	goroutines, descriptors int // of the fresh server
}

// start starts a server. It ends with the test.
func start(t testing.TB, c config) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	// The race detector has programs sleep for a second before they exit.
	cmd.Env = append([]string{"GORACE=atexit_sleep_ms=10"}, append(os.Environ(), serverEnv+"="+string(text))...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, ended: sync.OnceValue(cmd.Wait)}
	t.Cleanup(func() { p.stop(t) })
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	p.rpc = rpc.NewClient(pipes{out, stdin})
	p.goroutines, p.descriptors = p.counts(t).Goroutines, p.files(t)
	return p
}

// pipes are the input and the output of the other process.
type pipes struct {
	io.Reader
	io.WriteCloser
}

// stop ends the process as a lost parent would, which must succeed.
func (p *process) stop(t testing.TB) {
	if p.rpc != nil {
		p.rpc.Close()
	}
	p.stdin.Close()
	timer := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.ended(); err != nil {
		t.Errorf("the server ended: %v", err)
	}
}

// call calls a method of [Control] in the process.
func call[R any](t testing.TB, p *process, method string, arg any) R {
	t.Helper()
	var result R
	if err := p.rpc.Call("Control."+method, arg, &result); err != nil {
		t.Fatalf("%s of the server: %v", method, err)
	}
	return result
}

func (p *process) counts(t testing.TB) Counts { t.Helper(); return call[Counts](t, p, "Count", false) }

// settled returns the counts once nobody is connected and all that was collected by
// the garbage collector is.
func (p *process) settled(t testing.TB) Counts {
	t.Helper()
	eventually(t, "that all sessions end, and all disconnects are told of", func() bool {
		c := p.counts(t)
		return c.Sessions == 0 && c.Requests == 0 && c.Connects == c.Disconnects()
	})
	return call[Counts](t, p, "Count", true)
}

// calm returns the counts once the server has no more goroutines and files than when it
// was fresh, but for a few.
func (p *process) calm(t testing.TB) (c Counts, files int) {
	t.Helper()
	const few = 5
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, files = p.settled(t), p.files(t)
		if c.Goroutines <= p.goroutines+few && files <= p.descriptors+few {
			return c, files
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files are left, it began with %d and %d\n%s",
				c.Goroutines, files, p.goroutines, p.descriptors, p.stacks(t))
		}
	}
}

// alive proves that the server still serves on each transport.
func (p *process) alive(t testing.TB) {
	t.Helper()
	for _, transport := range transports {
		c, err := p.open(transport)
		if err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		defer c.close()
		if err := c.join(auth{}); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		if err := c.echo(); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
	}
	res, err := http.Get("http://" + p.addr + "/alive")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
}

// stacks returns those of all goroutines of the server.
func (p *process) stacks(t testing.TB) string { t.Helper(); return call[string](t, p, "Stacks", false) }

// files returns how many file descriptors the server has open.
func (p *process) files(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// resident returns the memory of the server in bytes.
func (p *process) resident(t testing.TB) int64 {
	t.Helper()
	fields := strings.Fields(p.read(t, "statm"))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// ticks is how many units of processor time make a second, on every Linux.
const ticks = 100

// processor returns the processor time that the server has used.
func (p *process) processor(t testing.TB) time.Duration {
	t.Helper()
	text := p.read(t, "stat")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var sum time.Duration
	for _, field := range fields[11:13] { // user and system
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum
}

func (p *process) read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(p.proc(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *process) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

// raiseFileLimit allows for as many file descriptors as the system does.
func raiseFileLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}
