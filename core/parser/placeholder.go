package parser

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A placeholder stands for an attachment: {"_placeholder":true,"num":0}. Every
// client writes exactly these two members; whatever else claims to be a
// placeholder is refused by the decoder.

const placeholderKey = `"_placeholder"`

// appendPlaceholder appends the placeholder of the attachment at position num.
func appendPlaceholder(b []byte, num int) []byte {
	b = append(b, `{"_placeholder":true,"num":`...)
	b = strconv.AppendInt(b, int64(num), 10)
	return append(b, '}')
}

// placeholder reports whether b begins with a placeholder, and if so its length
// and the number in it. It looks at no nested value, so that calling it for
// every object of a text takes linear time.
func placeholder(b []byte) (length, num int, is bool) {
	s := scanner{data: b, pos: 1}
	marked, numbered := false, false
	for !marked || !numbered {
		switch s.space(); {
		case !marked && s.member(placeholderKey) && s.literal("true"):
			marked = true
		case !numbered && s.member(`"num"`):
			n := digits(b[s.pos:])
			num = index(b[s.pos : s.pos+n])
			s.pos += n
			numbered = true
			if num < 0 {
				return 0, 0, false
			}
		default:
			return 0, 0, false
		}
		if c := s.space(); c != ',' && c != '}' || (c == '}') != (marked && numbered) {
			return 0, 0, false
		}
		s.pos++
	}
	return s.pos, num, true
}

// member moves over the given key (with its quotes) and the colon, if they follow.
func (s *scanner) member(key string) bool {
	start := s.pos
	if s.literal(key) && s.space() == ':' {
		s.pos++
		s.space()
		return true
	}
	s.pos = start
	return false
}

// index returns the value of the digits, or -1 if they are no position of an
// attachment.
func index(digits []byte) int {
	if len(digits) == 0 || len(digits) > 9 || len(digits) > 1 && digits[0] == '0' {
		return -1
	}
	n := 0
	for _, c := range digits {
		n = 10*n + int(c-'0')
	}
	return n
}

// isPlaceholderKey reports whether key, with its quotes, spells _placeholder.
func isPlaceholderKey(key []byte) bool {
	if string(key) == placeholderKey {
		return true
	}
	if len(key) <= len(placeholderKey) || len(key) > 6*len(placeholderKey) || bytes.IndexByte(key, '\\') < 0 {
		return false
	}
	var name string
	return json.Unmarshal(key, &name) == nil && name == placeholderKey[1:len(placeholderKey)-1]
}

// references collects the attachments that placeholders refer to.
type references struct {
	count int              // how many attachments the packet has
	few   uint64           // which of the first 64 were referred to
	many  map[int]struct{} // which of the others
	bad   bool             // there was an illegal placeholder
}

// add notes a reference and reports whether it is the first one to an existing
// attachment.
func (r *references) add(num int) bool {
	if num >= r.count {
		r.bad = true
		return false
	}
	if num < 64 {
		r.bad = r.few&(1<<num) != 0
		r.few |= 1 << num
		return !r.bad
	}
	if r.many == nil {
		r.many = make(map[int]struct{})
	}
	_, r.bad = r.many[num]
	r.many[num] = struct{}{}
	return !r.bad
}
