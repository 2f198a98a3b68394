package packet

import "encoding/base64"

// sextet maps a base64 character, of the standard or of the URL alphabet, to
// its value; 0xff marks all others.
var sextet = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		table[alphabet[i]] = byte(i)
	}
	table['-'], table['_'] = table['+'], table['/']
	return table
}()

// decodeBase64 decodes src into new memory. It never fails, because clients
// were written against Node's Buffer, which does not: both alphabets are
// accepted, padding is optional and ends the input, other characters are
// skipped, and bits that do not make a byte are dropped.
func decodeBase64(src []byte) []byte {
	dst := make([]byte, base64.StdEncoding.DecodedLen(len(src)))
	if n, err := base64.StdEncoding.Decode(dst, src); err == nil {
		return dst[:n]
	}
	var (
		n     int
		bits  uint
		value uint32
	)
	// Unpadded input can need up to two bytes more than DecodedLen said.
	if need := base64.RawStdEncoding.DecodedLen(len(src)); need > len(dst) {
		dst = make([]byte, need)
	}
	for _, c := range src {
		if c == '=' {
			break
		}
		s := sextet[c]
		if s == 0xff {
			continue
		}
		value = value<<6 | uint32(s)
		if bits += 6; bits >= 8 {
			bits -= 8
			dst[n] = byte(value >> bits)
			n++
		}
	}
	return dst[:n]
}
