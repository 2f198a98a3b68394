package sionats

import (
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// What the tests of the format need.
var (
	Token       = token
	ValidPrefix = validPrefix
	ParseOffset = parseOffset
	Split       = split
	ErrPartLost = errPartLost
)

const MaxMessage = maxMessage

// Encode writes a message.
func Encode(m *cluster.Message, after uint64) []byte { return encode(frame{m, after}) }

// Decode reads a message.
func Decode(data []byte) (m *cluster.Message, after uint64, err error) {
	f, err := decode(data)
	return f.Message, f.after, err
}

// Assembler puts parts together.
type Assembler struct{ assembler }

// NewAssembler returns one that holds so many bytes.
func NewAssembler(limit int) *Assembler { return &Assembler{assembler{limit: limit}} }

// Decode reads a message or a part of one.
func (a *Assembler) Decode(data []byte, now time.Time) (*cluster.Message, error) {
	f, err := a.decode(data, now)
	return f.Message, err
}

// Held returns how many bytes of parts are held.
func (a *Assembler) Held() int {
	n := 0
	for _, m := range a.partial {
		n += len(m.data)
	}
	if n != a.bytes {
		panic("the count is wrong")
	}
	return n
}
