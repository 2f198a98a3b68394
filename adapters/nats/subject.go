package sionats

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// subjects are the subjects of one namespace.
type subjects struct {
	all string // messages to all nodes
	to  string // begins those of messages to one node
	log string // messages that are kept
}

func subjectsOf(prefix, namespace string) subjects {
	base := prefix + "." + token(namespace) + "."
	return subjects{all: base + "all", to: base + "to.", log: base + "log"}
}

// node is the subject of messages to one node.
func (s *subjects) node(name string) string { return s.to + token(name) }

// logSubjects matches the log subjects of all namespaces.
func logSubjects(prefix string) string { return prefix + ".*.log" }

// token makes a token of a subject from any name, a different one for each: letters,
// digits and dashes stay, a slash becomes an underscore and any other byte an equals
// sign with two hexadecimal digits. Of a long name there is only a hash: NATS refuses
// lines of more than 4 KiB. A token is also a valid key of a bucket.
func token(name string) string {
	const hex = "0123456789ABCDEF"
	switch {
	case name == "":
		return "="
	case len(name) > maxName:
		return fmt.Sprintf("=sha256-%x", sha256.Sum256([]byte(name)))
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
			b.WriteByte(c)
		case c == '/':
			b.WriteByte('_')
		default:
			b.Write([]byte{'=', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// maxName is how long a name may be to be written out, in bytes.
const maxName = 256

// validPrefix reports whether subjects can begin with s.
func validPrefix(s string) bool {
	if strings.HasPrefix(s, "$") { // those of NATS itself
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '*' || c == '>' }) {
			return false
		}
	}
	return true
}
