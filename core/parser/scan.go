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
	if s.refs.count == 0 {
		if end := dense(s.data, s.pos, s.depth-s.level); end > 0 {
			s.pos = end
			return true
		}
	}
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

// dense returns the position behind the value at i, if it is valid, without white space
// between its parts, and with at most depth arrays and objects, or 64, in each other. Else
// it returns 0, and value has to look again. That is how programs write JSON, and with
// all that matters in registers it takes half the time (BenchmarkDecode).
func dense(data []byte, i, depth int) int {
	depth = min(depth, 64)
	level, objects := 0, uint64(0) // which of them are objects, the innermost as the lowest bit
	for i < len(data) {
		switch c := data[i]; c {
		case '"': // what scalarEnd does, without another call
			i = text(data, i)
		case '{', '[':
			if level == depth {
				return 0
			}
			const closing = 2 // from the bracket that opens to the one that closes
			if i+1 < len(data) && data[i+1] == c+closing {
				i += 2
				break
			}
			level, objects, i = level+1, objects<<1, i+1
			if c == '{' {
				objects |= 1
				if i = denseKey(data, i); i == 0 {
					return 0
				}
			}
			continue
		default:
			i = scalarEnd(data, i)
		}
		if i == 0 {
			return 0
		}
		// Behind a value: the ends of what it is the last one in, then a comma.
		for {
			if level == 0 {
				return i
			}
			if i >= len(data) {
				return 0
			}
			c, object := data[i], objects&1 != 0
			i++
			if c == ',' {
				if object {
					if i = denseKey(data, i); i == 0 {
						return 0
					}
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				return 0
			}
			level, objects = level-1, objects>>1
		}
	}
	return 0
}

// denseKey returns the position behind the key at i and its colon, or 0.
func denseKey(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return 0
	}
	i = text(data, i)
	if i == 0 || i >= len(data) || data[i] != ':' {
		return 0
	}
	return i + 1
}

// scalarEnd returns the position behind the scalar at i, or 0.
func scalarEnd(data []byte, i int) int {
	word := ""
	switch data[i] {
	case '"':
		return text(data, i)
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		if n := number(data[i:]); n > 0 {
			return i + n
		}
		return 0
	}
	if !literal(data, i, word) {
		return 0
	}
	return i + len(word)
}

// begin moves over a scalar, or over the beginning of an array or object up to
// its first element, in which case opened is true.
func (s *scanner) begin() (opened, ok bool) {
	switch c := s.space(); c {
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
	default:
		return false, s.scalar()
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
	if s.pos >= len(s.data) || s.data[s.pos] != '"' || !s.scalar() {
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

// scalar moves over a string, a number or a literal.
func (s *scanner) scalar() bool {
	if s.pos == len(s.data) {
		return false
	}
	end := scalarEnd(s.data, s.pos)
	if end == 0 {
		return false
	}
	s.pos = end
	return true
}

// text returns the position behind the string whose quote is at i, or 0.
func text(data []byte, i int) int {
	for i++; i < len(data); i++ {
		c := data[i]
		if plain[c] {
			continue
		}
		switch c {
		case '"':
			return i + 1
		case '\\':
			n := escape(data[i+1:])
			if n == 0 {
				return 0
			}
			i += n
		default:
			return 0
		}
	}
	return 0
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

func (s *scanner) literal(word string) bool {
	if !literal(s.data, s.pos, word) {
		return false
	}
	s.pos += len(word)
	return true
}

// literal reports whether word stands at i.
func literal(data []byte, i int, word string) bool {
	return len(data)-i >= len(word) && string(data[i:i+len(word)]) == word
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
