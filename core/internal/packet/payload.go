package packet

import (
	"bytes"
	"encoding/base64"
	"io"
	"strconv"
	"unicode/utf8"
)

// Encoding is the form of an HTTP body that carries packets.
type Encoding int

const (
	// Text4 is protocol 4: packets in text form with 0x1e between them.
	Text4 Encoding = iota
	// Text3 is protocol 3 as text: each packet behind its length in UTF-16
	// code units and a colon.
	Text3
	// Binary3 is protocol 3 as application/octet-stream: each packet behind a
	// byte 0 (string) or 1 (binary), the digits of its length in bytes, one
	// digit a byte, and 0xff.
	Binary3
)

const separator = 0x1e

// maxLengthDigits keeps a declared length within an int on any platform and the
// search for its end short. No body is larger.
const maxLengthDigits = 9

// AppendPayload appends the packets to dst in the given encoding and returns the
// extended slice. No packets give an empty body ("0:" in Text3).
func AppendPayload(dst []byte, packets []Packet, e Encoding) []byte {
	if len(packets) == 0 && e == Text3 {
		return append(dst, "0:"...)
	}
	for i, p := range packets {
		switch e {
		case Text3:
			dst = appendText3(dst, p)
		case Binary3:
			dst = appendBinary3(dst, p)
		default:
			if i > 0 {
				dst = append(dst, separator)
			}
			dst = AppendText(dst, p, 4)
		}
	}
	return dst
}

func appendText3(dst []byte, p Packet) []byte {
	if p.Binary {
		dst = strconv.AppendInt(dst, int64(2+base64.StdEncoding.EncodedLen(len(p.Data))), 10)
		return AppendText(append(dst, ':'), p, 3)
	}
	units, valid := utf16Len(p.Data)
	dst = strconv.AppendInt(dst, int64(1+units), 10)
	dst = append(dst, ':', '0'+byte(p.Type))
	if valid {
		return append(dst, p.Data...)
	}
	// The receiver would replace invalid bytes by a rule of its own, and the
	// length would be wrong. Replace them here, one character for each byte.
	return appendValid(dst, p.Data)
}

func appendBinary3(dst []byte, p Packet) []byte {
	marker, first := byte(0), '0'+byte(p.Type)
	if p.Binary {
		marker, first = 1, byte(p.Type)
	}
	dst = append(dst, marker)
	start := len(dst)
	dst = strconv.AppendInt(dst, int64(1+len(p.Data)), 10)
	for i := start; i < len(dst); i++ {
		dst[i] -= '0'
	}
	dst = append(dst, 0xff, first)
	return append(dst, p.Data...)
}

// PayloadSize returns how many bytes p adds to a payload in the given encoding,
// or a little more: an upper bound that is exact to a few bytes as long as the
// data of a text packet is valid UTF-8.
func PayloadSize(p Packet, e Encoding) int {
	n := 1 + len(p.Data)
	if p.Binary && e != Binary3 {
		n = 2 + base64.StdEncoding.EncodedLen(len(p.Data))
	}
	switch e {
	case Text3:
		return n + 1 + digits(n)
	case Binary3:
		return n + 2 + digits(n)
	default:
		return n + 1
	}
}

func digits(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// utf16Len counts the UTF-16 code units of the text; a byte that is not part of
// valid UTF-8 counts as one.
func utf16Len(text []byte) (units int, valid bool) {
	valid = true
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			units++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			valid = false
		}
		i += size
		units += unitsOf(size)
	}
	return units, valid
}

// unitsOf returns the UTF-16 code units of a character that takes size bytes of
// UTF-8: those outside the basic plane take four bytes, and two units.
func unitsOf(size int) int {
	if size == 4 {
		return 2
	}
	return 1
}

// appendValid appends text with U+FFFD for every byte that is not part of valid
// UTF-8.
func appendValid(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, r)
		text = text[size:]
	}
	return dst
}

// PayloadReader reads the packets of an HTTP body one after the other. It is
// used by one goroutine.
type PayloadReader struct {
	rest     []byte
	encoding Encoding
	started  bool
	err      error
}

// NewPayloadReader returns a reader of body, which must not be changed while
// the packets are in use: their data is part of it.
func NewPayloadReader(body []byte, e Encoding) *PayloadReader {
	return &PayloadReader{rest: body, encoding: e}
}

// Next returns the next packet, io.EOF after the last one, or ErrParse where the
// body stops making sense; the packets before that have been returned by then.
// After an error it returns the same error again. An empty body is an error,
// except in Binary3.
func (r *PayloadReader) Next() (Packet, error) {
	if r.err != nil {
		return Packet{}, r.err
	}
	var p Packet
	switch r.encoding {
	case Text3:
		p, r.err = r.nextText3()
	case Binary3:
		p, r.err = r.nextBinary3()
	default:
		p, r.err = r.nextText4()
	}
	r.started = true
	return p, r.err
}

// nextText4 leaves rest nil after the last packet; a body that ends with a
// separator leaves it empty, and so ends with an empty packet, which is an error.
func (r *PayloadReader) nextText4() (Packet, error) {
	if r.rest == nil && r.started {
		return Packet{}, io.EOF
	}
	one, rest, more := bytes.Cut(r.rest, []byte{separator})
	r.rest = nil
	if more {
		r.rest = rest[:len(rest):len(rest)]
	}
	return DecodeText(one[:len(one):len(one)], 4)
}

func (r *PayloadReader) nextText3() (Packet, error) {
	for {
		if len(r.rest) == 0 {
			if r.started {
				return Packet{}, io.EOF
			}
			return Packet{}, ErrParse
		}
		one, err := r.cutText3()
		if err != nil {
			return Packet{}, err
		}
		if len(one) > 0 {
			return DecodeText(one, 3)
		}
		// "0:" is how the reference writes a payload without packets.
		r.started = true
	}
}

// cutText3 removes one length-prefixed packet from rest and returns it.
func (r *PayloadReader) cutText3() ([]byte, error) {
	units, i := 0, 0
	for ; i < len(r.rest) && r.rest[i] != ':'; i++ {
		d := r.rest[i] - '0'
		if d > 9 || i >= maxLengthDigits {
			return nil, ErrParse
		}
		units = 10*units + int(d)
	}
	if i == 0 || i == len(r.rest) {
		return nil, ErrParse
	}
	text := r.rest[i+1:]
	end, ok := skipUTF16(text, units)
	if !ok {
		return nil, ErrParse
	}
	r.rest = text[end:]
	return text[:end:end], nil
}

// skipUTF16 returns how many bytes of text make the given number of UTF-16 code
// units. It fails if text has fewer, or if they end within a character.
func skipUTF16(text []byte, units int) (end int, ok bool) {
	if units > len(text) {
		return 0, false
	}
	for units > 0 && end < len(text) {
		size := 1
		if text[end] >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(text[end:])
		}
		end += size
		units -= unitsOf(size)
	}
	return end, units == 0
}

func (r *PayloadReader) nextBinary3() (Packet, error) {
	if len(r.rest) == 0 {
		return Packet{}, io.EOF
	}
	marker, n, i := r.rest[0], 0, 1
	for ; i < len(r.rest) && r.rest[i] != 0xff; i++ {
		if r.rest[i] > 9 || i > maxLengthDigits {
			return Packet{}, ErrParse
		}
		n = 10*n + int(r.rest[i])
	}
	if marker > 1 || i == 1 || i == len(r.rest) || n > len(r.rest)-i-1 {
		return Packet{}, ErrParse
	}
	one := r.rest[i+1 : i+1+n : i+1+n]
	r.rest = r.rest[i+1+n:]
	if marker == 1 {
		return DecodeBinary(one, 3)
	}
	return DecodeText(one, 3)
}
