package parser_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

// reference encodes v with encoding/json, without escapes for HTML.
func reference(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// inlined encodes v as an acknowledgement and puts each attachment back as
// base64 text, which is what encoding/json would have written.
func inlined(v any) (string, error) {
	e, err := new(parser.JSON).Encode(parser.Header{Type: parser.Ack}, v)
	if err != nil {
		return "", err
	}
	text := string(e.Data)
	for i, b := range e.Attachments {
		mark := fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
		if strings.Count(text, mark) != 1 {
			return text, fmt.Errorf("placeholder %d is there %d times", i, strings.Count(text, mark))
		}
		text = strings.Replace(text, mark, `"`+base64.StdEncoding.EncodeToString(b)+`"`, 1)
	}
	_, text, _ = strings.Cut(text, "[")
	return strings.TrimSuffix(text, "]"), nil
}

func compareEncoding(t *testing.T, v any) {
	t.Helper()
	want, wantErr := reference(v)
	got, err := inlined(v)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%T: error %v, encoding/json: %v", v, err, wantErr)
	}
	if err == nil && got != want {
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		t.Fatalf("%T: from %d on\n got %.100s\nwant %.100s", v, i, got[i:], want[i:])
	}
}

func TestEncodeLikeEncodingJSON(t *testing.T) {
	b := []byte("b")
	var nilMaybe *Maybe
	var nilErr error
	for _, v := range []any{
		everything(), *everything(), &Everything{}, Everything{}, []any{everything(), *everything()},
		map[string]Everything{"x": *everything()}, []*Everything{nil, everything()},
		&Everything{OZIface: nilMaybe, Flag: ptr(true), NotStr: nil},
		Dup{DupA{"x", b, "c"}, &DupB{"x", b, b}, DupC{DupD{b}}, b}, &Dup{},
		TagWins{&TagA{"a", "b"}, &TagB{b}}, TagWins{}, Twice{TwiceA{TwiceC{b, TwiceD{b}}}, TwiceB{}, b},
		Tree{Value: b, Kids: []*Tree{{Data: b}, nil, {Next: &Tree{Value: []Tree{{}}}}}},
		List{{}, {{}, nil}}, AnyPair{}, &AnyPair{A: AnyPair{B: b}},
		PtrJSON{b}, &PtrJSON{b}, []PtrJSON{{b}}, [1]PtrJSON{{b}}, &[1]PtrJSON{{b}}, map[string]PtrJSON{"a": {b}},
		struct{ P PtrJSON }{PtrJSON{b}}, &struct{ P PtrJSON }{PtrJSON{b}}, any(&struct{ P any }{PtrJSON{b}}),
		ValJSON{b}, (*ValJSON)(nil), (*PtrJSON)(nil), []any{(*ValJSON)(nil), nilErr, nilMaybe},
		Upper{"a"}, &Upper{"a"}, map[Upper][]byte{{"b"}: b}, map[*Upper]any{nil: 1}, map[Name]any{"n": Name("v")},
		map[float64]any{}, map[string]any(nil), map[int][]byte(nil), []any(nil), [][]byte(nil), Blob(nil), []Octet{1},
		map[bool]any{true: 1}, struct{ C chan int }{}, struct {
			C chan int
			B []byte
		}{}, struct {
			F func() `json:",omitempty"`
			B []byte
		}{}, []any{func() {}}, []any{complex(1, 2)}, []any{json.Number("x")}, []any{json.Number("")},
		[]any{json.RawMessage("{")}, []any{json.RawMessage(nil)}, json.RawMessage(`[1,"<"]`),
		"plain", "\xff\xfe", "\u2028\u2029\u2027", "a\x01\x1f\x7f", true, 1, int8(-1), uint16(3), uintptr(9), float32(0.1), 1e20, 1e21, 1e-6, 1e-7, 123456789.125,
		[4]byte{1, 2}, [2]any{b, b}, &[2]any{b, nil}, struct{ error }{}, struct{ Any any }{[]byte(nil)},
	} {
		compareEncoding(t, v)
	}
}

// targets are the types that texts are decoded into.
var targets = []func() any{
	func() any { return new(any) },
	func() any { return new(Everything) },
	func() any { return everything() },
	func() any { return new(*Everything) },
	func() any { return new(Tree) },
	func() any { return new(Dup) },
	func() any { return new(AnyPair) },
	func() any { return new([]any) },
	func() any { return &[]any{1, "x", ptr(2), ptr(any(3))} },
	func() any { return new([2]any) },
	func() any { return new([][]byte) },
	func() any { return new(map[string][]byte) },
	func() any { return new(map[int]any) },
	func() any { return new(map[Upper]Blob) },
	func() any { return new(map[float64]any) },
	func() any { return new([]byte) },
	func() any { return new(Blob) },
	func() any { return new(*[]byte) },
	func() any { return new([]Octet) },
	func() any { return new(PtrJSON) },
	func() any { return new(Upper) },
	func() any { return &[]any{new(Tree)}[0] },
	func() any { return new(small) },
	func() any { return new(upload) },
	func() any { return new(string) },
	func() any { return new(int) },
	func() any { return new(int64) },
	func() any { return new(float64) },
	func() any { return new(bool) },
	func() any { return new(json.RawMessage) },
	func() any { return new(json.Number) },
	func() any { return new(error) },
	func() any { return new([]small) },
	func() any { return new(Plain) },
	func() any {
		return &Plain{P: &Plain{S: "s"}, Ints: []int{1, 2, 3}[:1], M: map[string]float32{"a": 1}, L: make([]Plain, 1, 3)}
	},
	func() any { return new([]Plain) },
	func() any { return new(TagWins) },
	func() any { return new(Twice) },
	func() any { return new(uint8) },
	func() any { return new(float32) },
	func() any { return new(Name) },
	func() any { return new([]string) },
	func() any { return new(map[string]string) },
	func() any { return new([]int) },
	func() any { return new(map[string]small) },
}

// compareDecoding decodes text into a value of the target type, with and without
// attachments, and compares with encoding/json.
func compareDecoding(t *testing.T, text []byte, target func() any) {
	t.Helper()
	want := target()
	wantErr := json.Unmarshal(text, want)
	with := [][][]byte{nil, {[]byte("attachment")}}
	if bytes.Contains(text, []byte("placeholder")) {
		with = with[:1] // without attachments, a placeholder is an object
	}
	for _, attachments := range with {
		got := target()
		args := parser.Args{Values: [][]byte{text}, Attachments: attachments}
		err := args.Scan(got)
		if _, raw := got.(*json.RawMessage); raw {
			continue // not checked: the decoder has done that
		}
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%T from %q: error %v, encoding/json: %v", got, text, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%T from %q:\n got %.300s\nwant %.300s", got, text, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
		}
	}
}

func decodingSeeds() [][]byte {
	var seeds [][]byte
	for _, v := range []any{everything(), Everything{}, Tree{Kids: []*Tree{{}}}, AnyPair{A: 1, B: "x"}, small{"a", "b", 1}} {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		seeds = append(seeds, b)
	}
	for _, s := range []string{
		`null`, `true`, `false`, `0`, `-0`, `1e5`, `1.5`, `-12`, `1e999`, `18446744073709551615`, `99999999999999999999`, `""`, `"text"`, `"aGk="`, `"\u00e9\n"`, "\"\xff\"", `"bad base64!"`,
		`[]`, `{}`, `[1,2,3]`, `[null,"x",{"a":[]},[[]]]`, `["aGk=","eA=="]`, `{"a":"aGk=","b":null}`, `{"1":2,"-3":[]}`, `{"300":""}`, `{"x":1}`, `{"VALUE":1,"kids":[{"Data":"aGk="},null],"NEXT":{"next":null}}`,
		`{"case":"x"}`, `{"Case":"x"}`, `{"CASE":"aGk="}`, `{"y":"","X":"","q":"aGk="}`, `{"V":"aGk=","Only":"o","W":"x","Q":1,"Own":2}`, `{"A":1,"A":{"b":[1]},"a":[2]}`, `{"M":{"a":{"b":[]},"a":{"c":{}}},"S":[[1],null]}`,
		`{"Int":"5"}`, `{"Int":5}`, `{"Int":null}`, `{"Int":"x"}`, `{"IntPtr":"7"}`, `{"IntPtr":null}`, `{"str":"\"s\""}`, `{"str":"s"}`, `{"Float":"1.5","flag":"true"}`, `{"tagged":{"In":1,"B":"aGk="}}`, `{"tagged":5}`, `{"tagged":null}`,
		`{"embed_b":"aGk=","Level":3,"Inner":"i"}`, `{"TextMap":{"a":1,"waytoolongtobeakeyofthatkind":2}}`, `{"UintMap":{"256":""}}`, `{"Arrays":["eA==","eA==","eA=="]}`, `{"Array":[1]}`, `{"Err":null}`, `{"Err":1}`, `{"Nested":{"Nested":{}}}`, `{"Ptr":[1, 2],"PtrMap":{"a": {}}}`, `{"Raw": [ 1 ] ,"Number":12}`, `{"Number":"12"}`, `{"Upper":1}`, `{"OZIface":{}}`,
		`{"I":-5,"I8":127,"I64":-9223372036854775808,"U":1,"U16":65535,"U64":18446744073709551615,"F32":1.5,"F64":1e-300,"B":true,"S":"s","N":"n","P":{"P":null,"S":"x"},"Ints":[1,2],"Arr":[1,2,3],"M":{"a":1},"NM":{"b":null,"c":"d"},"L":[{"I":1},{}],"DeepValue":"d","PtrValue":3}`,
		`{"I8":128}`, `{"U":-0}`, `{"U":-1}`, `{"I":-0}`, `{"I":1.0}`, `{"I":1e2}`, `{"U16":65536}`, `{"F32":1e39}`, `{"F32":16777217}`, `{"F64":1e309}`, `{"B":null,"S":null,"I":null}`, `{"B":1}`, `{"S":1}`, `{"I":"1"}`, `{"s":"\ud800","n":"\ud83d\ude00"}`, `{"Ints":[null,1],"Arr":null,"M":null}`, `{"L":[null,{"I":2}],"L":[{"S":"again"}]}`, `{"Base64":"aGk="}`, `{"Base64":[1,2]}`, `{"Base64":"?"}`,
		`{"_placeholder":true,"num":0}`, `{"a":{"_placeholder":true,"num":0}}`, `[{"_placeholder":true,"num":0}]`, `{"Any":{"_placeholder":true,"num":0},"Bytes":"aGk="}`,
		"\u00a0", ` [ 1 , 2 ] `, `{"a":1,}`, `[1,]`, `01`, `1.`, `"\x"`, "\"\n\"", `{"a" 1}`, `{a:1}`, `[`, `"`, ``, `nul`, `[1] x`, `{"room":"r","text":"t\u0000","n":3}`, `{"ROOM":"r","n":1.5}`, `[{"room":1}]`,
	} {
		seeds = append(seeds, []byte(s))
	}
	return seeds
}

func TestScanLikeEncodingJSON(t *testing.T) {
	for _, text := range decodingSeeds() {
		for _, target := range targets {
			compareDecoding(t, text, target)
		}
	}
}

func FuzzScan(f *testing.F) {
	for i, text := range decodingSeeds() {
		f.Add(text, uint8(i%len(targets))) // TestScanLikeEncodingJSON takes all pairs
	}
	f.Fuzz(func(t *testing.T, text []byte, target uint8) {
		if bytes.Contains(text, []byte("placeholder")) {
			args := parser.Args{Values: [][]byte{text}, Attachments: [][]byte{{1}}}
			_ = args.Scan(targets[int(target)%len(targets)]()) // must not panic
		}
		compareDecoding(t, text, targets[int(target)%len(targets)])
	})
}

// FuzzEncodeDifferential fills values from JSON texts and compares what both
// encoders make of them.
func FuzzEncodeDifferential(f *testing.F) {
	for i, text := range decodingSeeds() {
		for j := i % 4; j < len(targets); j += 4 {
			f.Add(text, uint8(j), []byte("bytes"))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, target uint8, extra []byte) {
		if bytes.Contains(text, []byte("placeholder")) || bytes.Contains(extra, []byte("placeholder")) {
			t.Skip()
		}
		v := targets[int(target)%len(targets)]()
		if json.Unmarshal(text, v) != nil {
			t.Skip()
		}
		compareEncoding(t, v)
		compareEncoding(t, reflect.ValueOf(v).Elem().Interface())
		compareEncoding(t, []any{v, extra, map[string]any{string(extra): v, "x": extra}, string(extra)})
	})
}
