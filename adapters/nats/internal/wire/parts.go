package wire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// MaxMessage is how large a message may be, in bytes, as it travels.
	MaxMessage = 64 << 20
	// partOverhead is what a part has besides its data, at most.
	partOverhead = 64
	// partPatience is how long the parts of a message may be on their way.
	partPatience = 10 * time.Second
)

// partIDs numbers the messages of this process that travel in parts, from an arbitrary
// start: nobody else is to have the same numbers at the same time.
var partIDs atomic.Uint64

func init() { partIDs.Store(rand.Uint64()) }

// Split returns an encoded message in pieces of at most limit bytes: in one if it fits.
// It fails with [ErrTooLarge].
func Split(data []byte, limit int) ([][]byte, error) {
	if len(data) <= limit {
		return [][]byte{data}, nil
	}
	size := limit - partOverhead
	if len(data) > MaxMessage || size <= 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	id, count := partIDs.Add(1), (len(data)+size-1)/size
	parts := make([][]byte, count)
	for i := range parts {
		piece := data[i*size : min((i+1)*size, len(data))]
		b := make([]byte, 0, partOverhead+len(piece))
		b = append(b, wireVersion, partType)
		b = appendNumber(b, fieldPartID, id)
		b = appendNumber(b, fieldPartIndex, uint64(i))
		b = appendNumber(b, fieldPartCount, uint64(count))
		parts[i] = appendValue(b, fieldPartData, piece)
	}
	return parts, nil
}

// isPart reports whether data is a part of a message.
func isPart(data []byte) bool {
	return len(data) >= 2 && data[0] == wireVersion && data[1] == partType
}

// part is one of the pieces of a message.
type part struct {
	id, index, count uint64
	data             []byte
}

func decodePart(data []byte) (p part, err error) {
	err = eachField(data[2:], func(field uint64, v []byte) (err error) {
		switch field {
		case fieldPartID:
			p.id, err = number(v)
		case fieldPartIndex:
			p.index, err = number(v)
		case fieldPartCount:
			p.count, err = number(v)
		case fieldPartData:
			p.data = v
		}
		return err
	})
	if err == nil && (p.index >= p.count || p.count < 2 || len(p.data) == 0) {
		err = errMalformed
	}
	return p, err
}

// ErrTooLarge is what a message fails with that has more than MaxMessage.
var ErrTooLarge = errors.New("message is too large")

// ErrPartLost is told when a message is dropped since a part of it did not arrive.
var ErrPartLost = errors.New("a part of a large message is missing")

// Assembler puts parts together, for one goroutine. What is under way is bounded: in bytes, and in time.
type Assembler struct {
	Limit   int // of bytes
	bytes   int
	partial map[uint64]*partial // by id
}

type partial struct {
	next, count uint64
	data        []byte
	at          time.Time // of the latest part
}

// add takes a part of a message. It returns the message with the last one.
func (a *Assembler) add(data []byte, now time.Time) ([]byte, error) {
	p, err := decodePart(data)
	if err != nil {
		return nil, err
	}
	a.expire(now)
	m := a.partial[p.id]
	switch {
	case m == nil && p.index == 0:
		m = &partial{count: p.count}
		a.keep(p.id, m)
	case m == nil:
		return nil, a.lost(&p)
	case p.index != m.next || p.count != m.count:
		a.drop(p.id)
		return nil, a.lost(&p)
	}
	if len(m.data)+len(p.data) > MaxMessage || a.bytes+len(p.data) > a.Limit {
		a.drop(p.id)
		return nil, ErrTooLarge
	}
	m.data, m.at = append(m.data, p.data...), now
	a.bytes += len(p.data)
	if m.next++; m.next < m.count {
		return nil, nil
	}
	a.drop(p.id)
	return m.data, nil
}

// lost is the error for a part that cannot be used: it is told of each message once.
func (a *Assembler) lost(p *part) error {
	if p.index+1 < p.count {
		return nil
	}
	return ErrPartLost
}

func (a *Assembler) keep(id uint64, m *partial) {
	if a.partial == nil {
		a.partial = map[uint64]*partial{}
	}
	a.partial[id] = m
}

func (a *Assembler) drop(id uint64) {
	a.bytes -= len(a.partial[id].data)
	delete(a.partial, id)
}

// expire drops messages whose parts have stopped to come.
func (a *Assembler) expire(now time.Time) {
	for id, m := range a.partial {
		if now.Sub(m.at) > partPatience && m.next > 0 {
			a.drop(id)
		}
	}
}

// Decode reads a frame, or a part of one. There is no message, and no error either, if
// parts are still to come.
func (a *Assembler) Decode(data []byte, now time.Time) (Frame, error) {
	if isPart(data) {
		var err error
		if data, err = a.add(data, now); data == nil {
			return Frame{}, err
		}
	}
	return Decode(data)
}
