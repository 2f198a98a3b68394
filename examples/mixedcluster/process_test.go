package mixedcluster_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 20 * time.Second

// fields are those of a command, besides its number.
type fields map[string]any

// event is what a program tells unasked.
type event struct {
	What      string
	Client    string // of client.js
	Socket    string // of servers: name of the client
	ID        string
	Recovered bool
	Reason    string
	Error     string
	Port      int
	Nsp       string
	Args      []json.RawMessage
}

// text is the arguments of an event as one JSON array.
func (e event) text() string {
	parts := make([]string, len(e.Args))
	for i, arg := range e.Args {
		parts[i] = string(arg)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// program is one that is driven over its standard input and output: see
// testdata/js/wire.js.
type program struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu      sync.Mutex
	next    int
	answers map[int]chan reply
	events  []event
	changed chan struct{} // closed and replaced with each event
}

type reply struct {
	ID     int
	Result json.RawMessage
	Error  string
	Event  *event
}

var errEnded = errors.New("the program has ended")

// run starts a program. It ends with the test.
func run(t testing.TB, name string, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{name: name, cmd: cmd, ended: make(chan struct{}), answers: map[int]chan reply{}, changed: make(chan struct{})}
	cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	t.Cleanup(p.kill)
	return p
}

func (p *program) read(stdout io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %s\n", p.name, lines.Text())
			continue
		}
		p.mu.Lock()
		if r.Event != nil {
			p.events = append(p.events, *r.Event)
			close(p.changed)
			p.changed = make(chan struct{})
		} else if c := p.answers[r.ID]; c != nil {
			delete(p.answers, r.ID)
			c <- r
		}
		p.mu.Unlock()
	}
	p.cmd.Wait()
}

// kill ends the program as kill -9 does, and waits for it.
func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// start sends a command. Its answer comes through the channel.
func (p *program) start(op string, f fields) chan reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	line := fields{"id": p.next, "op": op}
	for k, v := range f {
		line[k] = v
	}
	text, err := json.Marshal(line)
	c := make(chan reply, 1)
	p.answers[p.next] = c
	if err == nil {
		_, err = p.stdin.Write(append(text, '\n'))
	}
	if err != nil {
		c <- reply{Error: err.Error()}
	}
	return c
}

// try sends a command and waits for the answer.
func (p *program) try(op string, f fields) (json.RawMessage, error) {
	select {
	case r := <-p.start(op, f):
		if r.Error != "" {
			return nil, fmt.Errorf("%s: %s: %s", p.name, op, r.Error)
		}
		return r.Result, nil
	case <-p.ended:
		return nil, errEnded
	case <-time.After(patience):
		return nil, fmt.Errorf("%s: %s: no answer", p.name, op)
	}
}

// do is try for commands that must succeed.
func (p *program) do(t testing.TB, op string, f fields) json.RawMessage {
	t.Helper()
	result, err := p.try(op, f)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// ask is do for commands with a result of interest.
func ask[T any](t testing.TB, p *program, op string, f fields) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(p.do(t, op, f), &v); err != nil {
		t.Fatalf("%s: %s: %v", p.name, op, err)
	}
	return v
}

// wait waits until cond is true of what the program told so far.
func (p *program) wait(t testing.TB, what string, cond func([]event) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		events, changed := slices.Clip(p.events), p.changed
		p.mu.Unlock()
		if cond(events) {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("%s: waits in vain: %s\ntold: %+v", p.name, what, tail(events))
		}
	}
}

// first waits for an event and returns it.
func (p *program) first(t testing.TB, what string, cond func(event) bool) (found event) {
	t.Helper()
	p.wait(t, what, func(events []event) bool {
		i := slices.IndexFunc(events, cond)
		if i >= 0 {
			found = events[i]
		}
		return i >= 0
	})
	return found
}

// forget forgets what the program told so far.
func (p *program) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = nil
}

func (p *program) told(cond func(event) bool) (found []event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if cond(e) {
			found = append(found, e)
		}
	}
	return found
}

func tail(events []event) []event { return events[max(0, len(events)-20):] }

func what(kind string) func(event) bool {
	return func(e event) bool { return e.What == kind }
}
