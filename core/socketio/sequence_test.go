package socketio_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

func TestSequence(t *testing.T) {
	var q socketio.Sequence
	var did []string
	note := func(what string) func() { return func() { did = append(did, what) } }
	expect := func(when string, want ...string) {
		t.Helper()
		if !slices.Equal(did, want) {
			t.Errorf("%s: did %q, want %q", when, did, want)
		}
		did = nil
	}
	q.Do(note("a"))
	expect("when idle", "a")
	first, second := q.Reserve(), q.Reserve()
	q.Do(note("d"))
	second(note("c"))
	expect("while the first is missing")
	first(func() {
		q.Do(note("e"))
		did = append(did, "b")
	})
	expect("with the first", "b", "c", "d", "e")
	q.Do(note("f"))
	expect("when idle again", "f")
}

// However long the bus hangs, what waits for it is bounded.
func TestSequenceIsBounded(t *testing.T) {
	var q socketio.Sequence
	fill := q.Reserve()
	ran := 0
	for range 2 * socketio.MaxSteps {
		q.Do(func() { ran++ })
	}
	if want := socketio.MaxSteps + 1; ran != want {
		t.Errorf("%d ran at once, want %d", ran, want)
	}
	fill(func() {})
	if ran != 2*socketio.MaxSteps {
		t.Errorf("%d ran in all, want %d", ran, 2*socketio.MaxSteps)
	}
}

func TestSequenceWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q socketio.Sequence
		q.Wait(t.Context())
		fill := q.Reserve()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		q.Wait(ctx)
		if d := time.Since(start); d != time.Second {
			t.Errorf("gave up after %v, want 1s", d)
		}
		time.AfterFunc(time.Second, func() { fill(func() {}) })
		q.Wait(t.Context())
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("returned after %v, want 2s", d)
		}
	})
}
