package sionats

import (
	_ "github.com/gosocketio/sio/core/cluster"
	_ "github.com/nats-io/nats.go"
)
