package sionats_test

import (
	"strings"
	"testing"

	sionats "github.com/gosocketio/sio/adapters/nats"
)

func TestTokens(t *testing.T) {
	long := "/" + strings.Repeat("x", 300)
	seen := map[string]string{}
	for name, want := range map[string]string{
		"": "=", "/": "_", "/chat": "_chat", "/a b": "_a=20b", "/*": "_=2A", "/>": "_=3E", "/a.b": "_a=2Eb", "/_": "_=5F", "/=": "_=3D",
		"/ä": "_=C3=A4", "/\x00": "_=00", "/a/b-C9": "_a_b-C9", long: "", long + "x": "",
	} {
		got := sionats.Token(name)
		if want != "" && got != want || len(got) > 800 || strings.ContainsAny(got, ".*> \r\n") {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %q", name, other, got)
		}
		seen[got] = name
	}
}

func TestPrefix(t *testing.T) {
	for prefix, want := range map[string]bool{
		"sio": true, "a.b-c_d": true, "": false, ".": false, "a.": false, "a..b": false, "a b": false, "a.*": false, ">": false, "$JS": false, "a\n": false,
	} {
		if got := sionats.ValidPrefix(prefix); got != want {
			t.Errorf("%q: got %v", prefix, got)
		}
	}
}

func TestOffsets(t *testing.T) {
	if epoch, seq, ok := sionats.ParseOffset("abc-zz"); !ok || epoch != "abc" || seq != 35*36+35 {
		t.Errorf("got %q, %d, %v", epoch, seq, ok)
	}
	for _, s := range []string{"", "-", "abc", "abc-", "abc-+1", "abc-01", "abc-Z", "abc-1-2", "abc-zzzzzzzzzzzzzzzzzz"} {
		if _, _, ok := sionats.ParseOffset(s); ok {
			t.Errorf("%q was taken", s)
		}
	}
}
