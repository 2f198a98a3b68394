package sionats_test

import (
	"testing"

	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) { siotest.Main(m) }
