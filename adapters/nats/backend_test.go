package sionats_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// buses numbers what tests have for themselves on a server that they share.
var buses atomic.Int64

func TestCore(t *testing.T) {
	nc := startServer(t).connect()
	clustertest.Run(t, func(t *testing.T) cluster.Backend {
		return sionats.New(nc, &sionats.Options{Prefix: fmt.Sprint("core.", buses.Add(1))})
	})
}

func TestJetStream(t *testing.T) {
	nc := startServer(t).connect()
	clustertest.Run(t, func(t *testing.T) cluster.Backend { return recovering(t, nc) })
}

// recovering returns a backend with a stream of its own, which goes with the test.
func recovering(t testing.TB, nc *nats.Conn) cluster.Backend {
	prefix := fmt.Sprint("js.", buses.Add(1))
	return sionats.New(nc, &sionats.Options{Prefix: prefix, Recovery: &sionats.Recovery{}})
}
