package parser

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"sync"
	"unicode/utf8"
)

// An encoder collects the payload of one packet and its attachments.
type encoder struct {
	buf         []byte
	attachments [][]byte
	depth       int
	text        bool // no attachments: byte slices become base64 text
	marshal     func(v any) ([]byte, error)
	std         *json.Encoder // appends to buf
}

// Limits of what an encoder that is kept for the next packet may hold on to.
const (
	keptBytes       = 64 << 10
	keptAttachments = 64
)

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.std = json.NewEncoder(e)
	e.std.SetEscapeHTML(false)
	return e
}}

func newEncoder(marshal func(any) ([]byte, error)) *encoder {
	e := encoders.Get().(*encoder)
	e.marshal = marshal
	return e
}

// release gives e back. Nothing that e returned may be part of it.
func (e *encoder) release() {
	if cap(e.buf) > keptBytes || cap(e.attachments) > keptAttachments {
		return
	}
	clear(e.attachments)
	e.buf, e.attachments = e.buf[:0], e.attachments[:0]
	e.depth, e.text, e.marshal = 0, false, nil
	encoders.Put(e)
}

// Write appends to the payload, for the encoder of encoding/json.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

// payload encodes the values of a packet.
func (e *encoder) payload(h *Header, values []any) error {
	if h.Type != Event && h.Type != Ack {
		return e.single(h.Type, values)
	}
	e.buf = append(e.buf, '[')
	if h.Type == Event {
		e.buf = appendString(e.buf, h.Event)
	}
	for i, v := range values {
		if i > 0 || h.Type == Event {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(v); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	return e.verify()
}

// verify refuses values that pass for placeholders. A server that forwards what
// one client wrote, next to an attachment, would have others refuse the packet
// and disconnect.
func (e *encoder) verify() error {
	if len(e.attachments) == 0 {
		return nil // without attachments they are just objects
	}
	s := scanner{data: e.buf, depth: maxDepth, refs: references{count: len(e.attachments)}}
	if !s.value() || !s.end() {
		return errForged
	}
	return nil
}

// single encodes the payload of a packet that has at most one value and no
// attachments. Null is none.
func (e *encoder) single(t Type, values []any) error {
	if len(values) == 0 {
		return nil
	}
	e.text = true
	if err := e.value(values[0]); err != nil {
		return err
	}
	if string(e.buf) == "null" {
		e.buf = e.buf[:0]
		return nil
	}
	if len(e.buf) > 0 && (e.buf[0] == '{' || e.buf[0] == '"' && t == ConnectError) {
		return nil
	}
	return errSingle // a number, for one, would become the id of the packet
}

// value encodes v. The types that make up most events need no reflection.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case string:
		e.buf = appendString(e.buf, v)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
	case uint64:
		e.buf = strconv.AppendUint(e.buf, v, 10)
	case float64:
		return e.float(v)
	case []byte:
		return e.bytes(v)
	case json.RawMessage:
		return e.raw(v)
	default:
		return e.other(v)
	}
	return nil
}

// raw encodes JSON that is there already. If there is no white space between its values
// it is checked and copied, in half the time of encoding/json (BenchmarkEncode/raw).
func (e *encoder) raw(v json.RawMessage) error {
	s := scanner{data: v, depth: maxDepth}
	if e.marshal != nil || !s.value() || s.pos != len(v) || s.spaced {
		return e.leaf(v)
	}
	e.buf = append(e.buf, v...)
	return nil
}

// other encodes a value whose type says whether there may be bytes in it.
func (e *encoder) other(v any) error {
	if e.text {
		return e.leaf(v)
	}
	switch v := v.(type) {
	case map[string]any:
		return e.object(v)
	case []any:
		return e.array(v)
	}
	if p := planOf(reflect.TypeOf(v)); p.encodes {
		return e.reflected(reflect.ValueOf(v), p)
	}
	return e.leaf(v)
}

// leaf encodes a value that can hold no attachments.
func (e *encoder) leaf(v any) error {
	if e.marshal != nil {
		b, err := e.marshal(v)
		e.buf = append(e.buf, b...)
		return err
	}
	if err := e.std.Encode(v); err != nil {
		return err
	}
	e.buf = e.buf[:len(e.buf)-1] // the newline that Encode adds
	return nil
}

// bytes makes b an attachment.
func (e *encoder) bytes(b []byte) error {
	switch {
	case e.text:
		return e.leaf(b)
	case b == nil:
		e.buf = append(e.buf, "null"...)
	default:
		e.buf = appendPlaceholder(e.buf, len(e.attachments))
		e.attachments = append(e.attachments, b)
	}
	return nil
}

// float encodes f as JavaScript does.
func (e *encoder) float(f float64) error {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return &json.UnsupportedValueError{Value: reflect.ValueOf(f), Str: strconv.FormatFloat(f, 'g', -1, 64)}
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b := strconv.AppendFloat(e.buf, f, format, -1, 64)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // JavaScript writes 1e-7, not 1e-07
		b = b[:n-1]
	}
	e.buf = b
	return nil
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string, as encoding/json does without
// escaping for HTML: invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hex[r&0xF])
			start = i + n
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
}
