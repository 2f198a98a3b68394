package parser

import "fmt"

// EncodeArgs encodes values as the payload of an Event or Ack: a JSON array in
// which byte slices are placeholders for the attachments. [JSON.EncodeRaw] makes
// packets of it, and [JSON.DecodeArgs] reads it.
func (p *JSON) EncodeArgs(values ...any) (payload []byte, attachments [][]byte, err error) {
	e := newEncoder(p.Marshal)
	defer e.release()
	if err := e.payload(&Header{Type: Ack}, values); err != nil {
		return nil, nil, fmt.Errorf("parser: encode: %w", err)
	}
	return append([]byte(nil), e.buf...), append([][]byte(nil), e.attachments...), nil
}

// DecodeArgs splits a payload that EncodeArgs made into its values. It keeps its
// arguments. The error is a [*ProtocolError].
func (p *JSON) DecodeArgs(payload []byte, attachments [][]byte) (Args, error) {
	var room [inlineArgs + 1][]byte
	s := scanner{data: payload, depth: p.maxDepth(), refs: references{count: len(attachments)}}
	values, ok := s.elements(room[:0], maxElements)
	if s.refs.bad {
		return Args{}, ErrPlaceholder
	}
	if !ok {
		return Args{}, ErrPayload
	}
	args := Args{Values: append([][]byte(nil), values...), Attachments: attachments}
	if p.Unmarshal != nil {
		args.Unmarshal = p.unmarshal
	}
	return args, nil
}
