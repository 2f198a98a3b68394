package sioredis_test

import (
	"testing"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
)

func TestPubSub(t *testing.T) {
	server := redistest.Start(t)
	for name, opts := range map[string]*sioredis.PubSubOptions{
		"default":                   nil,
		"specific response channel": {Key: "k*[1]", SpecificResponseChannel: true},
	} {
		t.Run(name, func(t *testing.T) {
			clustertest.Run(t, func(t *testing.T) cluster.Backend {
				return sioredis.NewPubSub(flush(t, client(t, server)), opts)
			})
		})
	}
}

func TestSharded(t *testing.T) {
	server := redistest.Start(t)
	for _, mode := range []sioredis.SubscriptionMode{sioredis.Dynamic, sioredis.Static, sioredis.DynamicPrivate} {
		t.Run(string(mode), func(t *testing.T) {
			clustertest.Run(t, func(t *testing.T) cluster.Backend {
				return sioredis.NewSharded(flush(t, client(t, server)), &sioredis.ShardedOptions{SubscriptionMode: mode})
			})
		})
	}
}
