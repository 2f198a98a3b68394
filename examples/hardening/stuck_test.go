//go:build linux

package hardening_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// worse is how much longer than without one the slowest percent may wait for a broadcast
// beside a client that does not read. Both are measured in turns, but others may use the
// processors as well.
const worse = 2

// TestStuckReader (need 4): a client that does not read, among 1,000, does not change when
// the others get what is broadcast: not even the slowest percent of them.
func TestStuckReader(t *testing.T) {
	const others, rounds = 999, 30
	plain, stuck := start(t, config{}), start(t, config{})
	without, with := plain.crowd(t, others, "", websocket), stuck.crowd(t, others, "", websocket)
	stuck.narrow(t, "shut")
	var text string
	for attempt := range 3 {
		var alone, beside []time.Duration
		for i := range rounds {
			round := attempt*rounds + i
			alone = append(alone, deliveries(t, without, round)...)
			beside = append(beside, deliveries(t, with, round)...)
		}
		slices.Sort(alone)
		slices.Sort(beside)
		_, text = ratio(alone, beside)
		t.Log(text)
		if quantile(beside, 0.99) < worse*quantile(alone, 0.99) {
			if j := call[Journal](t, stuck, "Journal", "shut"); len(j.Reasons) > 0 {
				t.Errorf("the client that does not read was disconnected: %s", j.Reasons)
			}
			return
		}
	}
	t.Errorf("the slowest percent waits more than %d times as long: %s", worse, text)
}

// deliveries returns how long each client waits for a broadcast that one of them asks for.
func deliveries(t *testing.T, clients []*peer, round int) []time.Duration {
	t.Helper()
	type delivery struct {
		after time.Duration
		err   error
	}
	results := make(chan delivery, len(clients))
	began := time.Now()
	for _, c := range clients {
		go func() {
			err := c.await(fmt.Sprintf(`42["said",%d]`, round))
			results <- delivery{time.Since(began), err}
		}()
	}
	if err := clients[round%len(clients)].send(fmt.Sprintf(`42["say",%d]`, round)); err != nil {
		t.Fatal(err)
	}
	times := make([]time.Duration, 0, len(clients))
	for range clients {
		d := <-results
		if d.err != nil {
			t.Fatal(d.err)
		}
		times = append(times, d.after)
	}
	return times
}
