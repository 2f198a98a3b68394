package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// masterName is what the Sentinels call the master.
const masterName = "main"

// Failover is a master and a replica that three Sentinels watch: when two of them find
// the master gone, which takes about half a second, the replica takes its place.
type Failover struct {
	Master, Replica *Server // as they began
	Sentinels       []*Server
}

// StartFailover starts a master, a replica and three Sentinels, and waits until a
// failover could happen. What is said of Start holds for each of them.
func StartFailover(t testing.TB) *Failover {
	t.Helper()
	f := &Failover{Master: Start(t, "--repl-diskless-sync-delay", "0")}
	host, port, _ := net.SplitHostPort(f.Master.Addr)
	f.Replica = Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	f.Replica.waitFor([]any{"INFO", "replication"}, "master_link_status:up")
	for range 3 {
		f.Sentinels = append(f.Sentinels, startSentinel(t, f.Master))
	}
	for _, s := range f.Sentinels {
		s.waitFor([]any{"SENTINEL", "MASTER", masterName}, "flags:master ", "num-slaves:1 ", "num-other-sentinels:2 ")
		s.waitFor([]any{"SENTINEL", "REPLICAS", masterName}, "flags:slave ", "master-link-status:ok ")
	}
	return f
}

// Options returns what a client needs to reach whichever server is the master.
func (f *Failover) Options() *redis.FailoverOptions {
	opts := &redis.FailoverOptions{MasterName: masterName}
	for _, s := range f.Sentinels {
		opts.SentinelAddrs = append(opts.SentinelAddrs, s.Addr)
	}
	return opts
}

// WaitReplica waits until a server that was the master, and is back, follows the new
// one.
func (f *Failover) WaitReplica(s *Server) {
	s.t.Helper()
	s.waitFor([]any{"INFO", "replication"}, "role:slave", "master_link_status:up")
}

// Switch has the replica take the place of the master without need, and waits until
// all Sentinels say so.
func (f *Failover) Switch() {
	f.Master.t.Helper()
	f.Sentinels[0].do("SENTINEL", "FAILOVER", masterName)
	_, port, _ := net.SplitHostPort(f.Replica.Addr)
	for _, s := range f.Sentinels {
		s.waitFor([]any{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName}, port)
	}
}

// startSentinel starts a Sentinel that watches a master. It looks after it more often
// than usual, so that tests need not wait for it.
func startSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := newServer(t)
	_, port, _ := net.SplitHostPort(s.Addr)
	host, masterPort, _ := net.SplitHostPort(master.Addr)
	file := filepath.Join(s.dir, "sentinel.conf") // the Sentinel keeps its state in it
	config := fmt.Sprintf(`port %s
bind 127.0.0.1
dir %q
sentinel monitor %[3]s %s %s 2
sentinel down-after-milliseconds %[3]s 500
sentinel failover-timeout %[3]s 3000
`, port, s.dir, masterName, host, masterPort)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{file, "--sentinel"}
	s.Restart()
	s.do("SENTINEL", "DEBUG", "INFO-PERIOD", 500, "ASK-PERIOD", 200, "PUBLISH-PERIOD", 200, "PING-PERIOD", 200)
	return s
}

// waitFor waits until the answer to a command has all parts. Maps are written as
// name:value.
func (s *Server) waitFor(command []any, parts ...string) {
	s.t.Helper()
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		answer := fmt.Sprint(s.do(command...))
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(answer, p) }) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%v lacks one of %q:\n%s", command, parts, answer)
		}
	}
}
