package parser_test

import (
	"runtime"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and empties pools at random")
	}
	var p parser.Parser = new(parser.JSON)
	var args = []any{"message", small{"lobby", "hello", 1}}
	var scalars = []any{"message", "hello", 5000, 1.5, true, nil}
	var binary = []any{"message", upload{"name", blob}}
	d := p.NewDecoder()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	plain := &mustDecode(t, `2["move",1,2.5,true]`).Args
	attached := &mustDecode(t, string(binaryText), blob).Args
	var x int
	var y float64
	var ok bool
	var b []byte
	var u upload
	one := parser.Args{Values: [][]byte{[]byte(`{"_placeholder":true,"num":0}`)}, Attachments: [][]byte{blob}}
	for _, c := range []struct {
		name string
		max  float64
		f    func()
	}{
		{"encode scalars", 1, func() { _, err := encodeBy(p, event, scalars...); must(err) }},
		{"encode a struct", 1, func() { _, err := encodeBy(p, event, args...); must(err) }},
		{"encode a struct, boxing included", 3, func() { _, err := encodeBy(p, event, "message", small{"lobby", "hello", x}); must(err) }},
		{"encode a struct with bytes", 2, func() { _, err := encodeBy(p, event, binary...); must(err) }},
		{"decode an event", 1, func() { _, err := d.Decode(smallText, false); must(err) }},
		{"decode a binary event", 2, func() {
			_, err := d.Decode(binaryText, false)
			must(err)
			_, err = d.Decode(blob, true)
			must(err)
		}},
		{"scan scalars", 0, func() { must(plain.Scan(&x, &y, &ok)) }},
		{"scan an attachment", 0, func() { must(one.Scan(&b)) }},
		{"scan a struct with an attachment", 1, func() { must(attached.Scan(&u)) }},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.max {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.max)
		}
	}
}

// An encoder that grew for a large packet is not kept for the small ones.
func TestLargeEncoderIsNotKept(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	large := string(make([]byte, 1<<20))
	got := allocated(10, func() { encode(t, "ev", large) })
	if got < 3<<20 {
		t.Errorf("%d bytes allocated per packet: its buffer was reused", got)
	}
}

// allocated returns how many bytes a run of f allocates, on average.
func allocated(runs int, f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(runs)
}
