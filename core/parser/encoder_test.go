package parser_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

func TestEncodeGolden(t *testing.T) {
	b1, b2 := []byte("one"), []byte("two")
	for _, c := range []struct {
		name   string
		header parser.Header
		values []any
		want   string
		binary [][]byte
	}{
		{"SP1 SP4 connect", parser.Header{Type: parser.Connect, Namespace: "/"}, nil, `0`, nil},
		{"SP4 connect with nothing", parser.Header{Type: parser.Connect}, []any{nil}, `0`, nil},
		{"SP4 connect with a nil map", parser.Header{Type: parser.Connect, Namespace: "/a"}, []any{map[string]string(nil)}, `0/a,`, nil},
		{"SU7 connect reply", parser.Header{Type: parser.Connect}, []any{struct {
			SID string `json:"sid"`
		}{"abc"}}, `0{"sid":"abc"}`, nil},
		{"SP2 connect to a namespace", parser.Header{Type: parser.Connect, Namespace: "/a"}, []any{map[string]any{"token": "1"}}, `0/a,{"token":"1"}`, nil},
		{"SP4 disconnect", parser.Header{Type: parser.Disconnect, Namespace: "/admin"}, nil, `1/admin,`, nil},
		{"event", parser.Header{Type: parser.Event, Namespace: "/"}, []any{"a", 1, "b", nil, true, 1.5}, `2["a",1,"b",null,true,1.5]`, nil},
		{"SP2 all of the header", parser.Header{Type: parser.Event, Namespace: "/n", ID: 13, HasID: true}, []any{"a"}, `2/n,13["a"]`, nil},
		{"id 0", parser.Header{Type: parser.Event, HasID: true}, []any{"a"}, `20["a"]`, nil},
		{"no id", parser.Header{Type: parser.Event, ID: 5}, []any{"a"}, `2["a"]`, nil},
		{"ack", parser.Header{Type: parser.Ack, Namespace: "/n", ID: 1<<64 - 1, HasID: true}, nil, `3/n,18446744073709551615[]`, nil},
		{"ack with values", parser.Header{Type: parser.Ack, ID: 1, HasID: true}, []any{map[string]any(nil), []any{}}, `31[null,[]]`, nil},
		{"connect_error", parser.Header{Type: parser.ConnectError, Namespace: "/n"}, []any{map[string]any{"message": "Invalid namespace"}}, `4/n,{"message":"Invalid namespace"}`, nil},
		{"connect_error of protocol 4", parser.Header{Type: parser.ConnectError}, []any{"no"}, `4"no"`, nil},
		{"no attachments in connect", parser.Header{Type: parser.Connect}, []any{map[string]any{"b": b1}}, `0{"b":"b25l"}`, nil},
		{"SU8 binary event", parser.Header{Type: parser.Event, Namespace: "/n", ID: 7, HasID: true}, []any{"a", b1}, `51-/n,7["a",{"_placeholder":true,"num":0}]`, [][]byte{b1}},
		{"binary type given", parser.Header{Type: parser.BinaryEvent}, []any{"a"}, `2["a"]`, nil},
		{"SU8 binary ack", parser.Header{Type: parser.BinaryAck, ID: 7, HasID: true}, []any{b1, b2}, `62-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, [][]byte{b1, b2}},
		{"SP13 order of discovery", parser.Header{Type: parser.Event}, []any{"a", map[string]any{"y": b2, "x": []any{b1, nil, 1}}, b1}, `53-["a",{"x":[{"_placeholder":true,"num":0},null,1],"y":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}]`, [][]byte{b1, b2, b1}},
		{"SP13 null beside attachments", parser.Header{Type: parser.Event}, []any{"a", nil, b1, []byte(nil), []byte{}}, `52-["a",null,{"_placeholder":true,"num":0},null,{"_placeholder":true,"num":1}]`, [][]byte{b1, {}}},
		{"EP6 window of a slice", parser.Header{Type: parser.Event}, []any{"a", b1[1:2]}, `51-["a",{"_placeholder":true,"num":0}]`, [][]byte{[]byte("n")}},
		{"named byte slices, pointers", parser.Header{Type: parser.Event}, []any{"a", Blob("x"), &b1, [1]Blob{Blob("y")}}, `53-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},[{"_placeholder":true,"num":2}]]`, [][]byte{[]byte("x"), b1, []byte("y")}},
		{"O1 numbers", parser.Header{Type: parser.Event}, []any{"a", 1e21, 0.1, 1e-7, 100.0, 1e20, []float64{1e21, 1e-9}, float32(0.1)}, `2["a",1e+21,0.1,1e-7,100,100000000000000000000,[1e+21,1e-9],0.1]`, nil},
		{"O1 no escapes for HTML or Unicode", parser.Header{Type: parser.Event}, []any{"<é&", "日本\U0001f600", small{Text: "<>&"}, json.RawMessage(`"<"`)}, `2["<é&","日本😀",{"room":"","text":"<>&","n":0},"<"]`, nil},
		{"O2 escapes", parser.Header{Type: parser.Event}, []any{"a\n\t\"\\\x01\u2028"}, `2["a\n\t\"\\\u0001\u2028"]`, nil},
		{"RawMessage is JSON", parser.Header{Type: parser.Event}, []any{"a", json.RawMessage(`{"x":[1]}`), json.RawMessage(nil)}, `2["a",{"x":[1]},null]`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := encodeBy(new(parser.JSON), c.header, c.values...)
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Data) != c.want || e.Binary {
				t.Errorf("got  %s\nwant %s", e.Data, c.want)
			}
			if cap(e.Data) > len(e.Data)+16 {
				t.Errorf("%d bytes for %d", cap(e.Data), len(e.Data))
			}
			if !reflect.DeepEqual(e.Attachments, c.binary) {
				t.Errorf("got attachments %q, want %q", e.Attachments, c.binary)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	cyclicMap := map[string]any{}
	cyclicMap["m"] = cyclicMap
	cyclicSlice := []any{nil}
	cyclicSlice[0] = cyclicSlice
	cyclicTree := &Tree{}
	cyclicTree.Next = cyclicTree
	type node struct{ Next *node }
	cyclicNode := &node{}
	cyclicNode.Next = cyclicNode
	var cyclicPointer any
	cyclicPointer = &cyclicPointer
	event := parser.Header{Type: parser.Event}
	for _, c := range []struct {
		name   string
		header parser.Header
		values []any
	}{
		{"SP6 cyclic map", event, []any{"a", cyclicMap}},
		{"SP6 cyclic slice", event, []any{"a", cyclicSlice}},
		{"SP6 cyclic struct", event, []any{"a", cyclicTree}},
		{"SP6 cyclic struct without bytes", event, []any{"a", cyclicNode}},
		{"SP6 cyclic pointer", event, []any{"a", cyclicPointer}},
		{"channel", event, []any{"a", make(chan int)}},
		{"channel beside bytes", event, []any{"a", []any{[]byte("b"), make(chan int)}}},
		{"NaN", event, []any{"a", math.NaN()}},
		{"Inf in a map", event, []any{"a", map[string]any{"x": math.Inf(1)}}},
		{"failing marshaler", event, []any{"a", []any{failing{}}}},
		{"bad RawMessage", event, []any{"a", json.RawMessage(`{"a"`)}},
		{"empty RawMessage", event, []any{"a", json.RawMessage{}}},
		{"no event name", event, nil},
		{"reserved event name", event, []any{"disconnect"}},
		{"disconnect with a value", parser.Header{Type: parser.Disconnect}, []any{1}},
		{"connect with two", parser.Header{Type: parser.Connect}, []any{1, 2}},
		{"connect with a number", parser.Header{Type: parser.Connect}, []any{5}},
		{"connect with a string", parser.Header{Type: parser.Connect}, []any{"x"}},
		{"connect_error with an array", parser.Header{Type: parser.ConnectError}, []any{[]int{5}}},
		{"no such type", parser.Header{Type: 7}, nil},
		{"namespace without slash", parser.Header{Type: parser.Event, Namespace: "a"}, []any{"a"}},
		{"namespace with comma", parser.Header{Type: parser.Event, Namespace: "/a,b"}, []any{"a"}},
	} {
		if e, err := encodeBy(new(parser.JSON), c.header, c.values...); err == nil || e.Data != nil {
			t.Errorf("%s: got %.60q, %v", c.name, e.Data, err)
		}
	}
	// What failed leaves nothing behind.
	for range 3 {
		if got := string(encode(t, "a", 1).Data); got != `2["a",1]` {
			t.Errorf("afterwards: %s", got)
		}
	}
}

type failing struct{}

var errFailing = errors.New("failing")

func (failing) MarshalJSON() ([]byte, error) { return nil, errFailing }

func TestEncodeWrapsTheCause(t *testing.T) {
	_, err := encodeBy(new(parser.JSON), event, "a", failing{})
	if !errors.Is(err, errFailing) {
		t.Errorf("got %v", err)
	}
	var unsupported *json.UnsupportedTypeError
	if _, err := encodeBy(new(parser.JSON), event, "a", []any{func() {}}); !errors.As(err, &unsupported) {
		t.Errorf("got %v", err)
	}
}

func TestSP14ValuesAreNotModified(t *testing.T) {
	v, same := everything(), everything()
	encode(t, "a", v, []any{v})
	if !reflect.DeepEqual(v, same) {
		t.Error("the value was modified")
	}
}

func TestEncodedIsIndependent(t *testing.T) {
	first := encode(t, "a", "first", []byte("1"), []byte("2"))
	text := string(first.Data)
	for range 10 {
		encode(t, "b", strings.Repeat("x", 100), []byte("3"), []byte("4"), []byte("5"))
	}
	if string(first.Data) != text || string(first.Attachments[0]) != "1" || string(first.Attachments[1]) != "2" {
		t.Errorf("got %s %q", first.Data, first.Attachments)
	}
}

func TestEncodeRaw(t *testing.T) {
	p := new(parser.JSON)
	bin := [][]byte{{1}, {2}}
	for _, c := range []struct {
		header      parser.Header
		payload     string
		attachments [][]byte
		want        string
	}{
		{parser.Header{Type: parser.Event, Namespace: "/"}, `["a"]`, nil, `2["a"]`},
		{parser.Header{Type: parser.Event, Namespace: "/n", ID: 3, HasID: true}, `["a"]`, bin, `52-/n,3["a"]`},
		{parser.Header{Type: parser.BinaryAck, ID: 3, HasID: true}, `[1]`, bin, `62-3[1]`},
		{parser.Header{Type: parser.Disconnect, Namespace: "/n"}, ``, nil, `1/n,`},
		{parser.Header{Type: parser.Connect}, `{}`, bin, `0{}`},
	} {
		e := p.EncodeRaw(c.header, []byte(c.payload), c.attachments)
		if string(e.Data) != c.want || (len(e.Attachments) > 0) != (c.want[0] == '5' || c.want[0] == '6') {
			t.Errorf("got %s %v, want %s", e.Data, e.Attachments, c.want)
		}
	}
}

func TestCustomJSON(t *testing.T) {
	var marshaled, unmarshaled int
	p := &parser.JSON{
		Marshal:   func(v any) ([]byte, error) { marshaled++; return json.Marshal(v) },
		Unmarshal: func(b []byte, v any) error { unmarshaled++; return json.Unmarshal(b, v) },
	}
	e, err := encodeBy(p, event, "a", small{Room: "r"}, upload{"n", []byte("b")}, []any{small{}}, 1)
	if want := `51-["a",{"room":"r","text":"","n":0},{"name":"n","bytes":{"_placeholder":true,"num":0}},[{"room":"","text":"","n":0}],1]`; err != nil || string(e.Data) != want {
		t.Errorf("got  %s, %v\nwant %s", e.Data, err, want)
	}
	if marshaled != 2 {
		t.Errorf("Marshal was called %d times, want 2", marshaled)
	}
	packet, err := decode(p, string(e.Data), e.Attachments...)
	if err != nil {
		t.Fatal(err)
	}
	var s small
	var u upload
	var list []any
	var n int
	if err := packet.Args.Scan(&s, &u, &list, &n); err != nil {
		t.Fatal(err)
	}
	if s.Room != "r" || u.Name != "n" || string(u.Bytes) != "b" || n != 1 || len(list) != 1 {
		t.Errorf("got %v %v %v %v", s, u, list, n)
	}
	if unmarshaled == 0 {
		t.Error("Unmarshal was not called")
	}
	failed := &parser.JSON{Marshal: func(any) ([]byte, error) { return nil, errFailing }}
	if _, err := encodeBy(failed, event, "a", small{}); !errors.Is(err, errFailing) {
		t.Errorf("got %v", err)
	}
}

func TestReservedEvent(t *testing.T) {
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		if !parser.ReservedEvent(name) {
			t.Errorf("%s is reserved", name)
		}
	}
	for _, name := range []string{"", "error", "connection", "message", "Connect"} {
		if parser.ReservedEvent(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
}

func TestEncodeDeepValues(t *testing.T) {
	var v any
	tree := &Tree{}
	for range 500 {
		v = map[string]any{"a": []any{v}}
		tree = &Tree{Kids: []*Tree{tree}}
	}
	for _, v := range []any{v, tree} {
		e := encode(t, "a", v)
		if _, err := decode(&parser.JSON{MaxDepth: -1}, string(e.Data)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestEncodeArgs(t *testing.T) {
	p := new(parser.JSON)
	payload, attachments, err := p.EncodeArgs("a", upload{"n", []byte("b")})
	if want := `["a",{"name":"n","bytes":{"_placeholder":true,"num":0}}]`; err != nil || string(payload) != want || len(attachments) != 1 {
		t.Fatalf("got %s, %q, %v", payload, attachments, err)
	}
	args, err := p.DecodeArgs(payload, attachments)
	if err != nil {
		t.Fatal(err)
	}
	var s string
	var u upload
	if err := args.Scan(&s, &u); err != nil || s != "a" || string(u.Bytes) != "b" {
		t.Errorf("got %q %v, %v", s, u, err)
	}
	if _, _, err := p.EncodeArgs(func() {}); err == nil {
		t.Error("no error")
	}
	for text, want := range map[string]error{`[1`: parser.ErrPayload, `{}`: parser.ErrPayload, ``: parser.ErrPayload, `[{"_placeholder":true,"num":1}]`: parser.ErrPlaceholder} {
		if _, err := p.DecodeArgs([]byte(text), [][]byte{{1}}); err != want {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

// What one client sends as an object must not break the packet for another one
// to whom the server forwards it beside an attachment.
func TestEncodeRefusesForgedPlaceholders(t *testing.T) {
	for _, forged := range []any{
		map[string]any{"_placeholder": true, "num": 0},
		map[string]any{"_placeholder": true, "num": 99},
		map[string]any{"_placeholder": true},
		map[string]any{"x": []any{map[string]any{"_placeholder": true, "num": "x"}}},
		json.RawMessage(`{"num":0,"_placeholder":true}`),
		json.RawMessage(`{"\u005fplaceholder":true,"num":0}`),
	} {
		if e, err := encodeBy(new(parser.JSON), event, "a", forged, []byte("b")); err == nil {
			t.Errorf("%v: %s", forged, e.Data)
		}
		if _, err := encodeBy(new(parser.JSON), event, "a", forged); err != nil {
			t.Errorf("%v without attachments: %v", forged, err)
		}
	}
}

func TestTypeString(t *testing.T) {
	if parser.Connect.String() != "CONNECT" || parser.BinaryAck.String() != "BINARY_ACK" || parser.Type(7).String() != "unknown" {
		t.Error("wrong names")
	}
}
