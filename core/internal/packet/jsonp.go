package packet

import (
	"bytes"
	"unicode/utf8"
)

// AppendJSONP appends the script that hands payload to callback number index of
// a JSONP client, as in ___eio[0]("…"); and returns the extended slice. The
// index must come from JSONPIndex. The payload becomes a string literal that is
// valid in JSON and in every version of JavaScript; bytes that are not UTF-8
// become U+FFFD.
func AppendJSONP(dst []byte, index string, payload []byte) []byte {
	dst = append(dst, "___eio["...)
	dst = append(dst, index...)
	dst = append(dst, `]("`...)
	dst = appendEscaped(dst, payload)
	return append(dst, `");`...)
}

func appendEscaped(dst, text []byte) []byte {
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if c >= utf8.RuneSelf && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = appendEscape(dst, r)
		i += size
		start = i
	}
	return append(dst, text[start:]...)
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case utf8.RuneError:
		return utf8.AppendRune(dst, r)
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// DecodeJSONPBody returns the payload that a JSONP client posted as the form
// field d, in new memory. A missing field gives ErrParse. Malformed percent
// sequences stay as they are. The client sends a newline as \n, because
// browsers change newlines in forms, and puts one more backslash in front of a
// \n that was in its data; both are undone.
func DecodeJSONPBody(form []byte) ([]byte, error) {
	for len(form) > 0 {
		field, rest, _ := bytes.Cut(form, []byte{'&'})
		if value, ok := bytes.CutPrefix(field, []byte("d=")); ok {
			return unescapeNewlines(unescapeForm(value)), nil
		}
		form = rest
	}
	return nil, ErrParse
}

func unescapeForm(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(src) && isHex(src[i+1]) && isHex(src[i+2]):
			c = unhex(src[i+1])<<4 | unhex(src[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// unescapeNewlines works in place: a lone backslash before an n makes a newline
// with it, and of several one is removed.
func unescapeNewlines(text []byte) []byte {
	n, slashes := 0, 0
	for _, c := range text {
		if c == 'n' && slashes > 0 {
			n--
			if slashes == 1 {
				c = '\n'
			}
		}
		if c == '\\' {
			slashes++
		} else {
			slashes = 0
		}
		text[n] = c
		n++
	}
	return text[:n]
}

// JSONPIndex reduces the j parameter of a JSONP request to its digits, so that
// nothing else gets into the script.
func JSONPIndex(j string) string {
	clean := true
	for i := range len(j) {
		clean = clean && '0' <= j[i] && j[i] <= '9'
	}
	if clean {
		return j
	}
	digits := make([]byte, 0, len(j))
	for i := range len(j) {
		if '0' <= j[i] && j[i] <= '9' {
			digits = append(digits, j[i])
		}
	}
	return string(digits)
}
