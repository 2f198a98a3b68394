package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Nearly all messages are small, come in one frame and have been read to their end when
// the first byte of them is looked at. Those are taken from where they lie, which costs a
// third of what it takes to pass them through the guard, gorilla's buffer and its
// readers (100 bytes: 0.1 µs). Everything else is left to gorilla.

// whole returns the next message if that is so, and nil if it is not.
func (c *Conn) whole() (data []byte, isBinary bool, err error) {
	w := c.wire
	frame := w.ahead
	if len(frame) < 6 || !c.between() {
		return nil, false, nil
	}
	op, size, head := frame[0], int(frame[1]&^masked), 6
	if size == 126 && len(frame) >= 8 {
		size, head = int(binary.BigEndian.Uint16(frame[2:])), 8
	}
	switch {
	case op != final|opText && op != final|opBinary:
	case frame[1]&masked == 0 || head == 6 && size > 125 || head == 8 && size < 126: // for the guard and gorilla to refuse
	case c.maxMessage > 0 && int64(size) > c.maxMessage:
	case len(frame) >= head+size:
		data = c.memory(size)
		ascii := unmask(data, frame[head:head+size], [4]byte(frame[head-4:]))
		w.skip(head + size)
		if op == final|opText && !ascii && !utf8.Valid(data) {
			return nil, false, breach(CodeInvalidData, errUTF8)
		}
		return data, op == final|opBinary, nil
	}
	return nil, false, nil
}

// MostReused is the size in bytes of the largest message whose memory is reused.
const MostReused = 1 << 10

// Reuse says that nobody uses data any more, which Read has returned: the next message may
// be read into its memory. It is called by whoever calls Read. Connections that are parked
// keep no such memory.
func (c *Conn) Reuse(data []byte) {
	if cap(data) <= MostReused {
		c.spare = data
	}
}

// memory returns memory for a message of that size.
func (c *Conn) memory(size int) []byte {
	if spare := c.spare; spare != nil && cap(spare) >= size {
		c.spare = nil
		return spare[:size]
	}
	return make([]byte, size)
}

// between reports whether what is ahead begins with a message.
func (c *Conn) between() bool {
	w := c.wire
	return w.guard.between() && c.buffered.Buffered() == 0 && w.held == nil && w.broken == nil && w.failed == nil
}

// between reports whether the next byte is the first one of a message.
func (g *guard) between() bool {
	return g.left == 0 && g.have == 0 && (g.complete || g.frames == 0)
}

// unmask applies the key to src and puts the result into dst; RFC 6455, section 5.3. It
// reports whether that is ASCII.
func unmask(dst, src []byte, key [4]byte) (ascii bool) {
	const eight = 0x0101010101010101
	key8 := uint64(binary.LittleEndian.Uint32(key[:]))
	key8 |= key8 << 32
	all := uint64(0)
	i := 0
	for ; i+8 <= len(src); i += 8 {
		word := binary.LittleEndian.Uint64(src[i:]) ^ key8
		binary.LittleEndian.PutUint64(dst[i:], word)
		all |= word
	}
	for ; i < len(src); i++ {
		dst[i] = src[i] ^ key[i&3]
		all |= uint64(dst[i])
	}
	return all&(0x80*eight) == 0
}
