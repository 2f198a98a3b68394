// Package redistest starts Redis servers for tests: each has a port and a directory
// of its own, and can be paused, killed and restarted.
package redistest

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTimeout is how long a server may take to answer.
const startTimeout = 20 * time.Second

// Server is a running redis-server. Its methods are for one goroutine at a time.
type Server struct {
	URL  string // redis://127.0.0.1:port, or rediss:// with TLS
	Addr string // 127.0.0.1:port

	t        testing.TB
	dir      string
	args     []string
	cmd      *exec.Cmd
	tls      *tls.Config // of clients; nil without TLS
	password string
}

// Start starts a server, with more arguments for its command line if there are any.
// It ends with the test. Where there is no redis-server, the test is skipped; in CI
// it fails.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t)
	_, port, _ := net.SplitHostPort(s.Addr)
	s.args = append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
	}, args...)
	s.Restart()
	return s
}

// newServer returns a server that has an address and is not started yet.
func newServer(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const hint = "redis-server is not installed: apt-get install redis-server"
		if os.Getenv("CI") != "" {
			t.Fatal(hint)
		}
		t.Skip("SKIPPED: " + hint)
	}
	s := &Server{t: t, dir: t.TempDir(), Addr: net.JoinHostPort("127.0.0.1", freePort(t))}
	s.URL = "redis://" + s.Addr
	t.Cleanup(s.Kill)
	return s
}

// Options returns what a client needs to reach the server.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Addr: s.Addr, TLSConfig: s.tls.Clone(), Password: s.password}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Restart starts the server again after Kill, empty, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := s.ping()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

func (s *Server) ping() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if s.tls != nil {
		conn = tls.Client(conn, s.tls)
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 7)
	if _, err := conn.Read(answer); err != nil {
		return err
	}
	if string(answer) != "+PONG\r\n" && string(answer) != "-NOAUTH" { // one that wants a password is there too
		return fmt.Errorf("it answers %q", answer)
	}
	return nil
}

// Pause stops the process: connections stay, but nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the process at once and waits until it is gone. What it kept is lost.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd = nil
}
