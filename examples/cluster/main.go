package main

import (
	_ "github.com/gosocketio/sio/adapters/nats"
	_ "github.com/gosocketio/sio/adapters/redis"
	_ "github.com/nats-io/nats-server/v2/server"
	_ "github.com/nats-io/nats.go"
	_ "github.com/redis/go-redis/v9"
)

func main() {}
