package mixedcluster_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
)

// onNATS reports whether an adapter is for NATS: core NATS, or JetStream too. There
// are no official servers for these: they are here for comparison.
func onNATS(adapter string) bool { return adapter == "nats" || adapter == "jetstream" }

func natsBackend(adapter, url string) cluster.Backend {
	nc, err := nats.Connect(url)
	if err != nil {
		panic(err)
	}
	if adapter == "jetstream" {
		return sionats.New(nc, &sionats.Options{Recovery: &sionats.Recovery{}})
	}
	return sionats.New(nc, nil)
}

// startNATS starts a server in this process. It ends with the test.
func startNATS(t testing.TB) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s.ClientURL()
}
