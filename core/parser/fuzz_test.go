package parser_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

// FuzzDecode decodes a text message and as many attachments as it asks for. What
// comes out has to be valid and to survive another round trip.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`0`, `012{}`, `0/a,{"b":1}`, `1/a,`, `2["a",1,{"b":[null,true,"\u00e9"]}]`, `2/a?b=c,12["a"]`, `31[]`, `4"x"`, `4{"message":"x"}`, `2[1]`,
		`51-["a",{"_placeholder":true,"num":0}]`, `62-/a,7[[{ "num":1,"_placeholder":true }],{"_placeholder":true,"num":0}]`, `510-["a"]`,
		`50-["a"]`, `5`, `5a-`, `511-[]`, `9`, `2["connect"]`, `2[-0.5e+7,"` + "\xff" + `"]`, `51-["a",{"\u005fplaceholder":true}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := new(parser.JSON)
		packet := complete(t, p, data)
		if packet == nil {
			return
		}
		for _, v := range packet.Args.Values {
			if !json.Valid(v) {
				t.Fatalf("%q: argument %q", data, v)
			}
		}
		var tree any
		for i := range packet.Args.Len() {
			err := packet.Args.Decode(i, &tree)
			var tooLarge *json.UnmarshalTypeError // a number that does not fit a float64
			if err != nil && (!errors.As(err, &tooLarge) || !strings.HasPrefix(tooLarge.Value, "number")) {
				t.Fatalf("%q: %v", data, err)
			}
		}
		again := complete(t, p, p.EncodeRaw(packet.Header, payload(packet), packet.Args.Attachments).Data)
		if again == nil || again.Header != packet.Header || again.Event != packet.Event || !slices.EqualFunc(again.Args.Values, packet.Args.Values, bytes.Equal) {
			t.Fatalf("%q: got %+v, want %+v", data, again, packet)
		}
	})
}

// FuzzEncodeRaw compares what becomes of JSON that is given as it is with
// encoding/json.
func FuzzEncodeRaw(f *testing.F) {
	for _, s := range []string{``, `null`, ` 1`, `1 `, `[1, 2]`, `{"a":[{"b":"\u2028 "}]}`, `{"a" :1}`, `"\xff"`, `[`, `1 2`, "[1,\n2]", `"<&>"`, `-0.5e+7`, `01`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		wantErr := e.Encode(json.RawMessage(data))
		got, err := new(parser.JSON).Encode(parser.Header{Type: parser.Ack, Namespace: "/", HasID: true}, json.RawMessage(data))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, want %v", data, err, wantErr)
		}
		if text := "30[" + strings.TrimSuffix(want.String(), "\n") + "]"; err == nil && string(got.Data) != text {
			t.Fatalf("%q: got %s, want %s", data, got.Data, text)
		}
	})
}

// complete decodes data and gives the decoder the attachments that it wants. It
// returns nil if the data are not valid.
func complete(t *testing.T, p *parser.JSON, data []byte) *parser.Packet {
	d := p.NewDecoder()
	packet, err := d.Decode(data, false)
	for i := 0; err == nil && packet == nil; i++ {
		if !d.Pending() || i >= parser.DefaultMaxAttachments {
			t.Fatalf("%q: no packet and no error", data)
		}
		packet, err = d.Decode([]byte{byte(i)}, true)
	}
	if (err == nil) == (packet == nil) || d.Pending() {
		t.Fatalf("%q: packet %v, error %v", data, packet, err)
	}
	return packet
}

// payload puts the payload of a packet together again.
func payload(p *parser.Packet) []byte {
	values := p.Args.Values
	switch p.Type {
	case parser.Event:
		name, err := json.Marshal(p.Event)
		if err != nil {
			panic(err)
		}
		values = slices.Concat([][]byte{name}, values)
	case parser.Ack:
	default:
		return bytes.Join(values, nil)
	}
	return slices.Concat([]byte("["), bytes.Join(values, []byte(",")), []byte("]"))
}
