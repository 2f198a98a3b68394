package parser_test

import (
	"encoding/json"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

type small struct {
	Room string `json:"room"`
	Text string `json:"text"`
	N    int    `json:"n"`
}

type upload struct {
	Name  string `json:"name"`
	Bytes []byte `json:"bytes"`
}

var (
	smallText  = []byte(`2["message",{"room":"lobby","text":"hello there","n":42}]`)
	binaryText = []byte(`51-["upload",{"name":"a.png","bytes":{"_placeholder":true,"num":0}}]`)
	blob       = make([]byte, 1024)
	event      = parser.Header{Type: parser.Event, Namespace: "/"}
)

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name string
		arg  any
	}{
		{"string", "hello"},
		{"raw", json.RawMessage(`{"room":"lobby","text":"hello there","n":42}`)},
		{"raw with space", json.RawMessage(`{"room": "lobby", "text": "hello there", "n": 42}`)},
		{"struct", small{"lobby", "hello there", 42}},
		{"map", map[string]any{"room": "lobby", "text": "hello there", "n": 42}},
		{"binary struct", upload{"a.png", blob}},
		{"binary map", map[string]any{"name": "a.png", "bytes": blob}},
		{"bytes", blob},
	} {
		b.Run(c.name, func(b *testing.B) {
			var p parser.Parser = new(parser.JSON)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encodeBy(p, event, "message", c.arg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	d := new(parser.JSON).NewDecoder()
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(smallText)))
		for b.Loop() {
			if _, err := d.Decode(smallText, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("binary", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Decode(binaryText, false); err != nil {
				b.Fatal(err)
			}
			if p, err := d.Decode(blob, true); err != nil || p == nil {
				b.Fatal(p, err)
			}
		}
	})
	large := encode(b, "ev", bigTree()).Data
	b.Run("large", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(large)))
		for b.Loop() {
			if _, err := d.Decode(large, false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bigTree() any {
	var rows []any
	for i := range 500 {
		rows = append(rows, map[string]any{"id": i, "name": "somebody with a name", "tags": []string{"a", "b\n", "ç"}, "score": 1.5 * float64(i)})
	}
	return rows
}

func BenchmarkScan(b *testing.B) {
	text := mustDecode(b, string(smallText))
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v small
			if err := text.Args.Scan(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
	scalars := mustDecode(b, `2["move",1,2.5,true,"name"]`)
	b.Run("scalars", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var x int
			var y float64
			var ok bool
			var s string
			if err := scalars.Args.Scan(&x, &y, &ok, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
	binary := mustDecode(b, string(binaryText), blob)
	b.Run("binary struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v upload
			if err := binary.Args.Scan(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("binary any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := binary.Args.Scan(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
