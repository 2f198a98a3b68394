package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// childEnv makes a process of this program the server. Its value is for how long clients
// are recovered.
const childEnv = "SIO_SOAK_SERVER"

// child is the process of the server.
type child struct {
	url string
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader

	mu sync.Mutex // held for a command and its answer
}

func startChild(recovery time.Duration) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+recovery.String())
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	first, err := c.answer()
	c.url = first.URL
	return c, err
}

// ask sends a command and returns the answer.
func (c *child) ask(command string) (status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		return status{}, fmt.Errorf("the server is gone: %w", err)
	}
	return c.answer()
}

func (c *child) answer() (s status, err error) {
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		err = fmt.Errorf("the server has not answered: %w", err)
	}
	return s, err
}

// end ends the process, which has been told to end, or is in the way. It returns the
// processor time that it took.
func (c *child) end() time.Duration {
	c.in.Close()
	timer := time.AfterFunc(10*time.Second, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	c.cmd.Wait()
	if s := c.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}
