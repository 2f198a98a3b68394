package ws

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestRight(t *testing.T) {
	var r right
	var group sync.WaitGroup
	held, rounds := 0, 0 // for the race detector, too
	for range 8 {
		group.Go(func() {
			for i := range 1000 {
				if i%3 > 0 || !r.try() {
					r.take()
				}
				held++
				if held != 1 {
					t.Error("two have the right")
				}
				held--
				rounds++
				r.give()
			}
		})
	}
	group.Wait()
	if rounds != 8000 {
		t.Errorf("%d rounds", rounds)
	}
	if !r.try() || r.try() {
		t.Error("try")
	}
}

// Who waits is seen by a test with a fake clock, and has the right when it is given up.
func TestRightIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r right
		r.take()
		got := false
		go func() {
			r.take()
			got = true
		}()
		synctest.Wait()
		if got {
			t.Error("two have the right")
		}
		r.give()
		if r.try() {
			t.Error("somebody came before the one who waits")
		}
		synctest.Wait()
		if !got || r.try() {
			t.Error("not handed over")
		}
		r.give()
	})
}
