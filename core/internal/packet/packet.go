// Package packet encodes and decodes Engine.IO packets and the payloads that
// carry several of them over HTTP, in protocol revisions 4 and 3.
//
// Everything here is a pure function of its arguments: nothing blocks, nothing
// is kept, and any of it may be called concurrently (but for the methods of one
// [PayloadReader]). Decoding takes time linear in the input and allocates only
// what base64 needs.
package packet

import (
	"encoding/base64"
	"errors"
)

// ErrParse says that the input is not an Engine.IO packet or payload. It reads
// as the reference implementation's error does.
var ErrParse = errors.New("parser error")

// Type is the type of an Engine.IO packet.
type Type byte

// The packet types, with their numbers on the wire.
const (
	Open Type = iota
	Close
	Ping
	Pong
	Message
	Upgrade
	Noop
)

var typeNames = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

// String returns the name that the protocol gives the type, or "unknown".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Packet is one Engine.IO packet. Only a Message can be Binary.
type Packet struct {
	Type   Type
	Data   []byte
	Binary bool
}

// AppendText appends p as text to dst and returns the extended slice: the digit
// of its type and its data, or base64 behind "b" (protocol 4) or "b4"
// (protocol 3) if it is binary.
func AppendText(dst []byte, p Packet, protocol int) []byte {
	if !p.Binary {
		dst = append(dst, '0'+byte(p.Type))
		return append(dst, p.Data...)
	}
	dst = append(dst, 'b')
	if protocol == 3 {
		dst = append(dst, '0'+byte(Message))
	}
	return base64.StdEncoding.AppendEncode(dst, p.Data)
}

// AppendBinary appends the body of the WebSocket binary frame that carries the
// binary message p to dst and returns the extended slice: the data as it is in
// protocol 4, behind a byte 4 in protocol 3.
func AppendBinary(dst []byte, p Packet, protocol int) []byte {
	if protocol == 3 {
		dst = append(dst, byte(p.Type))
	}
	return append(dst, p.Data...)
}

// DecodeText decodes a packet in its text form. The data of the packet is part
// of the argument, except for base64. Base64 is read as leniently as Node's
// Buffer does, see decodeBase64. Anything else that is no packet gives ErrParse.
func DecodeText(data []byte, protocol int) (Packet, error) {
	if len(data) == 0 {
		return Packet{}, ErrParse
	}
	if data[0] == 'b' {
		return decodeBase64Packet(data[1:], protocol)
	}
	t := Type(data[0] - '0')
	if t > Noop {
		return Packet{}, ErrParse
	}
	return Packet{Type: t, Data: data[1:]}, nil
}

func decodeBase64Packet(data []byte, protocol int) (Packet, error) {
	if protocol != 3 {
		return Packet{Type: Message, Data: decodeBase64(data), Binary: true}, nil
	}
	if len(data) == 0 {
		return Packet{}, ErrParse
	}
	t := Type(data[0] - '0')
	if t > Noop {
		return Packet{}, ErrParse
	}
	return Packet{Type: t, Data: decodeBase64(data[1:]), Binary: t == Message}, nil
}

// DecodeBinary decodes the body of a WebSocket binary frame: always a message
// in protocol 4; in protocol 3 the first byte is the type, and ErrParse is
// returned if it is missing or none. The data is part of the argument.
func DecodeBinary(data []byte, protocol int) (Packet, error) {
	if protocol != 3 {
		return Packet{Type: Message, Data: data, Binary: true}, nil
	}
	if len(data) == 0 || Type(data[0]) > Noop {
		return Packet{}, ErrParse
	}
	t := Type(data[0])
	return Packet{Type: t, Data: data[1:], Binary: t == Message}, nil
}
