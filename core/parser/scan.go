package parser

// A scanner checks one JSON text (RFC 8259) while it moves over it. Like
// encoding/json it lets invalid UTF-8 in strings pass. It needs no stack of the
// machine for nested values: a megabyte of "[" costs depth bytes.
type scanner struct {
	data  []byte
	pos   int
	depth int // how many arrays and objects may be open at once

	// Which ones are: level of them, the outermost 64 as bits of outer, 1 for an
	// object; the others with their closing bytes in inner.
	level int
	outer uint64
	inner []byte

	spaced bool // there was white space between values

	// refs.count is not 0 if the text may refer to attachments.
	refs references
}

// space moves to the next byte that is not white space and returns it, or 0 at
// the end of the text. (A zero byte is never right outside of a string.)
func (s *scanner) space() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
		s.spaced = true
	}
	return 0
}

// end reports whether nothing but white space is left.
func (s *scanner) end() bool {
	s.space()
	return s.pos == len(s.data)
}

// value moves behind the value that follows, and reports whether it is valid.
func (s *scanner) value() bool {
	base := s.level
	for {
		opened, ok := s.begin()
		if !ok {
			return false
		}
		if opened {
			continue
		}
		more := false
		for !more && s.level > base {
			if more, ok = s.next(); !ok {
				return false
			}
		}
		if !more {
			return true
		}
	}
}

// begin moves over a scalar, or over the beginning of an array or object up to
// its first element, in which case opened is true.
func (s *scanner) begin() (opened, ok bool) {
	switch c := s.space(); c {
	case '"':
		return false, s.str()
	case '{':
		if s.refs.count > 0 {
			if n, num, is := placeholder(s.data[s.pos:]); is {
				s.pos += n
				return false, s.refs.add(num)
			}
		}
		if !s.push('}') {
			return false, false
		}
		if s.space() == '}' {
			s.pop()
			return false, true
		}
		return true, s.key()
	case '[':
		if !s.push(']') {
			return false, false
		}
		if s.space() == ']' {
			s.pop()
			return false, true
		}
		return true, true
	case 't':
		return false, s.literal("true")
	case 'f':
		return false, s.literal("false")
	case 'n':
		return false, s.literal("null")
	default:
		return false, s.number()
	}
}

// next moves over what follows an element: a comma, in which case there is
// another element, or the end of the array or object.
func (s *scanner) next() (more, ok bool) {
	closing := s.closing()
	switch s.space() {
	case ',':
		s.pos++
		if closing == '}' {
			s.space()
			return true, s.key()
		}
		return true, true
	case closing:
		s.pop()
		return false, true
	}
	return false, false
}

// push moves into an array or object.
func (s *scanner) push(closing byte) bool {
	switch {
	case s.level >= s.depth:
		return false
	case s.level >= 64:
		s.inner = append(s.inner, closing)
	case closing == '}':
		s.outer |= 1 << s.level
	default:
		s.outer &^= 1 << s.level
	}
	s.level++
	s.pos++
	return true
}

// closing returns the byte that closes what is open.
func (s *scanner) closing() byte {
	switch {
	case s.level > 64:
		return s.inner[len(s.inner)-1]
	case s.outer&(1<<(s.level-1)) != 0:
		return '}'
	}
	return ']'
}

// pop moves behind the end of an array or object.
func (s *scanner) pop() {
	if s.level > 64 {
		s.inner = s.inner[:len(s.inner)-1]
	}
	s.level--
	s.pos++
}

// key moves over the key of a member and the colon.
func (s *scanner) key() bool {
	start := s.pos
	if s.pos >= len(s.data) || s.data[s.pos] != '"' || !s.str() {
		return false
	}
	key := s.data[start:s.pos]
	if s.space() != ':' {
		return false
	}
	s.pos++
	if s.refs.count > 0 && isPlaceholderKey(key) && s.space() == 't' {
		// A placeholder of any other form than the one that placeholder knows.
		s.refs.bad = true
		return false
	}
	return true
}

// plain tells which bytes need no attention inside of a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// str moves over a string, whose quote is at pos.
func (s *scanner) str() bool {
	data := s.data
	for i := s.pos + 1; i < len(data); i++ {
		c := data[i]
		if plain[c] {
			continue
		}
		switch c {
		case '"':
			s.pos = i + 1
			return true
		case '\\':
			n := escape(data[i+1:])
			if n == 0 {
				return false
			}
			i += n
		default:
			return false
		}
	}
	return false
}

// escape returns the length of the escape sequence that follows a backslash,
// or 0.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) >= 5 && isHex(b[1]) && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) {
			return 5
		}
	}
	return 0
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (s *scanner) literal(text string) bool {
	end := s.pos + len(text)
	if end > len(s.data) || string(s.data[s.pos:end]) != text {
		return false
	}
	s.pos = end
	return true
}

func (s *scanner) number() bool {
	n := number(s.data[s.pos:])
	s.pos += n
	return n > 0
}

// number returns the length of the number at the beginning of b, or 0.
func number(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch n := digits(b[i:]); {
	case n == 0:
		return 0
	case b[i] == '0':
		i++ // no digit may follow: whoever comes next will refuse it
	default:
		i += n
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// digits returns the number of decimal digits at the beginning of b.
func digits(b []byte) int {
	i := 0
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// maxElements bounds the memory for a list of arguments, which takes many times
// the space of its JSON text. No JavaScript engine can emit as many.
const maxElements = 1 << 17

// elements checks an array, from pos to the end of the text, and appends its
// elements to dst. It stops with the first of them that is over the limit.
func (s *scanner) elements(dst [][]byte, limit int) ([][]byte, bool) {
	if s.space() != '[' || !s.push(']') {
		return dst, false
	}
	if s.space() == ']' {
		s.pop()
		return dst, s.end()
	}
	for more := true; more; {
		s.space()
		start := s.pos
		if !s.value() {
			return dst, false
		}
		dst = append(dst, s.data[start:s.pos:s.pos])
		if len(dst) > limit {
			return dst, false
		}
		var ok bool
		if more, ok = s.next(); !ok {
			return dst, false
		}
	}
	return dst, s.end()
}
