package ws_test

import (
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/internal/ws"
)

// A message is read into memory that was given back, if it fits, and only once.
func TestReuse(t *testing.T) {
	c, p := pair(t, nil)
	read := func(text string) []byte {
		t.Helper()
		p.send(textFrame(text))
		data, _, err := c.Read()
		if err != nil || string(data) != text {
			t.Fatalf("Read = %.40q, %v; want %.40q", data, err, text)
		}
		return data
	}
	same := func(a, b []byte) bool { return &a[:1][0] == &b[:1][0] }

	first := read("the first message")
	c.Reuse(first)
	second := read("the 2nd")
	if !same(first, second) {
		t.Error("the memory was not used again")
	}
	if third := read("the 3rd"); same(second, third) || string(second) != "the 2nd" {
		t.Error("the memory was used while somebody had it")
	}
	c.Reuse(second)
	if longer := read("longer than the first message"); same(second, longer) {
		t.Error("a message in memory that is too small")
	}
	if fits := read("shorter"); !same(second, fits) {
		t.Error("the memory was forgotten")
	}
	c.Reuse(second)
	if empty := read(""); empty == nil {
		t.Error("an empty message is nil")
	}
	large := read(strings.Repeat("x", ws.MostReused+1))
	c.Reuse(large)
	if next := read("next"); same(large, next) {
		t.Error("so much memory is kept for a connection")
	}
	finish(t, c, p)
}
