package cluster_test

import (
	"testing"

	"github.com/gosocketio/sio/core/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }
