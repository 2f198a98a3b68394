package client

import (
	"strconv"
	"strings"

	"github.com/gosocketio/sio/core/parser"
)

// offset is the place in the server's order of events up to which a socket has got
// them: what it asks recovery to go on from.
//
// Servers append it to the arguments of an event, as a string like any other, and not
// to all events: not to those that are volatile or want an acknowledgement. So it has
// to be told from the application's own strings.
type offset struct {
	last   string
	strays int // in a row
}

// maxStrays is after how many strings that do not seem to follow the last offset one
// is taken all the same: then it was the last offset that was none.
const maxStrays = 3

// noteOffsetLocked takes note of the offset of an event, if it has one.
func (s *Socket) noteOffsetLocked(p *parser.Packet) {
	n := p.Args.Len()
	if s.pid == "" || n == 0 || p.HasID {
		return
	}
	if len(p.Args.Values[n-1]) > maxOffset+16 {
		return // too long, in whatever format
	}
	var value string
	if p.Args.Decode(n-1, &value) == nil {
		s.offset.see(value)
	}
}

// maxOffset is the length of the longest offset, in bytes.
const maxOffset = 64

// see takes a string that may be an offset.
func (o *offset) see(value string) {
	switch {
	case !plausible(value):
	case o.last == "" || follows(o.last, value) || o.strays >= maxStrays:
		*o = offset{last: value}
	default:
		o.strays++
	}
}

// plausible reports whether the string is made as offsets are: numbers, time stamps
// and ids in some notation.
func plausible(s string) bool {
	if s == "" || len(s) > maxOffset {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.", c) >= 0 {
			continue
		}
		return false
	}
	return true
}

// maxSkipped is how far two offsets in a row are apart at most, if they are small
// numbers in base 36, as those of a server without a database.
const maxSkipped = 10_000_000

// follows reports whether next may be an offset that comes after last. In doubt it
// may: to miss an offset would have recovery repeat events.
func follows(last, next string) bool {
	if len(last) < 6 {
		from, err := strconv.ParseUint(last, 36, 64)
		to, err2 := strconv.ParseUint(next, 36, 64)
		return err != nil || err2 == nil && from <= to && to-from < maxSkipped && strings.ToLower(next) == next
	}
	if digits(last) {
		return digits(next) && (len(next) > len(last) || len(next) == len(last) && next >= last)
	}
	// Time stamps, or what begins with one: the first character changes rarely.
	grown, step := len(next)-len(last), int(next[0])-int(last[0])
	return -3 <= grown && grown <= 3 && (step == 0 || step == 1)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
