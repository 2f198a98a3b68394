package parser

// inlineArgs is how many arguments fit the allocation of a packet. More of them
// need a second one.
const inlineArgs = 3

// packet is a [Packet] with room for its arguments.
type packet struct {
	Packet
	inline [inlineArgs][]byte
}

// jsonDecoder is the [Decoder] of [JSON].
type jsonDecoder struct {
	maxAttachments int
	maxBytes       int64
	maxDepth       int
	unmarshal      func(value []byte, attachments [][]byte, v any) error

	pending *Packet // waits for attachments
	missing int     // how many
	bytes   int64   // size of those that came
	failed  error

	// The names of the last packets, so that equal ones need no new strings.
	namespace string
	names     [4]string
	oldest    int
}

// NewDecoder implements [Parser]. The decoder returns a [*ProtocolError] for a
// message that it does not accept, and from then on for every message. It does
// not allocate for what a peer announces, but for what it sends.
//
// It accepts what the reference server accepts, with these exceptions: an event
// needs a payload; an acknowledgement id has at most 19 digits; an attachment may
// be referred to only once, by a placeholder of just the two members; an event
// has at most 131071 arguments; an empty message is no packet.
func (p *JSON) NewDecoder() Decoder {
	d := &jsonDecoder{
		maxAttachments: p.maxAttachments(),
		maxBytes:       p.maxAttachmentBytes(),
		maxDepth:       p.maxDepth(),
	}
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
	if d.maxBytes >= 0 && d.bytes > d.maxBytes {
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
	h, namespace, payload, err := parseHead(data, d.maxAttachments)
	if err != nil {
		return nil, err
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
	p := &packet{Packet: Packet{Header: h.Header, Args: Args{Unmarshal: d.unmarshal}}}
	if err := d.payload(p, h, payload); err != nil {
		return nil, err
	}
	if h.binary {
		// The count is the peer's word: no memory for it before the data are here.
		p.Args.Attachments = make([][]byte, 0, min(h.attachments, DefaultMaxAttachments))
		d.pending, d.missing, d.bytes = &p.Packet, h.attachments, 0
		return nil, nil
	}
	return &p.Packet, nil
}

// payload checks the payload of p and splits it into arguments.
func (d *jsonDecoder) payload(p *packet, h head, payload []byte) error {
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
	s := scanner{data: payload, depth: d.maxDepth}
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
func (d *jsonDecoder) array(p *packet, h head, payload []byte) error {
	var room [inlineArgs + 1][]byte
	s := scanner{data: payload, depth: d.maxDepth, refs: references{count: h.attachments}}
	values, ok := s.elements(room[:0])
	if s.refs.bad {
		return ErrPlaceholder
	}
	if !ok {
		return ErrPayload
	}
	if h.Type == Event {
		if len(values) == 0 {
			return ErrPayload
		}
		if p.Event, ok = d.eventName(values[0]); !ok {
			return ErrPayload
		}
		values = values[1:]
	}
	p.Args.Values = append(p.inline[:0:inlineArgs], values...)
	return nil
}

// eventName returns the name that the first element of an event is, if it is
// one: a string that is not reserved, or a number.
func (d *jsonDecoder) eventName(element []byte) (string, bool) {
	if c := element[0]; c == '-' || isDigit(c) {
		return d.intern(element), true
	}
	if element[0] != '"' {
		return "", false
	}
	name := d.intern(unquote(element))
	return name, !ReservedEvent(name)
}

// intern returns name as a string, the same one if it was among the last ones.
// Long names are not remembered.
func (d *jsonDecoder) intern(name []byte) string {
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
