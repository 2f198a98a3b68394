package sioredis_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
)

// clusterClient returns a client of a Redis Cluster.
func clusterClient(t testing.TB, servers []*redistest.Server) *redis.ClusterClient {
	t.Helper()
	opts := &redis.ClusterOptions{}
	for _, s := range servers {
		opts.Addrs = append(opts.Addrs, s.Addr)
	}
	rdb := redis.NewClusterClient(opts)
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

// TestRedisCluster runs the suite on a Redis Cluster of two masters.
func TestRedisCluster(t *testing.T) {
	servers := redistest.StartCluster(t, 2)
	n := 0
	for name, backend := range map[string]func(redis.UniversalClient) cluster.Backend{
		"classic": func(rdb redis.UniversalClient) cluster.Backend {
			return sioredis.NewPubSub(rdb, &sioredis.PubSubOptions{Key: fmt.Sprint("classic", n)})
		},
		"sharded": func(rdb redis.UniversalClient) cluster.Backend {
			return sioredis.NewSharded(rdb, &sioredis.ShardedOptions{ChannelPrefix: fmt.Sprintf("{sharded%d}", n)})
		},
		"streams": func(rdb redis.UniversalClient) cluster.Backend {
			s := fmt.Sprint("streams", n)
			return sioredis.NewStreams(rdb, &sioredis.StreamsOptions{StreamName: s, ChannelPrefix: s, SessionKeyPrefix: s, ShardedPubSub: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			clustertest.Run(t, func(t *testing.T) cluster.Backend {
				n++ // each test has names of its own
				return backend(clusterClient(t, servers))
			})
		})
	}
}

// TestShardedSlots: without a hash tag, rooms have connections of their own, which
// end with them.
func TestShardedSlots(t *testing.T) {
	servers := redistest.StartCluster(t, 2)
	backend := sioredis.NewSharded(clusterClient(t, servers), nil)
	box := newInbox()
	a, b := open(t, backend, "/", "a", quietly), open(t, backend, "/", "b", box.receive)
	rooms := b.(cluster.RoomListener)
	count := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d connections", want), func() bool {
			n := 0
			for _, s := range servers {
				n += subscriberCount(t, client(t, s))
			}
			return n == want
		})
	}
	count(4) // each node: its own channel and that of all
	for i := range 8 {
		rooms.RoomOpened(fmt.Sprint("room", i), false)
	}
	count(12)
	for i := range 8 {
		m := event("a", fmt.Sprintf(`["to room %d"]`, i))
		m.Selector.Rooms = []string{fmt.Sprint("room", i)}
		eventually(t, "the event", func() bool { // the connection may not have subscribed yet
			try(t, a, m)
			got := box.list()
			return len(got) > 0 && string(got[len(got)-1].Payload.JSON) == string(m.Payload.JSON)
		})
	}
	for i := range 8 {
		rooms.RoomClosed(fmt.Sprint("room", i), false)
	}
	count(4)
}

// TestShardMoves: when another server gets the slot of a channel, the node listens
// there.
func TestShardMoves(t *testing.T) {
	servers := redistest.StartCluster(t, 2)
	rdb := clusterClient(t, servers)
	backend := sioredis.NewSharded(rdb, &sioredis.ShardedOptions{ChannelPrefix: "{x}", OnError: quiet})
	box := newInbox()
	a, b := open(t, backend, "/", "a", quietly), open(t, backend, "/", "b", box.receive)
	waitPeers(t, b, 1)

	slot := rdb.ClusterKeySlot(t.Context(), "{x}").Val()
	from, to := servers[0], servers[1]
	if slot >= 8192 {
		from, to = to, from
	}
	id := client(t, to).Do(t.Context(), "CLUSTER", "MYID").Val()
	for _, s := range []*redistest.Server{to, from} { // the new owner first
		if err := client(t, s).Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", id).Err(); err != nil {
			t.Fatal(err)
		}
	}
	waitPeers(t, b, 1)
	try(t, a, event("a", `["after the move"]`))
	box.waitEvent(t, `["after the move"]`)
	if n, err := client(t, to).PubSubShardNumSub(t.Context(), "{x}#/#").Result(); err != nil || n["{x}#/#"] != 2 {
		t.Errorf("the new server has subscribers %v, %v, want 2", n, err)
	}
}
