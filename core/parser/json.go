package parser

import (
	"fmt"
	"strings"
)

// Defaults of [JSON].
const (
	DefaultMaxAttachments     = 1000
	DefaultMaxAttachmentBytes = 16 << 20
	DefaultMaxArguments       = 1000
	DefaultMaxEventLength     = 256
	DefaultMaxNamespaceLength = 512
	DefaultMaxDepth           = 512
)

// maxDepth is what encoding/json accepts at most.
const maxDepth = 10000

// JSON is the default parser: Socket.IO packets as text messages with JSON
// payloads, each []byte in them as a binary message of its own. The zero value
// is ready for use. It must not be changed once it is in use; its methods may be
// called concurrently.
//
// Values are encoded as by encoding/json, but for these differences:
//
//   - A []byte anywhere in an Event or Ack (in structs, maps, slices, behind
//     pointers and interfaces) becomes an attachment. In Connect and ConnectError
//     it is base64 text.
//   - The characters <, > and & are not escaped. U+2028 and U+2029 are, which is
//     harmless.
//   - A value whose type can hold byte slices must not be nested too deeply (1000
//     levels are fine). Cycles are an error.
//   - An object that passes for the placeholder of an attachment is an error
//     beside attachments. Without any, it is an object like others.
//
// [encoding/json.RawMessage] is JSON, and types with a MarshalJSON or MarshalText
// method are what these say: neither holds attachments. Map keys are sorted, and
// attachments follow in the order of the text. Note that clients limit the number
// of attachments of a packet as well (JavaScript: 10).
type JSON struct {
	// MaxAttachments limits the attachments that a received packet may announce.
	// 0 means DefaultMaxAttachments; negative, no limit. (The reference server takes
	// 10, which has broken applications. What attachments cost is their bytes.)
	MaxAttachments int

	// MaxAttachmentBytes limits the total size of the attachments of a received
	// packet, in bytes. 0 means DefaultMaxAttachmentBytes; negative, no limit
	// besides that of the engine for each message.
	MaxAttachmentBytes int64

	// MaxArguments limits the arguments of a received event or acknowledgement. 0
	// means DefaultMaxArguments; negative, or more than 131071, means 131071.
	MaxArguments int

	// MaxEventLength limits the name of a received event, in bytes of UTF-8. 0 means
	// DefaultMaxEventLength; negative, no limit.
	MaxEventLength int

	// MaxNamespaceLength limits the namespace of a received packet, in bytes. 0
	// means DefaultMaxNamespaceLength; negative, no limit. The query that clients of
	// version 2 put behind the name does not count; it may have 8 KiB, unless there
	// is no limit.
	MaxNamespaceLength int

	// MaxDepth limits how deeply arrays and objects may be nested in a received
	// packet. The array of arguments counts as one. 0 means DefaultMaxDepth;
	// negative, or more than 10000, means 10000.
	MaxDepth int

	// Marshal and Unmarshal replace those of encoding/json for all values but the
	// most simple ones and those that contain byte slices. Marshal must return
	// valid JSON. Either may be nil. They are called concurrently.
	Marshal   func(v any) ([]byte, error)
	Unmarshal func(data []byte, v any) error
}

var _ Parser = (*JSON)(nil)

// ReservedEvent reports whether no event may have the given name, because the
// name has a meaning of its own in Socket.IO.
func ReservedEvent(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// Encode implements [Parser]. It returns an error if a value cannot be encoded
// (channels, functions, NaN, cycles, an error of a MarshalJSON method), if the
// name of an event is missing or reserved, if the value of a Connect is no
// object, or if the header is not valid. It does not block.
func (p *JSON) Encode(h Header, values ...any) (Encoded, error) {
	data, attachments, err := p.EncodeTo(nil, &h, values)
	return Encoded{Data: data, Attachments: attachments}, err
}

// EncodeTo is Encode, but the message is put into room if its capacity is large enough. It
// changes h.Type to the type that Encode takes it for.
func (p *JSON) EncodeTo(room []byte, h *Header, values []any) (data []byte, attachments [][]byte, err error) {
	h.Type = normalType(h.Type)
	if err := check(h, values); err != nil {
		return nil, nil, fmt.Errorf("parser: encode: %w", err)
	}
	e := newEncoder(p.Marshal)
	defer e.release()
	if err := e.payload(h, values); err != nil {
		return nil, nil, fmt.Errorf("parser: encode: %w", err)
	}
	return frame(room, h, len(e.attachments), e.buf), append([][]byte(nil), e.attachments...), nil
}

// EncodeRaw frames a payload that is JSON already, such as the array of an event
// that came from another node, placeholders included. A nil payload is none. It
// trusts its arguments, copies the payload and keeps the attachments.
func (p *JSON) EncodeRaw(h Header, payload []byte, attachments [][]byte) Encoded {
	h.Type = normalType(h.Type)
	if h.Type != Event && h.Type != Ack {
		attachments = nil
	}
	return Encoded{Data: frame(nil, &h, len(attachments), payload), Attachments: attachments}
}

// check reports what is wrong with the arguments of Encode.
func check(h *Header, values []any) error {
	if n := h.Namespace; n != "" && (n[0] != '/' || strings.IndexByte(n, ',') >= 0) {
		return errBadName
	}
	switch h.Type {
	case Event:
		return checkName(h.Event)
	case Ack:
		return nil
	case Connect, ConnectError:
		if len(values) > 1 {
			return errValues
		}
		return nil
	case Disconnect:
		if len(values) > 0 {
			return errValues
		}
		return nil
	}
	return errType
}

func checkName(name string) error {
	if name == "" {
		return errEventName
	}
	if ReservedEvent(name) {
		return errReserved
	}
	return nil
}

// limits are what a decoder accepts. Negative means no limit.
type limits struct {
	attachments int
	bytes       int64 // of the attachments
	arguments   int   // never negative
	event       int   // bytes of the name
	namespace   int   // bytes of the name
	depth       int   // never negative
}

func (p *JSON) limits() limits {
	l := limits{
		attachments: orDefault(p.MaxAttachments, DefaultMaxAttachments),
		bytes:       orDefault(p.MaxAttachmentBytes, DefaultMaxAttachmentBytes),
		arguments:   orDefault(p.MaxArguments, DefaultMaxArguments),
		event:       orDefault(p.MaxEventLength, DefaultMaxEventLength),
		namespace:   orDefault(p.MaxNamespaceLength, DefaultMaxNamespaceLength),
		depth:       p.maxDepth(),
	}
	if l.arguments < 0 || l.arguments >= maxElements {
		l.arguments = maxElements - 1
	}
	return l
}

func orDefault[T int | int64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

func (p *JSON) maxDepth() int {
	switch {
	case p.MaxDepth == 0:
		return DefaultMaxDepth
	case p.MaxDepth < 0:
		return maxDepth
	}
	return min(p.MaxDepth, maxDepth)
}
