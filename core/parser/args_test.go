package parser_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/parser"
)

func TestScan(t *testing.T) {
	args := &mustDecode(t, `2["ev",1,"two",null,{"room":"r"},[1,2],true]`).Args
	if args.Len() != 6 {
		t.Errorf("Len is %d", args.Len())
	}
	n, s, keep, flag := 0, "", "keep", false
	var m small
	var list []int
	if err := args.Scan(&n, &s, &keep, &m, &list, &flag); err != nil {
		t.Fatal(err)
	}
	if n != 1 || s != "two" || keep != "keep" || m.Room != "r" || !reflect.DeepEqual(list, []int{1, 2}) || !flag {
		t.Errorf("got %v %v %v %v %v %v", n, s, keep, m, list, flag)
	}
	s = ""
	if err := args.Scan(nil, &s); err != nil || s != "two" {
		t.Errorf("skipping, and with arguments left over: %q, %v", s, err)
	}
	if err := args.Scan(); err != nil {
		t.Errorf("no destination: %v", err)
	}
	if err := args.Decode(4, &list); err != nil {
		t.Errorf("Decode: %v", err)
	}
	if string(args.Raw(3)) != `{"room":"r"}` || args.Raw(6) != nil || args.Raw(-1) != nil {
		t.Errorf("Raw: %s %s", args.Raw(3), args.Raw(6))
	}
}

func TestScanNull(t *testing.T) {
	args := &mustDecode(t, `2["ev",null]`).Args
	n, s, m, raw := 1, "x", map[string]any{}, json.RawMessage(nil)
	p, list, a := &n, []int{1}, any(1)
	for _, dst := range []any{&n, &s, &m, &p, &list, &a, &raw} {
		if err := args.Scan(dst); err != nil {
			t.Errorf("%T: %v", dst, err)
		}
	}
	if n != 1 || s != "x" || m != nil || p != nil || list != nil || a != nil || string(raw) != "null" {
		t.Errorf("got %v %v %v %v %v %v %s", n, s, m, p, list, a, raw)
	}
}

func TestScanMissing(t *testing.T) {
	args := &mustDecode(t, `2["ev"]`).Args
	n := 1
	p, list, m, a, raw, b := &n, []int{1}, map[string]int{}, any(1), json.RawMessage("1"), []byte("x")
	if err := args.Scan(&p, &list, &m, &a, &raw, &b); err != nil {
		t.Errorf("optional arguments: %v", err)
	}
	if p != nil || list != nil || m != nil || a != nil || raw != nil || b != nil {
		t.Errorf("got %v %v %v %v %v %v", p, list, m, a, raw, b)
	}
	for _, dst := range []any{&n, new(string), new(small), new([2]int), new(bool)} {
		if err := args.Scan(dst); !errors.Is(err, parser.ErrMissing) {
			t.Errorf("%T: %v", dst, err)
		}
	}
	if err := args.Scan(nil, nil); err != nil {
		t.Errorf("skipping what is missing: %v", err)
	}
}

func TestArgError(t *testing.T) {
	args := &mustDecode(t, `2["ev",1,"two"]`).Args
	var a, b int
	err := args.Scan(&a, &b)
	var arg *parser.ArgError
	if !errors.As(err, &arg) || arg.Index != 1 || arg.Type != "int" {
		t.Fatalf("got %#v", err)
	}
	var typeError *json.UnmarshalTypeError
	if !errors.As(err, &typeError) {
		t.Errorf("the cause is %T", arg.Err)
	}
	if want := "args[1] as int: json: cannot unmarshal string into Go value of type int"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if err := args.Scan(&a, nil, &b); err == nil || err.Error() != "args[2] as int: argument missing" {
		t.Errorf("got %v", err)
	}
	for _, dst := range []any{5, (*int)(nil), (*string)(nil), (*[]byte)(nil), (*any)(nil), (*small)(nil), small{}} {
		for i := range 3 {
			if err := args.Decode(i, dst); !errors.As(err, &arg) {
				t.Errorf("%T, argument %d: got %v", dst, i, err)
			}
		}
	}
}

type secretType struct {
	User struct {
		Name string `json:"name"`
		Age  uint8  `json:"age"`
	} `json:"user"`
	Blob []byte `json:"blob"`
}

type secretMethod struct{}

func (*secretMethod) UnmarshalJSON([]byte) error { return errors.New("secret of secretMethod") }

// The text for the peer says what it did wrong, and nothing of the program.
func TestArgErrorPublic(t *testing.T) {
	type secretName string
	for _, c := range []struct {
		args string
		dst  any
		want string
	}{
		{`{}`, new(string), "argument 1: expected a string"},
		{`{}`, new(secretName), "argument 1: expected a string"},
		{`"1"`, new(int), "argument 1: expected an integer"},
		{`300`, new(uint8), "argument 1: expected an integer"},
		{`"1"`, new(float64), "argument 1: expected a number"},
		{`1`, new(bool), "argument 1: expected a boolean"},
		{`1`, new(*bool), "argument 1: expected a boolean"},
		{`1`, new([]secretType), "argument 1: expected an array"},
		{`1`, new([2]int), "argument 1: expected an array"},
		{`1`, new([]byte), "argument 1: expected binary data"},
		{`1`, new(map[string]secretType), "argument 1: expected an object"},
		{`"x"`, new(secretType), "argument 1: expected an object"},
		{`{"user":1}`, new(secretType), "argument 1: expected an object as user"},
		{`{"user":{"age":"old"}}`, new(secretType), "argument 1: expected an integer as user.age"},
		{`{"user":{"name":5}}`, new(secretType), "argument 1: expected a string as user.name"},
		{`1`, new(secretMethod), "argument 1 is not valid"},
		{`1`, new(time.Time), "argument 1 is not valid"},
		{`1`, new(chan int), "argument 1 is not valid"},
		{``, new(int), "argument 1 is missing"},
	} {
		text := `2["ev"]`
		if c.args != "" {
			text = `2["ev",` + c.args + `]`
		}
		err := mustDecode(t, text).Args.Scan(c.dst)
		var arg *parser.ArgError
		if !errors.As(err, &arg) {
			t.Errorf("%s as %T: %v", c.args, c.dst, err)
			continue
		}
		if got := arg.Public(); got != c.want {
			t.Errorf("%s as %T: got %q, want %q", c.args, c.dst, got, c.want)
		}
	}
	if got := (&parser.ArgError{Index: 2, Type: "secret.Type", Err: errors.New("secret")}).Public(); got != "argument 3 is not valid" {
		t.Errorf("got %q", got)
	}
}

// manyArgs decodes an event that may have any number of attachments.
func manyArgs(t *testing.T, e parser.Encoded) *parser.Args {
	t.Helper()
	p, err := decode(&parser.JSON{MaxAttachments: -1}, string(e.Data), e.Attachments...)
	if err != nil {
		t.Fatal(err)
	}
	return &p.Args
}

func TestRow36AttachmentsRoundTrip(t *testing.T) {
	in := everything()
	e := encode(t, "ev", in, in.Any, in.Bytes)
	args := manyArgs(t, e)

	var out Everything
	var tree any
	var blob []byte
	if err := args.Scan(nil, &tree, &blob); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"z": []any{[]byte("z0"), nil, "é\u2028<&>\x00\x7f\ufffd\"\\\n\r\t\b\f"}, "a": []byte("pointer"), "n": nil}
	if !reflect.DeepEqual(tree, want) {
		t.Errorf("got %q, want %q", tree, want)
	}
	if &blob[0] != &in.Bytes[0] {
		t.Error("the attachment was copied")
	}
	// An interface with methods cannot be decoded.
	in.OZIface = nil
	e = encode(t, "ev", in)
	args = manyArgs(t, e)
	if err := args.Scan(&out); err != nil {
		t.Fatal(err)
	}
	again := encode(t, "ev", &out)
	if !reflect.DeepEqual(again.Attachments[:10], e.Attachments[:10]) || string(out.Map["b"]) != "B" || string(out.Embedded.EmbedB) != "embed" ||
		string(*out.Pointer) != "pointer" || string(out.Arrays[0]) != "a0" || out.Arrays[1] != nil || string(out.tagged.B) != "t" ||
		string(out.IntMap[10].([]byte)) != "ten" || string(out.UintMap[255]) != "max" || string(out.TextMap[Upper{"X"}].([]byte)) != "x" ||
		string(out.Octets) != "\x01\x02" || out.Int != -5 || *out.IntPtr != 6 || out.Str != `q"<` || string(out.NotStr) != "ns" {
		t.Errorf("got %+v", out)
	}
}

func TestScanAttachment(t *testing.T) {
	const text = `51-["ev",{"_placeholder":true,"num":0}]`
	args := &mustDecode(t, text, []byte("data")).Args
	var b []byte
	var blob Blob
	var p *[]byte
	var a any
	var octets []Octet
	inner := any(&blob)
	for _, dst := range []any{&b, &blob, &p, &a, &octets, &inner} {
		if err := args.Scan(dst); err != nil {
			t.Errorf("%T: %v", dst, err)
		}
	}
	if string(b) != "data" || string(blob) != "data" || string(*p) != "data" || string(a.([]byte)) != "data" || len(octets) != 4 || inner != any(&blob) {
		t.Errorf("got %q %q %q %q %q", b, blob, p, a, octets)
	}
	for _, dst := range []any{new(string), new(int), new([4]byte), new([]string), new(upload), new(map[string]any), new(map[string][]byte), new([]any), new(error), new(bool), new(float64)} {
		if err := args.Scan(dst); err == nil {
			t.Errorf("%T took an attachment", dst)
		}
	}
	var raw json.RawMessage
	if err := args.Scan(&raw); err != nil || string(raw) != `{"_placeholder":true,"num":0}` {
		t.Errorf("RawMessage: %s, %v", raw, err)
	}
	var own PtrJSON
	if err := args.Scan(&own); err != nil || string(own.B) != `raw:{"_placeholder":true,"num":0}` {
		t.Errorf("Unmarshaler: %s, %v", own.B, err)
	}
}

func TestScanTextAsBytes(t *testing.T) {
	args := &mustDecode(t, `51-["ev","aGk=",{"Bytes":"aGk=","Any":"aGk="}]`, []byte{1}).Args
	var b []byte
	var e Everything
	if err := args.Scan(&b, &e); err != nil || string(b) != "hi" || string(e.Bytes) != "hi" || e.Any != "aGk=" {
		t.Errorf("got %q %q %v %v", b, e.Bytes, e.Any, err)
	}
}

// Arguments that no decoder has checked must not do harm.
func TestScanUncheckedArguments(t *testing.T) {
	for _, text := range []string{``, ` `, `{`, `{"_placeholder":true,"num":1}`, `{"_placeholder":true,"num":999999999}`, `[{"_placeholder":true,"num":1}]`, `{"a":{"_placeholder":true,"num":5}}`, `[`, `{"a"`, `"a`, `[1,]`, `{"a":1}}`} {
		args := parser.Args{Values: [][]byte{[]byte(text)}, Attachments: [][]byte{{1}}}
		for _, dst := range []any{new(any), new([]any), new([]byte), new(map[string]any), new(Everything), new(int), new(string)} {
			err := args.Scan(dst)
			if _, any := dst.(*any); any && err == nil {
				t.Errorf("%q: no error", text)
			}
		}
	}
}

func TestScanCyclicInterface(t *testing.T) {
	args := &mustDecode(t, `51-["ev",[1]]`, []byte{1}).Args
	var self any
	self = &self
	if err := args.Scan(&self); err != nil || !reflect.DeepEqual(self, []any{1.0}) {
		t.Errorf("got %v, %v", self, err)
	}
	var a, b any
	a, b = &b, &a
	if err := args.Scan(&a); err == nil {
		t.Error("two interfaces that point at each other: no error")
	}
}

func TestScanEmbeddedPointerToUnexported(t *testing.T) {
	type outer struct {
		*inner
		B []byte
	}
	args := &mustDecode(t, `51-["ev",{"Inner":"x"}]`, []byte{1}).Args
	if err := args.Scan(new(outer)); err == nil {
		t.Error("no error")
	}
	v := outer{inner: new(inner)}
	if err := args.Scan(&v); err != nil || v.Inner != "x" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestArgsConcurrently(t *testing.T) {
	args := manyArgs(t, encode(t, "ev", everything()))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				var v any
				if err := args.Scan(&v); err != nil {
					t.Error(err)
				}
				if _, err := encodeBy(new(parser.JSON), event, "ev", v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
