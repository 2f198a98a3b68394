package parser

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// scalar decodes the most common simple values without encoding/json, and
// reports whether it did: it leaves all that is unusual, and all errors, to it.
func scalar(value []byte, v any) bool {
	switch v := v.(type) {
	case *string:
		if n := len(value); v != nil && n >= 2 && value[0] == '"' && value[n-1] == '"' && isPlain(value[1:n-1]) {
			*v = string(value[1 : n-1])
			return true
		}
	case *int:
		n, ok := integer(value)
		if ok && v != nil && int64(int(n)) == n {
			*v = int(n)
			return true
		}
	case *int64:
		n, ok := integer(value)
		if ok && v != nil {
			*v = n
			return true
		}
	case *float64:
		if v != nil && len(value) > 0 && number(value) == len(value) {
			f, err := strconv.ParseFloat(string(value), 64)
			if err == nil {
				*v = f
				return true
			}
		}
	case *bool:
		if s := string(value); v != nil && (s == "true" || s == "false") {
			*v = s == "true"
			return true
		}
	case *json.RawMessage:
		if v != nil {
			*v = value
			return true
		}
	}
	return false
}

// isPlain reports whether b is the inside of a JSON string that stands for
// itself: valid UTF-8 without escapes.
func isPlain(b []byte) bool {
	ascii := true
	for _, c := range b {
		if !plain[c] {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b)
}

// integer returns the value of a JSON number without fraction and exponent that
// is short enough to fit.
func integer(b []byte) (int64, bool) {
	d := b
	if len(d) > 0 && d[0] == '-' {
		d = d[1:]
	}
	if len(d) == 0 || len(d) > 18 || digits(d) != len(d) || d[0] == '0' && len(d) > 1 {
		return 0, false
	}
	var n int64
	for _, c := range d {
		n = 10*n + int64(c-'0')
	}
	if len(d) != len(b) {
		n = -n
	}
	return n, true
}
