// Package wire is the form in which messages travel through NATS. It is described in
// the documentation of package sionats.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// wireVersion is the first byte of each message. It changes when nodes of before could
// not understand what is new: they ignore fields that they do not know.
const wireVersion = 1

// partType is the type, the second byte, of a part of a message that is too large for
// NATS. Other types are those of package cluster.
const partType = 0

// The fields of a message. Each is written as its number, its length and its value,
// and left out if it is empty; numbers are varints.
const (
	fieldFrom       = 1
	fieldNamespace  = 2
	fieldRequest    = 3
	fieldSeq        = 4
	fieldFlags      = 5
	fieldTimeout    = 6 // in nanoseconds
	fieldRoom       = 7 // of the selector; once for each, as for all that is many
	fieldExcept     = 8
	fieldJSON       = 9
	fieldAttachment = 10
	fieldRooms      = 11 // to join or leave
	fieldSocket     = 12 // has fields itself
	fieldCount      = 13
	fieldClients    = 14
	fieldClient     = 15
	fieldAfter      = 16 // see Frame.After

	fieldSocketID        = 1
	fieldSocketHandshake = 2
	fieldSocketRoom      = 3
	fieldSocketData      = 4

	fieldPartID    = 1
	fieldPartIndex = 2
	fieldPartCount = 3
	fieldPartData  = 4
)

// The bits of fieldFlags.
const (
	flagVolatile   = 1
	flagNoCompress = 2
	flagSingle     = 4
	flagClose      = 8
)

// Frame is what is published: a message, and where in the log its sender was.
type Frame struct {
	*cluster.Message
	// After is the sequence number of the latest message that the sender has added to
	// the log before; 0 if none. Who receives the frame handles that one first.
	After uint64
}

var errMalformed = errors.New("malformed message")

// Encode writes a frame.
func Encode(f Frame) []byte {
	m := f.Message
	b := make([]byte, 0, 128+Size(m.Payload))
	b = append(b, wireVersion, byte(m.Type))
	b = appendText(b, fieldFrom, m.From)
	b = appendText(b, fieldNamespace, m.Namespace)
	b = appendText(b, fieldRequest, m.RequestID)
	b = appendNumber(b, fieldSeq, m.Seq)
	b = appendNumber(b, fieldFlags, flagsOf(m))
	b = appendNumber(b, fieldTimeout, uint64(max(m.Flags.Timeout, 0)))
	b = appendTexts(b, fieldRoom, m.Selector.Rooms)
	b = appendTexts(b, fieldExcept, m.Selector.Except)
	b = appendText(b, fieldJSON, m.Payload.JSON)
	b = appendTexts(b, fieldAttachment, m.Payload.Attachments)
	b = appendTexts(b, fieldRooms, m.Rooms)
	for i := range m.Sockets {
		b = appendTexts(b, fieldSocket, [][]byte{encodeSocket(&m.Sockets[i])})
	}
	b = appendNumber(b, fieldCount, uint64(max(m.Count, 0)))
	b = appendTexts(b, fieldClients, m.Clients)
	b = appendText(b, fieldClient, m.Client)
	return appendNumber(b, fieldAfter, f.After)
}

// Size is about what a payload takes.
func Size(p cluster.Payload) int {
	n := len(p.JSON)
	for _, a := range p.Attachments {
		n += len(a) + 8
	}
	return n
}

func flagsOf(m *cluster.Message) (bits uint64) {
	for _, f := range [...]struct {
		on  bool
		bit uint64
	}{{m.Flags.Volatile, flagVolatile}, {m.Flags.NoCompress, flagNoCompress}, {m.Flags.ExpectSingleResponse, flagSingle}, {m.Close, flagClose}} {
		if f.on {
			bits |= f.bit
		}
	}
	return bits
}

func encodeSocket(s *cluster.SocketInfo) []byte {
	b := make([]byte, 0, 64+len(s.Handshake)+len(s.Data))
	b = appendText(b, fieldSocketID, s.ID)
	b = appendText(b, fieldSocketHandshake, s.Handshake)
	b = appendTexts(b, fieldSocketRoom, s.Rooms)
	return appendText(b, fieldSocketData, s.Data)
}

func appendText[T ~string | ~[]byte](b []byte, field uint64, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendValue(b, field, v)
}

// appendTexts writes a field for each value, empty ones too.
func appendTexts[T ~string | ~[]byte](b []byte, field uint64, values []T) []byte {
	for _, v := range values {
		b = appendValue(b, field, v)
	}
	return b
}

func appendValue[T ~string | ~[]byte](b []byte, field uint64, v T) []byte {
	b = binary.AppendUvarint(b, field)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func appendNumber(b []byte, field, v uint64) []byte {
	if v == 0 {
		return b
	}
	var value [binary.MaxVarintLen64]byte
	return appendValue(b, field, value[:binary.PutUvarint(value[:], v)])
}

// Decode reads a frame that is not in parts. The message refers to data, which must not change.
func Decode(data []byte) (Frame, error) {
	if len(data) < 2 {
		return Frame{}, errMalformed
	}
	if data[0] != wireVersion {
		return Frame{}, fmt.Errorf("message of version %d", data[0])
	}
	f := Frame{Message: &cluster.Message{Type: cluster.Type(data[1])}}
	if err := eachField(data[2:], f.set); err != nil {
		return Frame{}, err
	}
	return f, nil
}

// eachField calls set with each field of a message. Fields that are not known are to
// be ignored.
func eachField(data []byte, set func(field uint64, v []byte) error) error {
	for len(data) > 0 {
		field, n := binary.Uvarint(data)
		if n <= 0 {
			return errMalformed
		}
		data = data[n:]
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return errMalformed
		}
		v := data[n : n+int(size) : n+int(size)]
		data = data[n+int(size):]
		if err := set(field, v); err != nil {
			return err
		}
	}
	return nil
}

func (f *Frame) set(field uint64, v []byte) (err error) {
	m := f.Message
	switch field {
	case fieldFrom:
		m.From = string(v)
	case fieldNamespace:
		m.Namespace = string(v)
	case fieldRequest:
		m.RequestID = string(v)
	case fieldRoom:
		m.Selector.Rooms = append(m.Selector.Rooms, string(v))
	case fieldExcept:
		m.Selector.Except = append(m.Selector.Except, string(v))
	case fieldJSON:
		m.Payload.JSON = v
	case fieldAttachment:
		m.Payload.Attachments = append(m.Payload.Attachments, v)
	case fieldRooms:
		m.Rooms = append(m.Rooms, string(v))
	case fieldSocket:
		err = f.addSocket(v)
	case fieldClients:
		m.Clients = append(m.Clients, string(v))
	case fieldClient:
		m.Client = string(v)
	case fieldSeq, fieldFlags, fieldTimeout, fieldCount, fieldAfter:
		err = f.setNumber(field, v)
	}
	return err
}

func (f *Frame) setNumber(field uint64, v []byte) error {
	n, err := number(v)
	if err != nil {
		return err
	}
	m := f.Message
	switch field {
	case fieldSeq:
		m.Seq = n
	case fieldFlags:
		m.Flags.Volatile, m.Flags.NoCompress = n&flagVolatile != 0, n&flagNoCompress != 0
		m.Flags.ExpectSingleResponse, m.Close = n&flagSingle != 0, n&flagClose != 0
	case fieldTimeout:
		m.Flags.Timeout = time.Duration(min(n, 1<<62))
	case fieldCount:
		m.Count = int(min(n, 1<<30))
	case fieldAfter:
		f.After = n
	}
	return nil
}

func number(v []byte) (uint64, error) {
	n, size := binary.Uvarint(v)
	if size <= 0 || size != len(v) {
		return 0, errMalformed
	}
	return n, nil
}

func (f *Frame) addSocket(data []byte) error {
	var s cluster.SocketInfo
	err := eachField(data, func(field uint64, v []byte) error {
		switch field {
		case fieldSocketID:
			s.ID = string(v)
		case fieldSocketHandshake:
			s.Handshake = v
		case fieldSocketRoom:
			s.Rooms = append(s.Rooms, string(v))
		case fieldSocketData:
			s.Data = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.Handshake != nil && !json.Valid(s.Handshake) || s.Data != nil && !json.Valid(s.Data) {
		return errMalformed
	}
	f.Sockets = append(f.Sockets, s)
	return nil
}
