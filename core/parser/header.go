package parser

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// head is what stands before the payload of a packet:
//
//	<type>[<attachments>-][<namespace>,][<id>]
type head struct {
	*Header
	attachments int
	binary      bool
}

// maxIDDigits is what always fits an uint64.
const maxIDDigits = 19

// parse splits data into the head, which is empty before, and the payload. The namespace
// is left to the caller, who may know the string already.
func (h *head) parse(data []byte, limit int) (namespace, payload []byte, err error) {
	if len(data) == 0 {
		return nil, nil, unknownType(0)
	}
	h.Type = Type(data[0] - '0')
	if h.Type > BinaryAck {
		return nil, nil, unknownType(data[0])
	}
	data = data[1:]
	if h.Type == BinaryEvent || h.Type == BinaryAck {
		h.Type -= BinaryEvent - Event
		h.binary = true
		if h.attachments, data, err = parseCount(data, limit); err != nil {
			return nil, nil, err
		}
	}
	if len(data) > 0 && data[0] == '/' {
		namespace, data, _ = bytes.Cut(data, []byte{','})
	}
	h.ID, h.HasID, data, err = parseID(data)
	return namespace, data, err
}

// parseCount parses the number of attachments and the dash behind it.
func parseCount(data []byte, limit int) (count int, rest []byte, err error) {
	n := digits(data)
	if n == 0 || n == len(data) || data[n] != '-' {
		return 0, nil, ErrAttachmentCount
	}
	number := bytes.TrimLeft(data[:n], "0")
	if len(number) == 0 {
		return 0, nil, ErrAttachmentCount
	}
	count = index(number)
	if count < 0 || limit >= 0 && count > limit {
		return 0, nil, ErrTooManyAttachments
	}
	return count, data[n+1:], nil
}

// parseID parses the digits of the acknowledgement id, if there are any.
func parseID(data []byte) (id uint64, has bool, rest []byte, err error) {
	n := digits(data)
	if n == 0 {
		return 0, false, data, nil
	}
	if n > maxIDDigits {
		return 0, false, nil, ErrID
	}
	for _, c := range data[:n] {
		id = 10*id + uint64(c-'0')
	}
	return id, true, data[n:], nil
}

// namespaceName returns the namespace that the header names, and reuses last if
// it is that one.
func namespaceName(name []byte, last string) (string, error) {
	switch {
	case len(name) <= 1:
		return "/", nil
	case string(name) == last:
		return last, nil
	case !utf8.Valid(name):
		return "", ErrNamespace
	}
	return string(name), nil
}

// frame returns head and payload of a packet as one slice: in room if they fit there, or a
// new one of exactly the size that is needed.
func frame(room []byte, h *Header, attachments int, payload []byte) []byte {
	var scratch [48]byte // enough for everything but the namespace
	b := append(scratch[:0], '0'+byte(h.Type))
	if attachments > 0 {
		b[0] += byte(BinaryEvent - Event)
		b = strconv.AppendInt(b, int64(attachments), 10)
		b = append(b, '-')
	}
	before := len(b)
	if h.HasID && (h.Type == Event || h.Type == Ack) {
		b = strconv.AppendUint(b, h.ID, 10)
	}
	namespace := h.Namespace
	size := len(b) + len(payload)
	if len(namespace) > 1 {
		size += len(namespace) + 1
	}
	if size > cap(room) {
		room = make([]byte, 0, size)
	}
	out := append(room[:0], b[:before]...)
	if len(namespace) > 1 {
		out = append(append(out, namespace...), ',')
	}
	out = append(out, b[before:]...)
	return append(out, payload...)
}

// normalType returns the type that stands for t outside of the wire.
func normalType(t Type) Type {
	if t == BinaryEvent || t == BinaryAck {
		return t - (BinaryEvent - Event)
	}
	return t
}
