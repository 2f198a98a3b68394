package parser

import (
	"bytes"
	"sync"
)

// inlineArgs is how many arguments fit the allocation of a packet. More of them
// need a second one.
const inlineArgs = 3

// packet is a [Packet] with room for its arguments.
type packet struct {
	Packet
	inline [inlineArgs][]byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

// jsonDecoder is the [Decoder] of [JSON].
type jsonDecoder struct {
	limits    limits
	unmarshal func(value []byte, attachments [][]byte, v any) error

	pending *Packet // waits for attachments
	missing int     // how many
	bytes   int64   // size of those that came
	failed  error

	// The names of the last packets, so that equal ones need no new strings.
	namespace string
	names     *[4]string // nil before the first
	oldest    int
}

// NewDecoder implements [Parser]. The decoder returns a [*ProtocolError] for a
// message that it does not accept, and from then on for every message. It does
// not allocate for what a peer announces, but for what it sends.
//
// It accepts what the reference server accepts, with these exceptions: an event
// needs a payload; an acknowledgement id has at most 19 digits; an attachment may
// be referred to only once, by a placeholder of just the two members; an empty
// message is no packet; and there are the limits of p.
func (p *JSON) NewDecoder() Decoder {
	d := &jsonDecoder{limits: p.limits()}
	if p.Unmarshal != nil {
		d.unmarshal = p.unmarshal
	}
	return d
}

// Pending implements [Decoder].
func (d *jsonDecoder) Pending() bool { return d.pending != nil }

// Decode implements [Decoder].
func (d *jsonDecoder) Decode(data []byte, binary bool) (*Packet, error) {
	if d.failed != nil {
		return nil, d.failed
	}
	var p *Packet
	var err error
	if binary {
		p, err = d.attachment(data)
	} else {
		p, err = d.text(data)
	}
	if err != nil {
		d.failed, d.pending = err, nil
	}
	return p, err
}

func (d *jsonDecoder) attachment(data []byte) (*Packet, error) {
	p := d.pending
	if p == nil {
		return nil, ErrUnexpectedBinary
	}
	d.bytes += int64(len(data))
	if d.limits.bytes >= 0 && d.bytes > d.limits.bytes {
		return nil, ErrAttachmentsTooLarge
	}
	if data == nil {
		data = []byte{} // nil would be null
	}
	p.Args.Attachments = append(p.Args.Attachments, data)
	d.missing--
	if d.missing > 0 {
		return nil, nil
	}
	d.pending = nil
	return p, nil
}

func (d *jsonDecoder) text(data []byte) (*Packet, error) {
	if d.pending != nil {
		return nil, ErrUnexpectedText
	}
	p := packets.Get().(*packet) // all of it is zero
	h := head{Header: &p.Header}
	namespace, payload, err := h.parse(data, d.limits.attachments)
	if err != nil {
		return nil, err
	}
	if d.namespaceTooLong(namespace) {
		return nil, ErrNamespaceTooLong
	}
	if h.Namespace, err = namespaceName(namespace, d.namespace); err != nil {
		return nil, err
	}
	if len(namespace) > 1 {
		d.namespace = h.Namespace
	}
	if h.Type != Event && h.Type != Ack {
		h.ID, h.HasID = 0, false // it means nothing there
	}
	p.Args.Unmarshal, p.home = d.unmarshal, p
	if err := d.payload(p, &h, payload); err != nil {
		return nil, err
	}
	if h.binary {
		// The count is the peer's word: no memory for it before the data are here.
		p.Args.Attachments = make([][]byte, 0, min(h.attachments, 10))
		d.pending, d.missing, d.bytes = &p.Packet, h.attachments, 0
		return nil, nil
	}
	return &p.Packet, nil
}

// maxQuery is how long the query behind a namespace may be: as long as common
// servers let a URL be.
const maxQuery = 8 << 10

func (d *jsonDecoder) namespaceTooLong(namespace []byte) bool {
	limit := d.limits.namespace
	if limit < 0 || len(namespace) <= limit {
		return false
	}
	name, query, _ := bytes.Cut(namespace, []byte{'?'})
	return len(name) > limit || len(query) > maxQuery
}

// payload checks the payload of p and splits it into arguments.
func (d *jsonDecoder) payload(p *packet, h *head, payload []byte) error {
	if len(payload) == 0 {
		if h.Type == Event || h.binary {
			return ErrPayload
		}
		return nil
	}
	switch h.Type {
	case Event, Ack:
		return d.array(p, h, payload)
	case Connect:
		return d.single(p, payload, false)
	case ConnectError:
		return d.single(p, payload, true)
	}
	return ErrPayload
}

// single takes a payload that is an object or, if text is true, a string.
func (d *jsonDecoder) single(p *packet, payload []byte, text bool) error {
	s := scanner{data: payload, depth: d.limits.depth}
	c := s.space()
	start := s.pos
	if c != '{' && (c != '"' || !text) || !s.value() {
		return ErrPayload
	}
	end := s.pos
	if !s.end() {
		return ErrPayload
	}
	p.inline[0] = payload[start:end:end]
	p.Args.Values = p.inline[:1:1]
	return nil
}

// array takes the payload of an event or acknowledgement.
func (d *jsonDecoder) array(p *packet, h *head, payload []byte) error {
	var room [inlineArgs + 1][]byte
	// Not a literal, which would be copied, in larger pieces than it was made of: for that
	// the processor waits until all that was written before has left it, 0.1 µs.
	var s scanner
	s.data, s.depth, s.refs.count = payload, d.limits.depth, h.attachments
	limit := d.limits.arguments
	if h.Type == Event {
		limit++ // the name
	}
	values, ok := s.elements(room[:0], limit)
	switch {
	case s.refs.bad:
		return ErrPlaceholder
	case len(values) > limit:
		return ErrTooManyArguments
	case !ok:
		return ErrPayload
	}
	if h.Type == Event {
		if len(values) == 0 {
			return ErrPayload
		}
		var err error
		if p.Event, err = d.eventName(values[0]); err != nil {
			return err
		}
		values = values[1:]
	}
	p.Args.Values = append(p.inline[:0:inlineArgs], values...)
	return nil
}

// maxEscape is how many bytes of JSON text one byte of a string takes at most.
const maxEscape = 6

// eventName returns the name that the first element of an event is, if it is
// one: a string that is not reserved, or a number.
func (d *jsonDecoder) eventName(element []byte) (string, error) {
	c, limit := element[0], d.limits.event
	if c != '"' && c != '-' && !isDigit(c) {
		return "", ErrPayload
	}
	if limit >= 0 && len(element)/maxEscape > limit { // before it is unquoted
		return "", ErrEventTooLong
	}
	name, quoted := element, c == '"'
	if quoted {
		name = unquote(element)
	}
	if limit >= 0 && len(name) > limit {
		return "", ErrEventTooLong
	}
	event := d.intern(name)
	if quoted && ReservedEvent(event) {
		return "", ErrPayload
	}
	return event, nil
}

// intern returns name as a string, the same one if it was among the last ones.
// Long names are not remembered.
func (d *jsonDecoder) intern(name []byte) string {
	if d.names == nil {
		d.names = new([4]string)
	}
	for _, known := range d.names {
		if known == string(name) {
			return known
		}
	}
	s := string(name)
	if len(s) <= 64 {
		d.names[d.oldest] = s
		d.oldest = (d.oldest + 1) % len(d.names)
	}
	return s
}
