package sioredis_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
)

// client returns a client of a server.
func client(t testing.TB, s *redistest.Server) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

// flush empties a server, so that tests can share it.
func flush(t testing.TB, rdb *redis.Client) *redis.Client {
	t.Helper()
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return rdb
}

func TestStreams(t *testing.T) {
	server := redistest.Start(t)
	for name, opts := range map[string]*sioredis.StreamsOptions{
		"default": nil,
		"sharded": {ShardedPubSub: true, StreamCount: 3, StreamName: "s", ChannelPrefix: "p", ReadCount: 2},
	} {
		t.Run(name, func(t *testing.T) {
			clustertest.Run(t, func(t *testing.T) cluster.Backend {
				return sioredis.NewStreams(flush(t, client(t, server)), opts)
			})
		})
	}
}
