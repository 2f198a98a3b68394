package sioredis_test

import (
	"context"
	"os"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/core/socketio"
)

func Example() {
	// README: cluster
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	sio := socketio.NewServer(&socketio.Options{
		Cluster: sioredis.NewPubSub(rdb, nil), // or NewSharded, NewStreams
		Forwarding: &socketio.Forwarding{ // where the other nodes reach this one; for load balancers without sticky sessions
			URL:    "http://" + os.Getenv("POD_IP") + ":8080/socket.io/",
			Secret: os.Getenv("CLUSTER_SECRET"), // the same on all nodes, at least 16 bytes
		},
	})
	// README: end
	defer sio.Close()
}

func ExampleNewEmitter() {
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	ctx := context.Background()
	// README: emitter
	emitter := sioredis.NewEmitter(rdb, nil)
	err := emitter.Of("/chat").To("lobby").Emit(ctx, "news", "hello")
	// README: end
	_ = err
}
