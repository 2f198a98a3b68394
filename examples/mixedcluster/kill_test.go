package mixedcluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// heartbeat is the interval at which nodes of formats with heartbeats tell that they
// are alive. None of those of Redis has any: Redis itself counts who listens.
const heartbeat = 5 * time.Second

// TestKill kills a node with kill -9 while a client on another sends numbered
// messages through the cluster.
func TestKill(t *testing.T) {
	for _, adapter := range adapters {
		for _, victim := range []string{"js2", "go2"} {
			t.Run(adapter+"/"+victim, func(t *testing.T) {
				f := newFleet(t, adapter, "js", "go", victim)
				f.testKill(t, victim)
			})
		}
	}
}

// writer sends numbered messages to a node, which broadcasts each and acknowledges
// it then.
type writer struct {
	acked []int
	stop  chan struct{}
	wg    sync.WaitGroup
}

func (f *fleet) startWriter(client string) *writer {
	w := &writer{stop: make(chan struct{})}
	w.wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			case <-time.After(time.Millisecond):
			}
			if _, err := f.clients.try("ask", fields{"client": client, "name": "say", "args": []any{n}}); err == nil {
				w.acked = append(w.acked, n)
			}
		}
	})
	return w
}

func (w *writer) end() []int {
	close(w.stop)
	w.wg.Wait()
	return w.acked
}

func (f *fleet) testKill(t *testing.T, victim string) {
	for _, m := range []string{"js", "go", victim} {
		f.open(t, "on "+m, m, "", "all")
	}
	f.open(t, "writer", "go", "", "writers")
	w := f.startWriter("writer")
	f.waitNumber(t, "on "+victim, 20)

	asked := f.askDuring(t)
	killed := time.Now()
	f.members[victim].kill()
	delete(f.members, victim)
	f.clients.first(t, "the loss of a node", func(e event) bool { return e.What == "disconnect" && e.Client == "on "+victim })
	other := map[string]string{"js2": "go", "go2": "js"}[victim]
	f.clients.do(t, "move", fields{"client": "on " + victim, "url": f.members[other].url})
	f.settle(t)
	if forgotten := time.Since(killed); forgotten > 2*heartbeat {
		t.Errorf("the others waited for the killed node for %v", forgotten)
	} else {
		t.Logf("forgotten after %v", forgotten)
	}
	asked()
	back := f.nthConnect(t, "on "+victim, 2)
	f.waitNumber(t, "on "+victim, f.last("on js")+20)
	acked := w.end()
	f.waitNumber(t, "on "+victim, acked[len(acked)-1])
	for _, client := range []string{"on js", "on go"} {
		f.waitNumber(t, client, acked[len(acked)-1])
		if lost := missing(f.numbers(client), acked); len(lost) > 0 {
			t.Errorf("%s was not killed, and its client lost %v", client, lost)
		}
	}
	lost := missing(f.numbers("on "+victim), acked)
	t.Logf("of %d acknowledged messages, the client of the killed node missed %d: %v; recovered: %v", len(acked), len(lost), lost, back.Recovered)
	if back.Recovered && len(lost) > 0 {
		t.Errorf("the client was told that it was recovered")
	}
	if len(lost) > 0 && lost[len(lost)-1]-lost[0] != len(lost)-1 {
		t.Errorf("it missed more than what was sent while it was away")
	}
}

// askDuring has the nodes ask each other and their clients until the function that
// is returned is called, which checks that no request took longer than its time.
func (f *fleet) askDuring(t *testing.T) (end func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	const slack = 3 * time.Second // of a busy machine
	for _, m := range []*member{f.members["js"], f.members["go"]} {
		for _, q := range []struct {
			op    string
			f     fields
			limit time.Duration
		}{
			{"ask", fields{"args": []any{1}}, 5 * time.Second}, // that of official servers cannot be set
			{"call", fields{"name": "who", "rooms": []string{"all"}, "timeout": 1000}, time.Second},
			{"fetch", nil, 5 * time.Second},
		} {
			wg.Go(func() {
				for {
					began := time.Now()
					_, err := m.try(q.op, q.f)
					if took := time.Since(began); took > q.limit+slack {
						t.Errorf("%s of %s took %v (%v)", q.op, m.name, took, err)
					}
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
		}
	}
	return func() { close(stop); wg.Wait() }
}

// numbers returns the numbers that a client got.
func (f *fleet) numbers(client string) []int {
	var list []int
	for _, e := range f.clients.told(func(e event) bool { return e.What == "event" && e.Client == client }) {
		var name string
		var n int
		if json.Unmarshal(e.Args[0], &name) == nil && name == "said" && json.Unmarshal(e.Args[1], &n) == nil {
			list = append(list, n)
		}
	}
	return list
}

func (f *fleet) last(client string) int {
	if list := f.numbers(client); len(list) > 0 {
		return list[len(list)-1]
	}
	return -1
}

func (f *fleet) waitNumber(t *testing.T, client string, n int) {
	t.Helper()
	f.clients.wait(t, fmt.Sprint("message ", n, " to ", client), func([]event) bool { return f.last(client) >= n })
}

// nthConnect waits until a client has connected for the nth time.
func (f *fleet) nthConnect(t *testing.T, client string, n int) (found event) {
	t.Helper()
	f.clients.wait(t, client+" connects again", func(events []event) bool {
		seen := 0
		for _, e := range events {
			if e.What == "connect" && e.Client == client {
				if seen++; seen == n {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found
}

// missing returns which of some numbers are not in a list. It must be in order.
func missing(list, of []int) []int {
	if !slices.IsSorted(list) {
		panic(errors.New("messages are out of order"))
	}
	var lost []int
	for _, n := range of {
		if _, ok := slices.BinarySearch(list, n); !ok {
			lost = append(lost, n)
		}
	}
	return lost
}
