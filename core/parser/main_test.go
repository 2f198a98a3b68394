package parser_test

import (
	"testing"

	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/parser"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// encode encodes an event on the main namespace.
func encode(t testing.TB, values ...any) parser.Encoded {
	t.Helper()
	e, err := encodeBy(new(parser.JSON), parser.Header{Type: parser.Event}, values...)
	if err != nil {
		t.Fatalf("Encode(%v): %v", values, err)
	}
	return e
}

// encodeBy encodes a packet by p. The name of an event is the first of values.
func encodeBy(p parser.Parser, h parser.Header, values ...any) (parser.Encoded, error) {
	if h.Type == parser.Event || h.Type == parser.BinaryEvent {
		if len(values) > 0 {
			h.Event, values = values[0].(string), values[1:]
		}
	}
	return p.Encode(h, values...)
}

// decode decodes a packet with its attachments by a decoder of p.
func decode(p parser.Parser, text string, attachments ...[]byte) (*parser.Packet, error) {
	d := p.NewDecoder()
	packet, err := d.Decode([]byte(text), false)
	for i := 0; i < len(attachments) && err == nil; i++ {
		packet, err = d.Decode(attachments[i], true)
	}
	return packet, err
}

func mustDecode(t testing.TB, text string, attachments ...[]byte) *parser.Packet {
	t.Helper()
	p, err := decode(new(parser.JSON), text, attachments...)
	if err != nil {
		t.Fatalf("Decode(%.80q): %v", text, err)
	}
	if p == nil {
		t.Fatalf("Decode(%.80q): packet is not complete", text)
	}
	return p
}
