package rooms_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/gosocketio/sio/core/internal/rooms"
)

type member struct{ id string }

func (m *member) ID() string { return m.id }

func fill(t testing.TB, n int) (*rooms.Index[*member], []*member) {
	t.Helper()
	x := rooms.New[*member]()
	ms := make([]*member, n)
	for i := range ms {
		ms[i] = &member{fmt.Sprint("m", i)}
		if !x.Insert(ms[i]) || !x.Activate(ms[i].id) {
			t.Fatal("insert failed")
		}
	}
	return x, ms
}

func ids(ms []*member) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.id
	}
	slices.Sort(out)
	return out
}

// AD1, AD2, AD3, MM2, MM3, MM4
func TestSelect(t *testing.T) {
	x, _ := fill(t, 4)
	x.Join("m0", "r1")
	x.Join("m1", "r1", "r2")
	x.Join("m2", "r2", "m3")
	for _, c := range []struct {
		rooms, except, want []string
	}{
		{nil, nil, []string{"m0", "m1", "m2", "m3"}},
		{nil, []string{"r1"}, []string{"m2", "m3"}},
		{[]string{"r1"}, nil, []string{"m0", "m1"}},
		{[]string{"r1"}, []string{"r2"}, []string{"m0"}},
		{[]string{"r1", "r2"}, nil, []string{"m0", "m1", "m2"}},
		{[]string{"r1", "r2"}, []string{"m1"}, []string{"m0", "m2"}},
		{[]string{"m3"}, nil, []string{"m2", "m3"}},
		{[]string{"m1", "r1", "m1"}, nil, []string{"m0", "m1"}},
		{[]string{"unknown"}, nil, []string{}},
	} {
		if got := ids(x.Select(nil, c.rooms, c.except)); !slices.Equal(got, c.want) {
			t.Errorf("Select(%v, %v) = %v, want %v", c.rooms, c.except, got, c.want)
		}
	}
	if x.Rooms("unknown") != nil {
		t.Error("rooms of an unknown member")
	}
}

// The limit counts rooms, not calls nor names given twice, and not a member's own.
func TestJoinWithin(t *testing.T) {
	x, _ := fill(t, 1)
	join := func(limit int, rooms ...string) bool {
		member, fits := x.JoinWithin(limit, "m0", rooms...)
		if !member {
			t.Error("the member is not found")
		}
		return fits
	}
	if !join(3, "a", "b", "a", "m0") || !join(3, "a", "b", "c", "m0", "c") || !join(3, "a", "b", "c") || !join(3) {
		t.Error("too few at the limit")
	}
	if join(3, "a", "d") || join(2, "d") || join(0, "d") {
		t.Error("too many beyond the limit")
	}
	if got := x.Rooms("m0"); !slices.Equal(got, []string{"m0", "a", "b", "c"}) {
		t.Errorf("rooms %q", got)
	}
	if !join(-1, "d", "e") || !join(0, "a", "m0") {
		t.Error("what is no limit")
	}
	x.Leave("m0", "a", "b", "c")
	if !join(3, "f") || join(3, "g") {
		t.Error("after leaving")
	}
	if member, fits := x.JoinWithin(0, "unknown", "a"); member || !fits {
		t.Error("an unknown member")
	}
}

func TestHiddenUntilActivated(t *testing.T) {
	x := rooms.New[*member]()
	m := &member{"a"}
	x.Insert(m)
	x.Join("a", "r")
	if got := x.Select(nil, []string{"r"}, nil); len(got) != 0 || x.Len() != 0 || x.Size() != 0 {
		t.Errorf("a hidden member is visible: %v", got)
	}
	if got := x.Rooms("a"); !slices.Equal(got, []string{"a", "r"}) {
		t.Errorf("rooms = %v", got)
	}
	x.Activate("a")
	if got := x.Select(nil, []string{"r"}, nil); len(got) != 1 {
		t.Errorf("an active member is not in its room: %v", got)
	}
	if got := x.Delete("a"); !slices.Equal(got, []string{"a", "r"}) {
		t.Errorf("Delete = %v", got)
	}
	if x.Size() != 0 || x.Join("a", "r") {
		t.Error("something is left after Delete")
	}
}

func TestOwnRoomCanBeLeft(t *testing.T) {
	x, _ := fill(t, 2)
	x.Leave("m0", "m0", "never joined")
	if got := x.Select(nil, []string{"m0"}, nil); len(got) != 0 {
		t.Errorf("m0 is still in its own room: %v", got)
	}
	if got := ids(x.Select(nil, nil, []string{"m0"})); !slices.Equal(got, []string{"m0", "m1"}) {
		t.Errorf("except of a left room excludes: %v", got)
	}
	x.Join("m0", "m0")
	if got := x.Select(nil, []string{"m0"}, nil); len(got) != 1 {
		t.Error("m0 did not come back")
	}
}

// TestAgainstModel drives the index with random steps and compares it with maps.
func TestAgainstModel(t *testing.T) {
	x, _ := fill(t, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[string]map[string]bool{}
	for range 20000 {
		id, room := fmt.Sprint("m", rng.IntN(40)), fmt.Sprint("r", rng.IntN(30))
		switch rng.IntN(6) {
		case 0:
			if x.Insert(&member{id}) {
				x.Activate(id)
				model[id] = map[string]bool{id: true}
			}
		case 1:
			if rng.IntN(4) == 0 {
				x.Delete(id)
				delete(model, id)
			}
		case 2:
			x.Leave(id, room)
			delete(model[id], room)
		default:
			if x.Join(id, room) {
				model[id][room] = true
			}
		}
		to, except := []string{fmt.Sprint("r", rng.IntN(30)), fmt.Sprint("m", rng.IntN(40))}, []string{fmt.Sprint("r", rng.IntN(30))}
		want := []string{}
		for id, in := range model {
			if (in[to[0]] || in[to[1]]) && !in[except[0]] {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		if got := ids(x.Select(nil, to, except)); !slices.Equal(got, want) {
			t.Fatalf("Select = %v, want %v", got, want)
		}
	}
}

// AD4: a room opens with its first member and closes with its last.
func TestWatch(t *testing.T) {
	x := rooms.New[*member]()
	var log []string
	x.Watch(
		func(room string, own bool) { log = append(log, fmt.Sprint("+", room, own)) },
		func(room string, own bool) { log = append(log, fmt.Sprint("-", room, own)) })
	want := func(events ...string) {
		t.Helper()
		if !slices.Equal(log, events) {
			t.Errorf("log %q, want %q", log, events)
		}
		log = nil
	}
	for _, id := range []string{"a", "b", "c", "d"} { // enough for more than one shard
		x.Insert(&member{id})
		x.Join(id, "r")
	}
	want() // they are hidden
	x.Activate("a")
	want("+rfalse", "+atrue")
	x.Activate("b")
	x.Activate("c")
	x.Activate("d")
	want("+btrue", "+ctrue", "+dtrue")
	x.Join("a", "r", "b")
	x.Leave("a", "a", "a")
	want("-atrue")
	x.Delete("b")
	x.Leave("a", "b")
	want("-bfalse") // the name was used by its owner and by another
	x.Join("a", "a")
	x.Delete("a")
	x.Delete("a")
	want("+atrue", "-atrue")
	x.Leave("c", "r")
	x.Delete("d")
	want("-rfalse", "-dtrue")
}

func TestConcurrent(t *testing.T) {
	x, ms := fill(t, 64)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 500 {
				m := ms[(i*7+j)%len(ms)]
				x.Join(m.id, "a", "b")
				x.Select(nil, []string{"a", "b"}, []string{m.id})
				x.Rooms(m.id)
				x.Leave(m.id, "a")
				if j%50 == 0 {
					x.Delete(m.id)
					x.Insert(m)
					x.Activate(m.id)
				}
			}
		})
	}
	wg.Wait()
	for _, m := range ms {
		x.Delete(m.id)
	}
	if x.Len() != 0 || x.Size() != 0 {
		t.Errorf("%d members and %d rooms are left", x.Len(), x.Size())
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	x, ms := fill(b, 10000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := ms[i%len(ms)]
		x.Join(m.id, "room")
		x.Leave(m.id, "room")
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, ms := fill(b, n)
			for _, m := range ms {
				x.Join(m.id, "room")
			}
			buf := make([]*member, 0, n)
			b.ReportAllocs()
			for b.Loop() {
				buf = x.Select(buf[:0], []string{"room"}, nil)
			}
		})
	}
}
