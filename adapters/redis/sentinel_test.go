package sioredis_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/adapters/redis/redistest"
)

// failoverClients are the ways to reach a master by Sentinel.
var failoverClients = map[string]func(*redis.FailoverOptions) redis.UniversalClient{
	"client":         func(opts *redis.FailoverOptions) redis.UniversalClient { return redis.NewFailoverClient(opts) },
	"cluster client": slotsBySentinel,
}

// slotsBySentinel does what redis.NewFailoverClusterClient does, whose clients leave
// goroutines behind when they are closed.
func slotsBySentinel(opts *redis.FailoverOptions) redis.UniversalClient {
	return redis.NewClusterClient(&redis.ClusterOptions{ClusterSlots: func(ctx context.Context) ([]redis.ClusterSlot, error) {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: opts.SentinelAddrs[0]})
		defer sentinel.Close()
		addr, err := sentinel.GetMasterAddrByName(ctx, opts.MasterName).Result()
		if err != nil {
			return nil, err
		}
		return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: net.JoinHostPort(addr[0], addr[1])}}}}, nil
	}})
}

// TestSentinel: when the master dies, nodes and emitters go on with the one that takes
// its place, and are not confused when it is back.
func TestSentinel(t *testing.T) {
	for format := range formats {
		for kind, newClient := range failoverClients {
			t.Run(format+" "+kind, func(t *testing.T) {
				servers := redistest.StartFailover(t)
				exchange := testTogether(t, format, func() redis.UniversalClient { return newClient(servers.Options()) })
				exchange("before")
				began := time.Now()
				servers.Master.Kill()
				exchange("after")
				t.Logf("nodes and emitter were back after %v", time.Since(began))
				servers.Master.Restart()
				servers.WaitReplica(servers.Master)
				exchange("with a new replica")
			})
		}
	}
}

// TestSentinelSwitch: a master that gives up its place, but lives, loses all nodes to
// the new one.
func TestSentinelSwitch(t *testing.T) {
	for format := range formats {
		t.Run(format, func(t *testing.T) {
			servers := redistest.StartFailover(t)
			exchange := testTogether(t, format, func() redis.UniversalClient { return redis.NewFailoverClient(servers.Options()) })
			exchange("before")
			began := time.Now()
			servers.Switch()
			servers.WaitReplica(servers.Master)
			servers.Master.Kill() // who is still there loses touch
			exchange("after")
			t.Logf("took %v", time.Since(began))
		})
	}
}

// TestSentinelHangs: nodes do not miss a failover because the Sentinel that they ask
// does not answer.
func TestSentinelHangs(t *testing.T) {
	servers := redistest.StartFailover(t)
	exchange := testTogether(t, "streams", func() redis.UniversalClient {
		opts := servers.Options()
		opts.SentinelAddrs = opts.SentinelAddrs[:1] // which tells of the others
		opts.ReadTimeout, opts.MaxRetries = time.Second, -1
		return redis.NewFailoverClient(opts)
	})
	exchange("before")
	servers.Sentinels[0].Pause()
	defer servers.Sentinels[0].Resume()
	servers.Master.Kill()
	exchange("after")
}
