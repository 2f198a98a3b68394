package sioredis

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Payloads are JSON texts with their binary values apart; the wire has msgpack
// here and there. Both are written by passing over the other once: no values are
// made in between.

var (
	errJSON    = errors.New("malformed JSON")
	errMsgpack = errors.New("malformed msgpack")
	errDepth   = errors.New("nested too deeply")
	errForged  = errors.New("an object passes for a binary value")
)

// maxDepth is how deep arrays and maps may be nested.
const maxDepth = 512

// placeholder begins the JSON of a binary value; the number and a brace follow.
const placeholder = `{"_placeholder":true,"num":`

// msgpackReader makes JSON of msgpack.
type msgpackReader struct {
	in          []byte
	out         []byte
	attachments [][]byte
	forged      bool // there is a map that becomes a placeholder
}

// msgpackToJSON returns the value that data consists of. The attachments are parts
// of data.
func msgpackToJSON(data []byte) (json []byte, attachments [][]byte, err error) {
	r := &msgpackReader{in: data, out: make([]byte, 0, len(data)+len(data)/2+16)}
	if err := r.value(maxDepth); err != nil {
		return nil, nil, err
	}
	if len(r.in) > 0 {
		return nil, nil, errMsgpack
	}
	if r.forged && len(r.attachments) > 0 {
		return nil, nil, errForged
	}
	return r.out, r.attachments, nil
}

// take returns the next n bytes.
func (r *msgpackReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.in)) {
		return nil, errMsgpack
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b, nil
}

// number reads an unsigned number of n bytes.
func (r *msgpackReader) number(n uint64) (uint64, error) {
	b, err := r.take(n)
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, err
}

func (r *msgpackReader) value(depth int) error {
	code, err := r.number(1)
	if err != nil {
		return err
	}
	switch c := byte(code); {
	case c <= 0x7f:
		r.out = strconv.AppendUint(r.out, code, 10)
	case c >= 0xe0:
		r.out = strconv.AppendInt(r.out, int64(int8(c)), 10)
	case c <= 0x8f:
		return r.object(code&0xf, depth)
	case c <= 0x9f:
		return r.array(code&0xf, depth)
	case c <= 0xbf:
		return r.text(code & 0x1f)
	default:
		return r.coded(c, depth)
	}
	return nil
}

// coded reads what follows a code from 0xc0 to 0xdf.
func (r *msgpackReader) coded(c byte, depth int) error {
	switch c {
	case 0xc0:
		r.out = append(r.out, "null"...)
	case 0xc2:
		r.out = append(r.out, "false"...)
	case 0xc3:
		r.out = append(r.out, "true"...)
	case 0xc4, 0xc5, 0xc6:
		return r.sized(1<<(c-0xc4), r.bin)
	case 0xc7, 0xc8, 0xc9:
		return r.sized(1<<(c-0xc7), r.extension)
	case 0xca, 0xcb:
		return r.float(4 << (c - 0xca))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return r.sized(1<<(c-0xcc), func(v uint64) error { r.out = strconv.AppendUint(r.out, v, 10); return nil })
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return r.signed(1 << (c - 0xd0))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.extension(1 << (c - 0xd4))
	case 0xd9, 0xda, 0xdb:
		return r.sized(1<<(c-0xd9), r.text)
	case 0xdc, 0xdd:
		return r.sized(2<<(c-0xdc), func(n uint64) error { return r.array(n, depth) })
	case 0xde, 0xdf:
		return r.sized(2<<(c-0xde), func(n uint64) error { return r.object(n, depth) })
	default:
		return errMsgpack
	}
	return nil
}

// sized reads a number of n bytes, and what it is the size of.
func (r *msgpackReader) sized(n uint64, read func(uint64) error) error {
	size, err := r.number(n)
	if err != nil {
		return err
	}
	return read(size)
}

func (r *msgpackReader) signed(n uint64) error {
	v, err := r.number(n)
	shift := 64 - 8*n
	r.out = strconv.AppendInt(r.out, int64(v<<shift)>>shift, 10)
	return err
}

func (r *msgpackReader) float(n uint64) error {
	v, err := r.number(n)
	f := math.Float64frombits(v)
	if n == 4 {
		f = float64(math.Float32frombits(uint32(v)))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.out = append(r.out, "null"...)
		return err
	}
	r.out = appendFloat(r.out, f)
	return err
}

// appendFloat writes a number as JavaScript does.
func appendFloat(out []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(out, f, format, -1, 64)
}

func (r *msgpackReader) bin(n uint64) error {
	b, err := r.take(n)
	r.out = append(r.out, placeholder...)
	r.out = strconv.AppendInt(r.out, int64(len(r.attachments)), 10)
	r.out = append(r.out, '}')
	r.attachments = append(r.attachments, b)
	return err
}

func (r *msgpackReader) text(n uint64) error {
	b, err := r.take(n)
	r.out = appendString(r.out, b)
	return err
}

func (r *msgpackReader) array(n uint64, depth int) error {
	if depth == 0 {
		return errDepth
	}
	r.out = append(r.out, '[')
	for i := range n {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if err := r.value(depth - 1); err != nil {
			return err
		}
	}
	r.out = append(r.out, ']')
	return nil
}

func (r *msgpackReader) object(n uint64, depth int) error {
	if depth == 0 {
		return errDepth
	}
	r.out = append(r.out, '{')
	for i := range n {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		key := len(r.out)
		if err := r.key(); err != nil {
			return err
		}
		if string(r.out[key:]) == `"_placeholder"` {
			r.forged = true
		}
		r.out = append(r.out, ':')
		if err := r.value(depth - 1); err != nil {
			return err
		}
	}
	r.out = append(r.out, '}')
	return nil
}

// key reads the key of a map: a string, or a number, which JSON can only have as a
// string.
func (r *msgpackReader) key() error {
	start := len(r.out)
	if err := r.value(0); err != nil {
		return err
	}
	switch c := r.out[start]; {
	case c == '"':
	case c == '-' || c >= '0' && c <= '9':
		number := string(r.out[start:])
		r.out = appendString(r.out[:start], []byte(number))
	default:
		return errMsgpack
	}
	return nil
}

// extension reads n bytes of an extension type. Of these there are times; the others
// become null.
func (r *msgpackReader) extension(n uint64) error {
	kind, err := r.number(1)
	if err != nil {
		return err
	}
	b, err := r.take(n)
	if err != nil {
		return err
	}
	t, ok := extensionTime(int8(kind), b)
	if !ok {
		r.out = append(r.out, "null"...)
		return nil
	}
	r.out = t.UTC().AppendFormat(r.out, `"2006-01-02T15:04:05.000Z"`)
	return nil
}

// extensionTime reads a timestamp, or the type 0 that notepack.io had before.
func extensionTime(kind int8, b []byte) (time.Time, bool) {
	switch {
	case kind == -1 && len(b) == 4:
		return time.Unix(int64(binary.BigEndian.Uint32(b)), 0), true
	case kind == -1 && len(b) == 8:
		v := binary.BigEndian.Uint64(b)
		return time.Unix(int64(v&(1<<34-1)), int64(v>>34)), true
	case kind == -1 && len(b) == 12:
		return validTime(time.Unix(int64(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint32(b))))
	case kind == 0 && len(b) == 8:
		return validTime(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	}
	return time.Time{}, false
}

// validTime refuses what has no year of four digits.
func validTime(t time.Time) (time.Time, bool) {
	year := t.UTC().Year()
	return t, year >= 0 && year <= 9999
}

const hex = "0123456789abcdef"

// appendString writes a JSON string.
func appendString[T []byte | string](out []byte, s T) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))])); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, s[start:i]...)
		out = appendEscaped(out, c)
		i += size
		start = i
	}
	out = append(out, s[start:]...)
	return append(out, '"')
}

// appendEscaped writes a byte that cannot stand in a JSON string.
func appendEscaped(out []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(out, '\\', c)
	case c == '\n':
		return append(out, '\\', 'n')
	case c >= utf8.RuneSelf:
		return append(out, "\ufffd"...)
	}
	return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
