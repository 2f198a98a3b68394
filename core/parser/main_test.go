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
	e, err := new(parser.JSON).Encode(parser.Header{Type: parser.Event}, values...)
	if err != nil {
		t.Fatalf("Encode(%v): %v", values, err)
	}
	return e
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
