package sioredis_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sioredis "github.com/gosocketio/sio/adapters/redis"
)

// TestDialInTime: a dial that takes too long is given up, and its connection closed
// should there be one after all; only some go on at a time.
func TestDialInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		answer := make(chan net.Conn)
		var dials atomic.Int64
		dial := sioredis.InTime(func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			return <-answer, nil
		}, time.Second)
		began := time.Now()
		for range 20 {
			if _, err := dial(t.Context(), "tcp", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
		}
		if took := time.Since(began); took != 20*time.Second || dials.Load() != 8 {
			t.Errorf("%d dials in %v, want 8 in 20s", dials.Load(), took)
		}
		answer <- here
		if _, err := there.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the late connection: got %v, want EOF", err)
		}
		for range 7 {
			a, b := net.Pipe()
			defer b.Close()
			answer <- a
		}
		synctest.Wait()
		a, b := net.Pipe()
		defer b.Close()
		go func() { answer <- a }()
		if conn, err := dial(t.Context(), "tcp", ""); conn != a || err != nil {
			t.Errorf("got %v, %v, want the connection", conn, err)
		}
		a.Close()
	})
}
