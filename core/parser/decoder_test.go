package parser_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/parser"
)

func texts(values [][]byte) []string {
	s := []string{}
	for _, v := range values {
		s = append(s, string(v))
	}
	return s
}

func TestDecodeText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		header     parser.Header
		event      string
		args       []string
	}{
		{"SP1 SU7 connect", `0`, parser.Header{Type: parser.Connect, Namespace: "/"}, "", []string{}},
		{"SP11 connect with object", `0{"token":"123"}`, parser.Header{Type: parser.Connect, Namespace: "/"}, "", []string{`{"token":"123"}`}},
		{"SP3 connect to a namespace", `0/custom,`, parser.Header{Type: parser.Connect, Namespace: "/custom"}, "", []string{}},
		{"SP3 no comma", `0/custom`, parser.Header{Type: parser.Connect, Namespace: "/custom"}, "", []string{}},
		{"SU7 connect to a namespace with object", `0/custom,{ "a" : [] } `, parser.Header{Type: parser.Connect, Namespace: "/custom"}, "", []string{`{ "a" : [] }`}},
		{"SP3 query stays", `0/custom?a=b,`, parser.Header{Type: parser.Connect, Namespace: "/custom?a=b"}, "", []string{}},
		{"SP3 main namespace spelled out", `2/,["a"]`, parser.Header{Type: parser.Event, Namespace: "/"}, "a", []string{}},
		{"SP3 an id that means nothing", `012{}`, parser.Header{Type: parser.Connect, Namespace: "/"}, "", []string{`{}`}},
		{"SP1 disconnect", `1`, parser.Header{Type: parser.Disconnect, Namespace: "/"}, "", []string{}},
		{"SP11 disconnect of a namespace", `1/admin,`, parser.Header{Type: parser.Disconnect, Namespace: "/admin"}, "", []string{}},
		{"SP11 event", `2["a",1,{"b":[2,"]"]},null]`, parser.Header{Type: parser.Event, Namespace: "/"}, "a", []string{"1", `{"b":[2,"]"]}`, "null"}},
		{"more arguments than there is room for", `2["a",1,2,3,4,5]`, parser.Header{Type: parser.Event, Namespace: "/"}, "a", []string{"1", "2", "3", "4", "5"}},
		{"white space", "2 \t[ \"a\" ,\r\n 1 , [ ] ]\n", parser.Header{Type: parser.Event, Namespace: "/"}, "a", []string{"1", "[ ]"}},
		{"SU8 event with id", `2456["message-with-ack",1]`, parser.Header{Type: parser.Event, Namespace: "/", ID: 456, HasID: true}, "message-with-ack", []string{"1"}},
		{"id 0", `20["a"]`, parser.Header{Type: parser.Event, Namespace: "/", HasID: true}, "a", []string{}},
		{"largest id", `29999999999999999999["a"]`, parser.Header{Type: parser.Event, Namespace: "/", ID: 9999999999999999999, HasID: true}, "a", []string{}},
		{"SP2 all of the header", `2/admin,12["a"]`, parser.Header{Type: parser.Event, Namespace: "/admin", ID: 12, HasID: true}, "a", []string{}},
		{"SP3 the first comma", `2/a/b-c,["a",","]`, parser.Header{Type: parser.Event, Namespace: "/a/b-c"}, "a", []string{`","`}},
		{"SP5 numeric event name", `2[1,"x"]`, parser.Header{Type: parser.Event, Namespace: "/"}, "1", []string{`"x"`}},
		{"SP5 other numeric event name", `2[-1.5e3]`, parser.Header{Type: parser.Event, Namespace: "/"}, "-1.5e3", []string{}},
		{"empty event name", `2["",1]`, parser.Header{Type: parser.Event, Namespace: "/"}, "", []string{"1"}},
		{"escaped event name", `2["\u00e9\n"]`, parser.Header{Type: parser.Event, Namespace: "/"}, "é\n", []string{}},
		{"event name in UTF-8", `2["grüße"]`, parser.Header{Type: parser.Event, Namespace: "/"}, "grüße", []string{}},
		{"event name not in UTF-8", "2[\"a\xff\"]", parser.Header{Type: parser.Event, Namespace: "/"}, "a\ufffd", []string{}},
		{"event called error", `2["error",1]`, parser.Header{Type: parser.Event, Namespace: "/"}, "error", []string{"1"}},
		{"C-03 a placeholder without attachments is an object", `2["a",{"_placeholder":true,"num":7}]`, parser.Header{Type: parser.Event, Namespace: "/"}, "a", []string{`{"_placeholder":true,"num":7}`}},
		{"SP11 ack", `3/admin,456[1,"b"]`, parser.Header{Type: parser.Ack, Namespace: "/admin", ID: 456, HasID: true}, "", []string{"1", `"b"`}},
		{"ack of nothing", `31[]`, parser.Header{Type: parser.Ack, Namespace: "/", ID: 1, HasID: true}, "", []string{}},
		{"SP4 ack without payload", `31`, parser.Header{Type: parser.Ack, Namespace: "/", ID: 1, HasID: true}, "", []string{}},
		{"SP11 connect_error with text", `4"Invalid"`, parser.Header{Type: parser.ConnectError, Namespace: "/"}, "", []string{`"Invalid"`}},
		{"SP11 connect_error with object", `4/a,{"message":"x"}`, parser.Header{Type: parser.ConnectError, Namespace: "/a"}, "", []string{`{"message":"x"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustDecode(t, c.text)
			c.header.Event = c.event
			if p.Header != c.header {
				t.Errorf("got %+v, want %+v", p.Header, c.header)
			}
			if got := texts(p.Args.Values); !reflect.DeepEqual(got, c.args) {
				t.Errorf("got arguments %q, want %q", got, c.args)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("9", 1_000_000)
	for _, c := range []struct {
		name string
		want error
		text []string
	}{
		{"SP7 Illegal attachments", parser.ErrAttachmentCount, []string{
			`5`, `51`, `5a-`, `51.23-`, `5-["a"]`, `5-1-["a"]`, `5woooot`, `51e0-["a"]`, `5 1-["a"]`, `6`, `61`, `5` + long,
		}},
		{"C-06 no attachments", parser.ErrAttachmentCount, []string{`50-["x"]`, `500-["x"]`, `60-1["x"]`}},
		{"SP8 C-05 too many attachments", parser.ErrTooManyAttachments, []string{
			`51001-["a"]`, `5100000000-["x"]`, `599999999999999999999-["x"]`, `61001-1[]`, `5` + long + `-["x"]`,
		}},
		{"SP9 SP11 invalid payload", parser.ErrPayload, []string{
			`442["some","data"`, `0/admin,"invalid"`, `0[]`, `1/admin,{}`, `2/admin,"invalid`, `2/admin,{}`,
			`2[{"toString":"foo"}]`, `2[true,"foo"]`, `2[null,"bar"]`, `2["connect"]`, `2["disconnect","123"]`,
			`2["connect_error"]`, `2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["\u0063onnect"]`,
			`0null`, `0true`, `0"x"`, `1null`, `1[]`, `3{}`, `31{}`, `3"x"`, `4[]`, `4null`, `4true`,
		}},
		{"C-04 events without a name", parser.ErrPayload, []string{
			`2`, `2/a,`, `212`, `2[]`, `2[ ]`, `2{}`, `2[{"toString":"x"}]`, `2[[]]`, `2[null]`, `2[true]`, `51-`, `61-1`,
		}},
		{"SU8 garbage", parser.ErrPayload, []string{`2abc["a"]`, `2["a"`, `2["a",]`, `2[,"a"]`, `2["a"]]`, `2["a"]x`, `2["a" 1]`, `2["a",1`, `2["a`, `2["a\`, `2["a\u12"]`, `2["a\x"]`, "2[\"a\n\"]", `2["a",01]`, `2["a",1.]`, `2["a",-]`, `2["a",.5]`, `2["a",1e]`, `2["a",+1]`, `2["a",{"b"}]`, `2["a",{"b":}]`, `2["a",{"b":1,}]`, `2["a",{b:1}]`, `2["a",{1:1}]`, `2["a",[1}]`, `2["a",{"b":1]]`, `2["a",tru]`, `2["a",nulll]`, `2["a",NaN]`, "2[\"a\",\x00]", "2[\"a\"]\x00", "2\ufeff[\"a\"]", `2["a",'b']`}},
		{"C-02 long ids", parser.ErrID, []string{`2` + long, `2` + long + `["a"]`, `218446744073709551616["a"]`, `200000000000000000001["a"]`}},
		{"C-29 deep JSON", parser.ErrPayload, []string{`2` + strings.Repeat("[", 1<<20), `2["a",` + strings.Repeat("[", 1<<20), `2["a",` + strings.Repeat(`{"a":`, 1<<17), `0` + strings.Repeat(`{"a":`, 1<<17)}},
		{"too many arguments", parser.ErrTooManyArguments, []string{`2["a"` + strings.Repeat(",1", 1<<17) + `]`, `31[1` + strings.Repeat(",1", 1<<17) + `]`}},
		{"long names", parser.ErrEventTooLong, []string{`2["` + long + `"]`, `2[` + long + `]`}},
		{"long namespaces", parser.ErrNamespaceTooLong, []string{`0/` + long, `2/` + long + `,["a"]`, `0/a?` + long}},
		{"namespace not in UTF-8", parser.ErrNamespace, []string{"0/a\xff,", "2/\xc3,[\"a\"]"}},
	} {
		for _, text := range c.text {
			p, err := decode(new(parser.JSON), text)
			if err != c.want || p != nil {
				t.Errorf("%s: %.60q: got %v, %v; want %v", c.name, text, p, err, c.want)
			}
		}
	}
}

func TestSP10UnknownType(t *testing.T) {
	for text, want := range map[string]string{"999": "unknown packet type 9", "7": "unknown packet type 7", "abc": "unknown packet type NaN", "": "unknown packet type NaN", "-1": "unknown packet type NaN"} {
		_, err := decode(new(parser.JSON), text)
		var protocol *parser.ProtocolError
		if !errors.As(err, &protocol) || protocol.Reason != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestErrorTextsOfTheReferenceServer(t *testing.T) {
	for err, want := range map[error]string{
		parser.ErrAttachmentCount:    "Illegal attachments",
		parser.ErrTooManyAttachments: "too many attachments",
		parser.ErrPlaceholder:        "illegal attachments",
		parser.ErrPayload:            "invalid payload",
		parser.ErrUnexpectedBinary:   "got binary data when not reconstructing a packet",
		parser.ErrUnexpectedText:     "got plaintext data when reconstructing a packet",
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestDecodeBinary(t *testing.T) {
	d := new(parser.JSON).NewDecoder()
	for _, m := range []struct {
		data    string
		binary  bool
		pending bool
	}{
		{`52-/a,789["b",{"_placeholder":true,"num":1},{ "num" : 0 , "_placeholder" : true }]`, false, true},
		{"zero", true, true},
	} {
		p, err := d.Decode([]byte(m.data), m.binary)
		if err != nil || p != nil || d.Pending() != m.pending {
			t.Fatalf("%q: got %v, %v, pending %v", m.data, p, err, d.Pending())
		}
	}
	p, err := d.Decode(nil, true)
	if err != nil || p == nil || d.Pending() {
		t.Fatalf("got %v, %v, pending %v", p, err, d.Pending())
	}
	want := parser.Header{Type: parser.Event, Namespace: "/a", Event: "b", ID: 789, HasID: true}
	if p.Header != want {
		t.Errorf("got %+v", p.Header)
	}
	var one, zero []byte
	if err := p.Args.Scan(&one, &zero); err != nil || string(zero) != "zero" || one == nil || len(one) != 0 {
		t.Errorf("got %q, %q, %v", one, zero, err)
	}
	if p, err := d.Decode([]byte(`2["next"]`), false); err != nil || p.Event != "next" || p.Args.Attachments != nil {
		t.Errorf("the next packet: %v, %v", p, err)
	}
}

func TestSU8BinaryAck(t *testing.T) {
	p := mustDecode(t, `62-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, []byte{1}, []byte{2})
	if want := (parser.Header{Type: parser.Ack, Namespace: "/", ID: 789, HasID: true}); p.Header != want || len(p.Args.Attachments) != 2 {
		t.Errorf("got %+v", p)
	}
}

func TestC03Placeholders(t *testing.T) {
	const good = `{"_placeholder":true,"num":0}`
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"negative", `51-["a",{"_placeholder":true,"num":-1}]`, parser.ErrPlaceholder},
		{"out of range", `51-["a",{"_placeholder":true,"num":1}]`, parser.ErrPlaceholder},
		{"huge", `51-["a",{"_placeholder":true,"num":1e9}]`, parser.ErrPlaceholder},
		{"huge digits", `51-["a",{"_placeholder":true,"num":18446744073709551616}]`, parser.ErrPlaceholder},
		{"fraction", `51-["a",{"_placeholder":true,"num":1.5}]`, parser.ErrPlaceholder},
		{"integral fraction", `51-["a",{"_placeholder":true,"num":0.0}]`, parser.ErrPlaceholder},
		{"leading zero", `51-["a",{"_placeholder":true,"num":00}]`, parser.ErrPlaceholder},
		{"text", `51-["a",{"_placeholder":true,"num":"0"}]`, parser.ErrPlaceholder},
		{"SP12 text that is no number", `51-["a",{"_placeholder":true,"num":"splice"}]`, parser.ErrPlaceholder},
		{"object", `51-["a",{"_placeholder":true,"num":{}}]`, parser.ErrPlaceholder},
		{"null", `51-["a",{"_placeholder":true,"num":null}]`, parser.ErrPlaceholder},
		{"missing", `51-["a",{"_placeholder":true}]`, parser.ErrPlaceholder},
		{"missing, others there", `51-["a",{"_placeholder":true,"nom":0}]`, parser.ErrPlaceholder},
		{"number first", `51-["a",{"num":7,"_placeholder":true}]`, parser.ErrPlaceholder},
		{"twice the number", `51-["a",{"num":0,"num":0,"_placeholder":true}]`, parser.ErrPlaceholder},
		{"third member", `51-["a",{"_placeholder":true,"num":0,"x":1}]`, parser.ErrPlaceholder},
		{"escaped key", `51-["a",{"\u005fplaceholder":true,"num":7}]`, parser.ErrPlaceholder},
		{"duplicate", `52-["a",` + good + `,` + good + `]`, parser.ErrPlaceholder},
		{"deep", `51-["a",{"b":[1,{"c":{"_placeholder":true,"num":2}}]}]`, parser.ErrPlaceholder},
		{"as the event name", `51-[` + good + `]`, parser.ErrPayload},
		{"in an ack", `61-1[{"_placeholder":true,"num":5}]`, parser.ErrPlaceholder},
		{"fine", `51-["a",` + good + `]`, nil},
		{"fine, in depth", `51-["a",{"b":[[` + good + `]]}]`, nil},
		{"not referred to", `51-["a"]`, nil},
		{"not marked true", `51-["a",{"_placeholder":false,"num":9},{"_placeholder":"true"},{"num":5}]`, nil},
	} {
		if _, err := decode(new(parser.JSON), c.text); err != c.want {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestC03ManyAttachments(t *testing.T) {
	p := &parser.JSON{MaxAttachments: -1}
	if _, err := decode(p, `5100-["a",{"_placeholder":true,"num":99},{"_placeholder":true,"num":64},{"_placeholder":true,"num":63}]`); err != nil {
		t.Error(err)
	}
	if _, err := decode(p, `5100-["a",{"_placeholder":true,"num":99},{"_placeholder":true,"num":99}]`); err != parser.ErrPlaceholder {
		t.Errorf("duplicate: %v", err)
	}
}

func TestSP12WrongKindOfMessage(t *testing.T) {
	const header = `51-["a",{"_placeholder":true,"num":0}]`
	if _, err := new(parser.JSON).NewDecoder().Decode([]byte("x"), true); err != parser.ErrUnexpectedBinary {
		t.Errorf("binary first: %v", err)
	}
	if _, err := decode(new(parser.JSON), `2["a"]`, []byte("x")); err != parser.ErrUnexpectedBinary {
		t.Errorf("binary after a text event: %v", err)
	}
	if _, err := decode(new(parser.JSON), header, []byte("x"), []byte("y")); err != parser.ErrUnexpectedBinary {
		t.Errorf("one binary too many: %v", err)
	}
	d := new(parser.JSON).NewDecoder()
	if _, err := d.Decode([]byte(header), false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode([]byte(header), false); err != parser.ErrUnexpectedText {
		t.Errorf("text instead of binary: %v", err)
	}
	if d.Pending() {
		t.Error("SP16: a failed decoder holds a packet")
	}
	if _, err := d.Decode([]byte(`2["a"]`), false); err != parser.ErrUnexpectedText {
		t.Errorf("after an error: %v", err)
	}
}

func TestC05Limits(t *testing.T) {
	const header = `52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for _, c := range []struct {
		name  string
		p     parser.JSON
		sizes [2]int
		want  error
	}{
		{"default count", parser.JSON{}, [2]int{1, 1}, nil},
		{"count", parser.JSON{MaxAttachments: 1}, [2]int{1, 1}, parser.ErrTooManyAttachments},
		{"size reached", parser.JSON{MaxAttachmentBytes: 10}, [2]int{5, 5}, nil},
		{"size exceeded", parser.JSON{MaxAttachmentBytes: 10}, [2]int{5, 6}, parser.ErrAttachmentsTooLarge},
		{"default size exceeded", parser.JSON{}, [2]int{parser.DefaultMaxAttachmentBytes, 1}, parser.ErrAttachmentsTooLarge},
		{"no limit", parser.JSON{MaxAttachmentBytes: -1}, [2]int{parser.DefaultMaxAttachmentBytes, 1}, nil},
	} {
		p, err := decode(&c.p, header, make([]byte, c.sizes[0]), make([]byte, c.sizes[1]))
		if err != c.want || (p == nil) != (err != nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	// The size counts for each packet, not for the connection.
	d := (&parser.JSON{MaxAttachmentBytes: 10}).NewDecoder()
	for range 5 {
		for _, m := range []string{header, "12345", "12345"} {
			if _, err := d.Decode([]byte(m), m != header); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestC29Depth(t *testing.T) {
	nested := func(n int) string { return `2["a",` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `]` }
	for _, c := range []struct {
		max, depth int
		ok         bool
	}{
		{0, 512, true}, {0, 513, false}, {2, 2, true}, {2, 3, false}, {-1, 10000, true}, {-1, 10001, false}, {1 << 30, 10001, false},
	} {
		_, err := decode(&parser.JSON{MaxDepth: c.max}, nested(c.depth))
		if (err == nil) != c.ok {
			t.Errorf("MaxDepth %d, depth %d: %v", c.max, c.depth, err)
		}
	}
	if _, err := decode(&parser.JSON{MaxDepth: 1}, `0{"a":{}}`); err != parser.ErrPayload {
		t.Errorf("connect: %v", err)
	}
}

// Each limit, at it and one beyond.
func TestLimits(t *testing.T) {
	n := strings.Repeat
	for _, c := range []struct {
		name          string
		p             parser.JSON
		below, beyond string
		want          error
	}{
		{"event name", parser.JSON{}, `2["` + n("a", 256) + `"]`, `2["` + n("a", 257) + `"]`, parser.ErrEventTooLong},
		{"event name in escapes", parser.JSON{MaxEventLength: 6}, `2["` + n(`\u00e9`, 3) + `"]`, `2["` + n(`\u00e9`, 3) + `a"]`, parser.ErrEventTooLong},
		{"event name of plain letters in escapes", parser.JSON{MaxEventLength: 3}, `2["` + n(`\u0061`, 3) + `"]`, `2["` + n(`\u0061`, 4) + `"]`, parser.ErrEventTooLong},
		{"numeric event name", parser.JSON{MaxEventLength: 3}, `2[-12]`, `2[-123]`, parser.ErrEventTooLong},
		{"no limit of the event name", parser.JSON{MaxEventLength: -1}, `2["` + n("a", 1e5) + `"]`, "", nil},
		{"namespace", parser.JSON{}, `0/` + n("a", 511) + `,`, `0/` + n("a", 512) + `,`, parser.ErrNamespaceTooLong},
		{"namespace without comma", parser.JSON{MaxNamespaceLength: 3}, `0/ab`, `0/abc`, parser.ErrNamespaceTooLong},
		{"namespace with a query", parser.JSON{MaxNamespaceLength: 3}, `0/ab?` + n("q", 8<<10) + `,`, `0/ab?` + n("q", 8<<10+1) + `,`, parser.ErrNamespaceTooLong},
		{"namespace before a query", parser.JSON{MaxNamespaceLength: 3}, `0/ab?token=1,`, `0/abc?token=1,`, parser.ErrNamespaceTooLong},
		{"no limit of the namespace", parser.JSON{MaxNamespaceLength: -1}, `0/` + n("a", 1e5) + `?` + n("a", 1e5), "", nil},
		{"arguments of an event", parser.JSON{}, `2["a"` + n(",1", 1000) + `]`, `2["a"` + n(",1", 1001) + `]`, parser.ErrTooManyArguments},
		{"arguments of an acknowledgement", parser.JSON{}, `31[0` + n(",1", 999) + `]`, `31[0` + n(",1", 1000) + `]`, parser.ErrTooManyArguments},
		{"one argument", parser.JSON{MaxArguments: 1}, `2["a",1]`, `2["a",1,2]`, parser.ErrTooManyArguments},
		{"no limit of the arguments", parser.JSON{MaxArguments: -1}, `2["a"` + n(",1", 1<<17-1) + `]`, `2["a"` + n(",1", 1<<17) + `]`, parser.ErrTooManyArguments},
		{"attachments", parser.JSON{MaxAttachments: 3}, `53-["a"]`, `54-["a"]`, parser.ErrTooManyAttachments},
		{"default attachments", parser.JSON{}, `51000-["a"]`, `51001-["a"]`, parser.ErrTooManyAttachments},
		{"depth", parser.JSON{MaxDepth: 3}, `2["a",[{}]]`, `2["a",[{"b":[]}]]`, parser.ErrPayload},
	} {
		if _, err := c.p.NewDecoder().Decode([]byte(c.below), false); err != nil {
			t.Errorf("%s, at the limit: %v", c.name, err)
		}
		if _, err := c.p.NewDecoder().Decode([]byte(c.beyond), false); c.beyond != "" && err != c.want {
			t.Errorf("%s, beyond the limit: %v", c.name, err)
		}
	}
}

// What a hostile message makes the decoder allocate does not depend on the
// length of its numbers (C-02) nor on what it announces (C-05).
func TestHostileMessagesAllocateLittle(t *testing.T) {
	long := strings.Repeat("9", 1_000_000)
	for name, text := range map[string]string{
		"C-02 id":          `2` + long + `["a"]`,
		"C-02 attachments": `5` + long + `-["a"]`,
		"C-05 announced":   `5999999999-["a"]`,
		"C-29 depth":       `2` + strings.Repeat("[", 1<<20),
		"name":             `2["` + long + `"]`,
		"name in escapes":  `2["` + strings.Repeat(`\u0061`, 1<<18) + `"]`,
		"namespace":        `2/` + long + `,["a"]`,
	} {
		data := []byte(text)
		p := &parser.JSON{MaxAttachments: -1}
		got := allocated(20, func() { _, _ = p.NewDecoder().Decode(data, false) })
		if got > 4096 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
	}
}

func TestDecodeKeepsDataWithoutCopy(t *testing.T) {
	data := []byte(`2["a","b"]`)
	p, err := new(parser.JSON).NewDecoder().Decode(data, false)
	if err != nil {
		t.Fatal(err)
	}
	if &p.Args.Values[0][0] != &data[6] {
		t.Error("the argument was copied")
	}
	if cap(p.Args.Values[0]) != len(`"b"`) {
		t.Error("append to an argument would overwrite the message")
	}
}

func TestPacketsAreIndependent(t *testing.T) {
	d := new(parser.JSON).NewDecoder()
	var packets []*parser.Packet
	events := []string{"a", "b", "c", "d", "e", "f", "connectx", strings.Repeat("long", 50)}
	for range 3 {
		for _, event := range events {
			p, err := d.Decode([]byte(`2/`+event+`,["`+event+`","`+event+`"]`), false)
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, p)
		}
	}
	for i, p := range packets {
		want := events[i%len(events)]
		if p.Event != want || p.Namespace != "/"+want || string(p.Args.Values[0]) != `"`+want+`"` {
			t.Errorf("packet %d: got %+v", i, p)
		}
	}
}

// What was taken from a packet outlives it.
func TestRelease(t *testing.T) {
	d := new(parser.JSON).NewDecoder()
	decode := func(data string, binary bool) *parser.Packet {
		t.Helper()
		p, err := d.Decode([]byte(data), binary)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := decode(`2/n,7["e",1,[2],"three",4]`, false)
	values := append([][]byte(nil), first.Args.Values...)
	first.Release()
	decode(`51-["b",{"_placeholder":true,"num":0}]`, false)
	second := decode("bytes", true)
	attachment := second.Args.Attachments[0]
	second.Release()
	for range 100 { // some of them get the memory
		p := decode(`2["x","y"]`, false)
		if p.Namespace != "/" || p.HasID || p.Event != "x" || len(p.Args.Values) != 1 || p.Args.Attachments != nil {
			t.Fatalf("%+v", p)
		}
		p.Release()
	}
	if got := strings.Join(texts(values), " "); got != `1 [2] "three" 4` || string(attachment) != "bytes" {
		t.Errorf("values %s, attachment %q", got, attachment)
	}
	new(parser.Packet).Release() // of another parser: nothing happens
}
