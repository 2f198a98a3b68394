package parser_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Types on which the parser has to agree with encoding/json. Each can hold
// bytes, so that nothing is left to encoding/json as a whole.

type (
	Level   int
	Blob    []byte
	Octet   byte
	Name    string
	Celsius float64
)

// Upper has text methods, on the value and on the pointer.
type Upper struct{ s string }

func (u Upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(u.s)), nil }
func (u *Upper) UnmarshalText(b []byte) error {
	if len(b) > 20 {
		return errors.New("too long")
	}
	u.s = strings.ToUpper(string(b))
	return nil
}

// PtrJSON has its JSON form on the pointer only.
type PtrJSON struct{ B []byte }

func (p *PtrJSON) MarshalJSON() ([]byte, error) {
	return []byte(`{"len": ` + fmt.Sprint(len(p.B)) + `}`), nil
}
func (p *PtrJSON) UnmarshalJSON(b []byte) error { p.B = append([]byte("raw:"), b...); return nil }

// ValJSON has its JSON form on the value.
type ValJSON struct{ B []byte }

func (v ValJSON) MarshalJSON() ([]byte, error) { return json.Marshal([]any{"<val>", len(v.B)}) }

func (v *ValJSON) UnmarshalJSON(b []byte) error { v.B = append([]byte(nil), b...); return nil }

// Maybe is zero if it says so.
type Maybe struct {
	Set bool
	B   []byte
}

func (m Maybe) IsZero() bool { return !m.Set }

type PtrMaybe struct{ B []byte }

func (m *PtrMaybe) IsZero() bool { return m == nil || len(m.B) < 2 }

type inner struct {
	Inner  string
	Shadow string
	Bytes  []byte
}

type Deep struct {
	Shadow string `json:"Shadow"`
	Level  Level
	Both   string
	Twice  string
}

type Deeper struct {
	Both  string
	Twice string
	*Deep
}

type tagged struct {
	In any
	B  []byte
}

type Everything struct {
	inner
	Deeper
	*Embedded
	tagged `json:"tagged"`

	Any      any
	Bytes    []byte
	Blob     Blob
	Octets   []Octet
	Array    [3]byte
	Arrays   [2][]byte
	Pointer  *[]byte
	Nested   **Everything
	List     []Everything `json:"list,omitempty"`
	Map      map[string][]byte
	IntMap   map[int]any
	UintMap  map[uint8]Blob
	TextMap  map[Upper]any
	NameMap  map[Name][]any
	Hidden   []byte `json:"-"`
	Dash     []byte `json:"-,"`
	Bad      []byte `json:"b\"ad"`
	Umlaut   []byte `json:"grüße,omitempty"`
	Upper    Upper
	UpperPtr *Upper
	Ptr      PtrJSON
	PtrPtr   *PtrJSON
	PtrList  []PtrJSON
	PtrMap   map[string]PtrJSON
	Val      ValJSON
	ValPtr   *ValJSON
	Time     time.Time
	IP       net.IP
	Raw      json.RawMessage
	Number   json.Number
	Err      error

	Int     int8    `json:",string"`
	IntPtr  *int    `json:",string"`
	Str     string  `json:"str,string"`
	Float   Celsius `json:",string,omitempty"`
	Flag    *bool   `json:"flag,string,omitempty"`
	NotStr  []byte  `json:",string"`
	F32     float32
	F64     float64
	U64     uint64
	I64     int64
	Name    Name
	Deg     Celsius
	Complex struct {
		A, B any
		C    []string
	}

	OEBytes  []byte                     `json:",omitempty"`
	OEAny    any                        `json:",omitempty"`
	OEMap    map[string]any             `json:",omitempty"`
	OEArray  [0]any                     `json:",omitempty"`
	OEStruct Maybe                      `json:",omitempty"`
	OEPtr    *Maybe                     `json:",omitempty"`
	OEInt    int                        `json:",omitempty"`
	OEString string                     `json:",omitempty"`
	OEBool   bool                       `json:",omitempty"`
	OZBytes  []byte                     `json:",omitzero"`
	OZMaybe  Maybe                      `json:",omitzero"`
	OZPtr    *Maybe                     `json:",omitzero"`
	OZPtrM   PtrMaybe                   `json:",omitzero"`
	OZPtrMP  *PtrMaybe                  `json:",omitzero"`
	OZIface  interface{ IsZero() bool } `json:",omitzero"`
	OZTime   time.Time                  `json:",omitzero"`
	OZStruct struct{ X any }            `json:",omitzero"`

	private []byte
}

type Embedded struct {
	Both     string
	EmbedB   []byte `json:"embed_b"`
	EmbedAny any
}

// Dup has two fields of a name at the same depth, so neither counts.
type Dup struct {
	DupA
	*DupB
	DupC
	Own []byte
}
type DupA struct {
	X    string
	Y    []byte `json:"y"`
	Case string
}
type DupB struct {
	X    string
	Z    []byte `json:"y"`
	CASE []byte
}
type DupC struct{ DupD }
type DupD struct{ Q []byte }

// Tree is recursive.
type Tree struct {
	Value any     `json:"value"`
	Data  []byte  `json:"data,omitempty"`
	Kids  []*Tree `json:"kids,omitempty"`
	Next  *Tree   `json:"next,omitempty"`
}

type List []List

type AnyPair struct {
	A, B any
	M    map[string]map[string]any
	S    [][]any
}

func ptr[T any](v T) *T { return &v }

func everything() *Everything {
	b := []byte("pointer")
	next := &Everything{Any: 1.0}
	e := &Everything{
		inner:  inner{"in", "shadow", []byte("inner")},
		Deeper: Deeper{"both", "twice", &Deep{"deep", 7, "b", "t"}},
		tagged: tagged{map[string]any{"<k>": []byte("any")}, []byte("t")},
		Any:    map[string]any{"z": []any{[]byte("z0"), nil, "é\u2028<&>\x00\x7f\xff\"\\\n\r\t\b\f"}, "a": &b, "n": []byte(nil)},
		Bytes:  []byte("bytes"), Blob: Blob("blob"), Octets: []Octet{1, 2}, Array: [3]byte{1, 2, 3},
		Arrays: [2][]byte{[]byte("a0"), nil}, Pointer: &b, Nested: &next,
		List:    []Everything{{Bytes: []byte{}}},
		Map:     map[string][]byte{"b": []byte("B"), "a": []byte("A"), "": nil},
		IntMap:  map[int]any{10: []byte("ten"), 9: "nine", -1: nil},
		UintMap: map[uint8]Blob{255: Blob("max"), 3: nil},
		TextMap: map[Upper]any{{"x"}: []byte("x"), {"a"}: 1},
		NameMap: map[Name][]any{"n": {[]byte("n"), 1e21, 1e-7, 0.1, -0.0, 100.0}},
		Hidden:  []byte("hidden"), Dash: []byte("dash"), Bad: []byte("bad"), Umlaut: []byte("u"),
		Upper: Upper{"up"}, UpperPtr: &Upper{"ptr"}, Ptr: PtrJSON{b}, PtrPtr: &PtrJSON{b},
		PtrList: []PtrJSON{{b}}, PtrMap: map[string]PtrJSON{"k": {b}},
		Val: ValJSON{b}, ValPtr: &ValJSON{}, Time: time.Unix(1, 5).UTC(), IP: net.IPv4(1, 2, 3, 4),
		Raw: json.RawMessage(`{ "raw" : [1, "<"] }`), Number: "12.50",
		Int: -5, IntPtr: ptr(6), Str: `q"<`, Float: 1.5, Flag: ptr(false), NotStr: []byte("ns"),
		F32: 3.4e38, F64: 5e-324, U64: 1<<64 - 1, I64: -1 << 63, Name: "n<", Deg: 1e300,
		OEBytes: []byte("x"), OEAny: 0, OEMap: map[string]any{"k": []byte("v")}, OEPtr: &Maybe{B: b}, OEInt: 1, OEString: "s", OEBool: true,
		OZBytes: []byte{}, OZMaybe: Maybe{Set: true, B: b}, OZPtr: &Maybe{}, OZPtrM: PtrMaybe{b}, OZPtrMP: &PtrMaybe{}, OZIface: Maybe{Set: true},
		private: []byte("private"),
	}
	e.Complex.A = struct{ B []byte }{[]byte("anon")}
	e.Complex.C = []string{"c", "<"}
	e.Embedded = &Embedded{"eb", []byte("embed"), []any{Blob("x")}}
	return e
}

// Plain can hold no bytes.
type Plain struct {
	I      int
	I8     int8
	I64    int64
	U      uint
	U16    uint16
	U64    uint64
	F32    float32
	F64    float64
	B      bool
	S      string
	N      Name
	P      *Plain
	Ints   []int
	Arr    [2]int16
	M      map[string]float32
	NM     map[Name]*string
	L      []Plain
	Base64 []byte
	DeepPlain
	*PlainPtr
}

type DeepPlain struct{ DeepValue string }

type PlainPtr struct {
	S        string
	PtrValue uint8
}

// TagWins has two fields of a name at the same depth, of which the one with the
// name in its tag counts.
type TagWins struct {
	*TagA
	*TagB
}
type TagA struct{ V, Only string }
type TagB struct {
	W []byte `json:"V"`
}

// Twice embeds a struct twice at the same depth, which hides its fields.
type Twice struct {
	TwiceA
	TwiceB
	Own any
}
type (
	TwiceA struct{ TwiceC }
	TwiceB struct{ TwiceC }
	TwiceC struct {
		V []byte
		TwiceD
	}
	TwiceD struct{ Q any }
)
