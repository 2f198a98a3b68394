package main

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	sionats "github.com/gosocketio/sio/adapters/nats"
	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/core/cluster"
)

// connectBus returns what connects the nodes: NATS or Redis, as the URL says.
func connectBus(url string) (bus cluster.Backend, closeBus func(), err error) {
	if strings.HasPrefix(url, "redis") {
		opts, err := redis.ParseURL(url)
		if err != nil {
			return nil, nil, err
		}
		rdb := redis.NewClient(opts)
		return sioredis.NewStreams(rdb, nil), func() { rdb.Close() }, nil
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, nil, err
	}
	return sionats.New(nc, &sionats.Options{Recovery: &sionats.Recovery{}}), nc.Close, nil
}

// startNATS runs a NATS server with JetStream in this process. Whoever has one uses
// that, of course.
func startNATS() (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "sio-cluster-")
	if err != nil {
		return "", nil, err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	stop = func() {
		s.Shutdown()
		s.WaitForShutdown()
		os.RemoveAll(dir)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		stop()
		return "", nil, errors.New("the NATS server does not start")
	}
	return s.ClientURL(), stop, nil
}

// newSecret returns what only the nodes know.
func newSecret() string { return rand.Text() }
