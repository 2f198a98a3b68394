package redistest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// StartCluster starts a Redis Cluster of masters that share the hash slots equally,
// and waits until it works. What is said of Start holds for each of them.
func StartCluster(t testing.TB, masters int) []*Server {
	t.Helper()
	servers := make([]*Server, masters)
	for i := range servers {
		bus := freePort(t)
		servers[i] = Start(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		servers[i].do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		servers[i].do("CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(servers[i].Addr)
			servers[0].do("CLUSTER", "MEET", host, port, bus)
		}
	}
	for _, s := range servers {
		s.waitCluster(masters)
	}
	return servers
}

// waitCluster waits until the server knows all others, and who has which slots.
func (s *Server) waitCluster(masters int) {
	s.t.Helper()
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		info, _ := s.do("CLUSTER", "INFO").(string)
		table, _ := s.do("CLUSTER", "SLOTS").([]any)
		if strings.Contains(info, "cluster_state:ok") && len(table) == masters {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the Redis Cluster does not come up:\n%s", info)
		}
	}
}

// do runs a command.
func (s *Server) do(args ...any) any {
	s.t.Helper()
	rdb := redis.NewClient(s.Options())
	defer rdb.Close()
	v, err := rdb.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}
