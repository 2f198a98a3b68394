package cluster_test

import (
	"testing"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/cluster/clustertest"
)

func newMemory(*testing.T) cluster.Backend { return cluster.NewMemory(nil) }

func newRecoveringMemory(*testing.T) cluster.Backend {
	return cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
}

func TestMemory(t *testing.T) { clustertest.RunInBubble(t, newMemory) }

func TestMemoryRecovery(t *testing.T) { clustertest.RunInBubble(t, newRecoveringMemory) }

// In real time the goroutines interleave in other ways.
func TestMemoryRealTime(t *testing.T) { clustertest.Run(t, newRecoveringMemory) }

// Nodes that find each other by heartbeats.
func TestMemoryHeartbeats(t *testing.T) {
	clustertest.RunInBubble(t, func(t *testing.T) cluster.Backend {
		return clustertest.NewHeartbeatFaults(newRecoveringMemory(t))
	})
}

// Nodes that know only how many others there are, and messages without all that is
// optional: the least that a backend can do.
func TestMemoryAnonymous(t *testing.T) {
	clustertest.RunInBubble(t, func(t *testing.T) cluster.Backend { return anonymous{newMemory(t)} })
}
