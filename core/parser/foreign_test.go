package parser_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

// oneMessage is a parser of another format, in the manner of MessagePack: a
// packet is a single binary message, attachments and all.
type oneMessage struct{}

type gobPacket struct {
	Header parser.Header
	Values [][]byte
}

func (oneMessage) Encode(h parser.Header, values ...any) (parser.Encoded, error) {
	p := gobPacket{Header: h}
	for _, v := range values {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(v); err != nil {
			return parser.Encoded{}, err
		}
		p.Values = append(p.Values, b.Bytes())
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(p)
	return parser.Encoded{Data: b.Bytes(), Binary: true}, err
}

func (oneMessage) NewDecoder() parser.Decoder { return oneMessage{} }

func (oneMessage) Pending() bool { return false }

func (oneMessage) Decode(data []byte, binary bool) (*parser.Packet, error) {
	if !binary {
		return nil, &parser.ProtocolError{Reason: "text"}
	}
	var p gobPacket
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&p); err != nil {
		return nil, err
	}
	return &parser.Packet{Header: p.Header, Args: parser.Args{
		Values: p.Values,
		Unmarshal: func(value []byte, _ [][]byte, v any) error {
			return gob.NewDecoder(bytes.NewReader(value)).Decode(v)
		},
	}}, nil
}

func TestForeignParser(t *testing.T) {
	var p parser.Parser = oneMessage{}
	e, err := p.Encode(parser.Header{Type: parser.Event, Namespace: "/n", Event: "ev"}, upload{"name", []byte("bytes")}, 5)
	if err != nil || !e.Binary || e.Attachments != nil {
		t.Fatalf("got %+v, %v", e, err)
	}
	packet, err := p.NewDecoder().Decode(e.Data, true)
	if err != nil {
		t.Fatal(err)
	}
	var u upload
	var n int
	var rest []string
	if err := packet.Args.Scan(&u, &n, &rest); err != nil || u.Name != "name" || string(u.Bytes) != "bytes" || n != 5 {
		t.Errorf("got %+v %d, %v", u, n, err)
	}
	var s string
	var arg *parser.ArgError
	if err := packet.Args.Decode(1, &s); !errors.As(err, &arg) || arg.Type != "string" {
		t.Errorf("got %v", err)
	}
}
