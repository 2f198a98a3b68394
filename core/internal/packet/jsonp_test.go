package packet_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/internal/packet"
)

func TestAppendJSONP(t *testing.T) {
	for _, tt := range []struct{ name, index, payload, want string }{
		{"EI11", "0", `118:0{"sid":"x"}`, `___eio[0]("118:0{\"sid\":\"x\"}");`},
		{"EI12 separators", "7", "a\u2028b\u2029c", `___eio[7]("a\u2028b\u2029c");`},
		{"EI12 controls", "1", "\x00\b\t\n\f\r\x1e\x1f\"\\/\x7f", `___eio[1]("\u0000\b\t\n\f\r\u001e\u001f\"\\/` + "\x7f" + `");`},
		{"EI12 text", "1", "é€🙂\ufffd", `___eio[1]("é€🙂` + "\ufffd" + `");`},
		{"EI12 invalid UTF-8", "1", "a\xff\xe2\x82z", `___eio[1]("a` + "\ufffd\ufffd\ufffd" + `z");`},
		{"empty", "", "", `___eio[]("");`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := packet.AppendJSONP([]byte("x"), tt.index, []byte(tt.payload)); string(got) != "x"+tt.want {
				t.Errorf("got  %s\nwant %s", got[1:], tt.want)
			}
		})
	}
}

// clientJSONPBody encodes as the JavaScript client does: one more backslash in
// front of a backslash and n, a backslash and n for a newline, then the form.
func clientJSONPBody(payload string) string {
	payload = strings.ReplaceAll(payload, `\n`, "\\\n")
	payload = strings.ReplaceAll(payload, "\n", `\n`)
	return "d=" + url.QueryEscape(payload)
}

func TestDecodeJSONPBody(t *testing.T) {
	for _, tt := range []struct{ name, form, want string }{
		{"EI11", "d=6%3A4hello", "6:4hello"},
		{"EI11 newline", `d=a%5Cnb`, "a\nb"},
		{"EI11 escaped newline", `d=a%5C%5Cnb`, `a\nb`},
		{"EI11 raw", `d=a\nb\\n\\\nc`, "a\nb" + `\n\\nc`},
		{"other backslashes", `d=%5C%5C%5Ct%5C`, `\\\t\`},
		{"plus", "d=a+b%2Bc", "a b+c"},
		{"UTF-8", "d=%E2%82%AC", "€"},
		{"malformed", "d=%zz%1%", "%zz%1%"},
		{"other fields", "x=1&d=a&d=b", "a"},
		{"empty", "d=", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := packet.DecodeJSONPBody([]byte(tt.form))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, form := range []string{"", "x=1", "dd=1", "&&", "d"} {
		if got, err := packet.DecodeJSONPBody([]byte(form)); err != packet.ErrParse {
			t.Errorf("%q: %q, %v, want ErrParse", form, got, err)
		}
	}
}

func TestJSONPBodyRoundTripEI11(t *testing.T) {
	for _, payload := range []string{"a\nb", `a\nb`, "\n\n", `\\n`, `2["a\nb"]`, "€ & = + %"} {
		got, err := packet.DecodeJSONPBody([]byte(clientJSONPBody(payload)))
		if err != nil || string(got) != payload {
			t.Errorf("%q came back as %q, %v", payload, got, err)
		}
	}
}

func TestJSONPIndexEI12(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "": "", "12a3": "123", "](alert)(1": "1", "٣": ""} {
		if got := packet.JSONPIndex(in); got != want {
			t.Errorf("JSONPIndex(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzJSONP(f *testing.F) {
	f.Add("0", []byte("a\u2028\"\\\n\xff"))
	f.Fuzz(func(t *testing.T, index string, payload []byte) {
		got := string(packet.AppendJSONP(nil, packet.JSONPIndex(index), payload))
		open := strings.Index(got, "](")
		if !strings.HasPrefix(got, "___eio[") || strings.Trim(got[7:open], "0123456789") != "" {
			t.Fatalf("bad script %q", got)
		}
		literal := strings.TrimSuffix(got[open+2:], ");")
		if strings.ContainsAny(literal, "\u2028\u2029\n\r") {
			t.Fatalf("line terminator in %q", literal)
		}
		var back string
		if err := json.Unmarshal([]byte(literal), &back); err != nil {
			t.Fatalf("%q: %v", literal, err)
		}
		if want := string([]rune(string(payload))); back != want {
			t.Fatalf("%q became %q", want, back)
		}
	})
}

func FuzzJSONPBody(f *testing.F) {
	f.Add("d=a%5Cnb&x", "a\\n\nb")
	f.Fuzz(func(t *testing.T, form, payload string) {
		got, err := packet.DecodeJSONPBody([]byte(form))
		if err == nil && len(got) > len(form)-2 {
			t.Fatalf("%q grew to %q", form, got)
		}
		// A backslash in front of a newline is where the client's own escape is
		// ambiguous.
		if strings.Contains(payload, "\\\n") {
			return
		}
		got, err = packet.DecodeJSONPBody([]byte(clientJSONPBody(payload)))
		if err != nil || string(got) != payload {
			t.Fatalf("%q came back as %q, %v", payload, got, err)
		}
	})
}
