package sioredis

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// msgpackWriter makes msgpack of JSON, as the encoders of the Node.js server do:
// integers in their smallest form, all other numbers as double.
type msgpackWriter struct {
	in          []byte
	out         []byte
	attachments [][]byte
}

// appendMsgpack writes the value that a JSON text consists of, with its binary
// values. There must be no white space in it.
func appendMsgpack(out, json []byte, attachments [][]byte) ([]byte, error) {
	w := &msgpackWriter{in: json, out: out, attachments: attachments}
	if err := w.value(maxDepth); err != nil {
		return out, err
	}
	if len(w.in) > 0 {
		return out, errJSON
	}
	return w.out, nil
}

// skip passes over c. It reports false if something else comes next.
func (w *msgpackWriter) skip(c byte) bool {
	if len(w.in) == 0 || w.in[0] != c {
		return false
	}
	w.in = w.in[1:]
	return true
}

func (w *msgpackWriter) value(depth int) error {
	if len(w.in) == 0 {
		return errJSON
	}
	switch w.in[0] {
	case '"':
		return w.text()
	case '[':
		return w.array(depth)
	case '{':
		if w.binary() {
			return nil
		}
		return w.object(depth)
	case 'n':
		return w.literal("null", 0xc0)
	case 'f':
		return w.literal("false", 0xc2)
	case 't':
		return w.literal("true", 0xc3)
	}
	return w.number()
}

func (w *msgpackWriter) literal(text string, code byte) error {
	if !bytes.HasPrefix(w.in, []byte(text)) {
		return errJSON
	}
	w.in = w.in[len(text):]
	w.out = append(w.out, code)
	return nil
}

// binary writes the binary value that a placeholder stands for, if one comes next.
func (w *msgpackWriter) binary() bool {
	rest, ok := bytes.CutPrefix(w.in, []byte(placeholder))
	if !ok || len(w.attachments) == 0 {
		return false
	}
	digits, rest, ok := bytes.Cut(rest, []byte{'}'})
	if !ok || len(digits) > 9 {
		return false
	}
	num, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil || num >= uint64(len(w.attachments)) {
		return false
	}
	w.in = rest
	w.header(uint64(len(w.attachments[num])), 0xc4, 0xc5, 0xc6)
	w.out = append(w.out, w.attachments[num]...)
	return true
}

// header writes the length of something in the smallest form: codes for 1, 2 and 4
// bytes, where code 0 stands for none.
func (w *msgpackWriter) header(n uint64, code8, code16, code32 byte) {
	switch {
	case n <= math.MaxUint8 && code8 != 0:
		w.out = append(w.out, code8, byte(n))
	case n <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, code16), uint16(n))
	default:
		w.out = binary.BigEndian.AppendUint32(append(w.out, code32), uint32(n))
	}
}

// text writes a string, which is unescaped if it has to be.
func (w *msgpackWriter) text() error {
	for i := 1; i < len(w.in); i++ {
		switch w.in[i] {
		case '"':
			w.raw(w.in[1:i])
			w.in = w.in[i+1:]
			return nil
		case '\\':
			return w.escaped(i)
		}
	}
	return errJSON
}

func (w *msgpackWriter) raw(s []byte) {
	if len(s) < 32 {
		w.out = append(w.out, 0xa0|byte(len(s)))
	} else {
		w.header(uint64(len(s)), 0xd9, 0xda, 0xdb)
	}
	w.out = append(w.out, s...)
}

// escaped writes a string whose first backslash is at i.
func (w *msgpackWriter) escaped(i int) error {
	for ; i < len(w.in) && w.in[i] != '"'; i++ {
		if w.in[i] == '\\' {
			i++
		}
	}
	if i >= len(w.in) {
		return errJSON
	}
	var s string
	if err := json.Unmarshal(w.in[:i+1], &s); err != nil {
		return errJSON
	}
	w.in = w.in[i+1:]
	w.raw([]byte(s))
	return nil
}

func (w *msgpackWriter) number() error {
	end, integer := 0, true
	for ; end < len(w.in); end++ {
		c := w.in[end]
		if c == '.' || c == 'e' || c == 'E' || c == '+' {
			integer = false
		} else if c != '-' && (c < '0' || c > '9') {
			break
		}
	}
	text := string(w.in[:end])
	w.in = w.in[end:]
	if integer {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			w.integer(v)
			return nil
		}
		if v, err := strconv.ParseUint(text, 10, 64); err == nil {
			w.out = binary.BigEndian.AppendUint64(append(w.out, 0xcf), v)
			return nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return errJSON
	}
	w.out = binary.BigEndian.AppendUint64(append(w.out, 0xcb), math.Float64bits(f))
	return nil
}

func (w *msgpackWriter) integer(v int64) {
	switch {
	case v >= -32 && v < 128:
		w.out = append(w.out, byte(v))
	case v > math.MaxUint32:
		w.out = binary.BigEndian.AppendUint64(append(w.out, 0xcf), uint64(v))
	case v >= 0:
		w.header(uint64(v), 0xcc, 0xcd, 0xce)
	case v >= math.MinInt8:
		w.out = append(w.out, 0xd0, byte(v))
	case v >= math.MinInt16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, 0xd1), uint16(v))
	case v >= math.MinInt32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, 0xd2), uint32(v))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, 0xd3), uint64(v))
	}
}

func (w *msgpackWriter) array(depth int) error {
	return w.items(depth, ']', 0x90, 0xdc, func() error { return w.value(depth - 1) })
}

func (w *msgpackWriter) object(depth int) error {
	return w.items(depth, '}', 0x80, 0xde, func() error {
		if len(w.in) == 0 || w.in[0] != '"' {
			return errJSON
		}
		if err := w.text(); err != nil {
			return err
		}
		if !w.skip(':') {
			return errJSON
		}
		return w.value(depth - 1)
	})
}

// items writes what stands between brackets. How much that is shows at the end only:
// then it is moved if the header needs more than a byte.
func (w *msgpackWriter) items(depth int, end, small, code16 byte, item func() error) error {
	if depth == 0 {
		return errDepth
	}
	w.in = w.in[1:]
	start, n := len(w.out), uint64(0)
	w.out = append(w.out, small)
	for !w.skip(end) {
		if n > 0 && !w.skip(',') {
			return errJSON
		}
		if err := item(); err != nil {
			return err
		}
		n++
	}
	if n < 16 {
		w.out[start] |= byte(n)
		return nil
	}
	body := bytes.Clone(w.out[start+1:])
	w.out = w.out[:start]
	w.header(n, 0, code16, code16+1)
	w.out = append(w.out, body...)
	return nil
}
