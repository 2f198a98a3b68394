package socketio

import (
	"errors"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// canonical is the form in which events travel between nodes, whatever format
// they have on their way to clients.
var canonical = &parser.JSON{MaxAttachments: -1, MaxAttachmentBytes: -1, MaxDepth: -1}

func encodePayload(event string, args []any) (cluster.Payload, error) {
	values := make([]any, 1+len(args))
	values[0] = event
	copy(values[1:], args)
	return encodeValues(values...)
}

func encodeValues(values ...any) (cluster.Payload, error) {
	data, attachments, err := canonical.EncodeArgs(values...)
	return cluster.Payload{JSON: data, Attachments: attachments}, err
}

func decodePayload(p cluster.Payload) (parser.Args, error) {
	return canonical.DecodeArgs(p.JSON, p.Attachments)
}

// payloadOf is the canonical form of what a client sent.
func payloadOf(args parser.Args) (cluster.Payload, error) {
	values := make([]any, args.Len())
	for i := range values {
		if err := args.Decode(i, &values[i]); err != nil {
			return cluster.Payload{}, err
		}
	}
	return encodeValues(values...)
}

// frame makes a packet for clients of an event in canonical form. The header need
// not have its name.
func (n *Namespace) frame(h parser.Header, p cluster.Payload) (parser.Encoded, error) {
	if json := n.server.json; json != nil {
		return json.EncodeRaw(h, p.JSON, p.Attachments), nil
	}
	args, err := decodePayload(p)
	if err != nil {
		return parser.Encoded{}, err
	}
	if err := args.Decode(0, &h.Event); err != nil {
		return parser.Encoded{}, err
	}
	values := make([]any, args.Len()-1)
	for i := range values {
		if err := args.Decode(i+1, &values[i]); err != nil {
			return parser.Encoded{}, err
		}
	}
	return n.server.opts.Parser.Encode(h, values...)
}

// withOffset returns the event with its offset as last argument, where clients
// look for it.
func withOffset(p cluster.Payload, offset string) cluster.Payload {
	data := make([]byte, 0, len(p.JSON)+len(offset)+4)
	data = append(data, p.JSON[:len(p.JSON)-1]...)
	data = append(data, ',', '"')
	data = append(data, offset...) // offsets are made of plain characters
	data = append(data, '"', ']')
	return cluster.Payload{JSON: data, Attachments: p.Attachments}
}

// eventOut makes a queue item of an event in canonical form.
func (n *Namespace) eventOut(p cluster.Payload, f cluster.Flags, offset string) (*engineio.Outgoing, error) {
	if offset != "" {
		p = withOffset(p, offset)
	}
	enc, err := n.frame(parser.Header{Type: parser.Event, Namespace: n.name}, p)
	if err != nil {
		return nil, err
	}
	return flags{volatile: f.Volatile, noCompress: f.NoCompress}.outgoing(enc), nil
}

// eventName returns the first of the arguments: a string or, as clients may send it, a
// number.
func eventName(args parser.Args) string {
	raw := args.Raw(0)
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw)
	}
	var name string
	args.Decode(0, &name)
	return name
}

var errNoEvent = errors.New("it has no name")

// eventArgs returns the name and the arguments of an event, for OnAnyOutgoing. An
// error means that it is no event that clients could be sent.
func eventArgs(p cluster.Payload) (event string, args []any, err error) {
	decoded, err := decodePayload(p)
	if err != nil {
		return "", nil, err
	}
	if event = eventName(decoded); event == "" {
		return "", nil, errNoEvent
	}
	for i := 1; i < decoded.Len(); i++ {
		var v any
		decoded.Decode(i, &v) // it is JSON: it was split
		args = append(args, v)
	}
	return event, args, nil
}
