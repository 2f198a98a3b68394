package sioredis_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	sioredis "github.com/gosocketio/sio/adapters/redis"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are what notepack.io and @msgpack/msgpack make of the values.
func TestMsgpack(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, test := range []struct{ json, hex string }{
		{`null`, "c0"}, {`true`, "c3"}, {`false`, "c2"},
		{`0`, "00"}, {`127`, "7f"}, {`128`, "cc80"}, {`255`, "ccff"}, {`256`, "cd0100"}, {`65536`, "ce00010000"},
		{`4294967295`, "ceffffffff"}, {`4294967296`, "cf0000000100000000"}, {`9007199254740991`, "cf001fffffffffffff"},
		{`-1`, "ff"}, {`-32`, "e0"}, {`-33`, "d0df"}, {`-128`, "d080"}, {`-129`, "d1ff7f"}, {`-32769`, "d2ffff7fff"},
		{`-2147483649`, "d3ffffffff7fffffff"}, {`18446744073709551615`, "cfffffffffffffffff"},
		{`1.5`, "cb3ff8000000000000"}, {`-0.1`, "cbbfb999999999999a"}, {`1e+300`, "cb7e37e43c8800759c"},
		{`""`, "a0"}, {`"é"`, "a2c3a9"}, {`"` + long + `"`, "da012c" + strings.Repeat("78", 300)},
		{`"` + long[:40] + `"`, "d928" + strings.Repeat("78", 40)},
		{`[]`, "90"}, {`{}`, "80"}, {`{"a":[true,null]}`, "81a16192c3c0"},
		{`[` + strings.Repeat("1,", 15) + `1]`, "dc0010" + strings.Repeat("01", 16)},
		{`[[` + strings.Repeat("1,", 15) + `1],2]`, "92dc0010" + strings.Repeat("01", 16) + "02"},
	} {
		got, err := sioredis.AppendMsgpack([]byte("before"), []byte(test.json), nil)
		if err != nil || hex.EncodeToString(got) != hex.EncodeToString([]byte("before"))+test.hex {
			t.Errorf("%.40s: got %x, %v, want %s", test.json, got[len("before"):], err, test.hex)
		}
		back, attachments, err := sioredis.MsgpackToJSON(unhex(t, test.hex))
		if err != nil || len(attachments) > 0 || strings.ReplaceAll(string(back), "1e+300", "1e+300") != test.json {
			t.Errorf("%.40s: got back %.60s, %v", test.json, back, err)
		}
	}
}

func TestMsgpackBinary(t *testing.T) {
	text := `["bin",{"_placeholder":true,"num":1},{"x":{"_placeholder":true,"num":0}}]`
	attachments := [][]byte{bytes.Repeat([]byte{7}, 256), {1, 2, 3}}
	packed, err := sioredis.AppendMsgpack(nil, []byte(text), attachments)
	if err != nil {
		t.Fatal(err)
	}
	if want := "93a362696ec40301020381a178c50100" + strings.Repeat("07", 256); hex.EncodeToString(packed) != want {
		t.Fatalf("got %x", packed)
	}
	back, got, err := sioredis.MsgpackToJSON(packed)
	want := `["bin",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`
	if err != nil || string(back) != want || !reflect.DeepEqual(got, [][]byte{attachments[1], attachments[0]}) {
		t.Errorf("got %s with %x, %v", back, got, err)
	}
}

// Of these, JSON has no like.
func TestMsgpackOnly(t *testing.T) {
	for _, test := range []struct{ hex, json string }{
		{"ca3fc00000", "1.5"}, {"cb7ff8000000000000", "null"}, {"cbfff0000000000000", "null"},
		{"d6ff00000000", `"1970-01-01T00:00:00.000Z"`},
		{"d7ff1d5353006553f100", `"2023-11-14T22:13:20.123Z"`},
		{"c70cff3b8b87c0ffffffffffffffff", `"1969-12-31T23:59:59.999Z"`},
		{"c70cff000000007fffffffffffffff", "null"}, {"d40500", "null"},
		{"81012a", `{"1":42}`}, {"81ffc0", `{"-1":null}`},
		{"a3ff610a", `"\ufffda\n"`}, {"a40001221f", `"\u0000\u0001\"\u001f"`},
	} {
		got, _, err := sioredis.MsgpackToJSON(unhex(t, test.hex))
		want := strings.ReplaceAll(test.json, `\ufffd`, "\ufffd")
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", test.hex, got, err, want)
		}
	}
}

func TestMsgpackMalformed(t *testing.T) {
	for _, text := range []string{
		"", "c1", "91", "81", "81a161", "a2", "c402", "dd7fffffff", "df7fffffffa0", "dbffffffff61", "c6ffffffff00", "0000", "81c000", "8190c0", "c7ff",
		strings.Repeat("91", 100000), strings.Repeat("81a161", 100000),
	} {
		if got, _, err := sioredis.MsgpackToJSON(unhex(t, text)); err == nil {
			t.Errorf("%.40s: got %.40s, want an error", text, got)
		}
	}
	for _, text := range []string{
		"", "nul", "tru", `"`, `"\`, `"\x"`, "[", "[1", "[1,", "[,1]", "[1 ]", "{", `{"a"`, `{"a":`, `{"a":1,}`, `{1:2}`, "-", "1.e.", "--1", "1]", "1e999", "x",
		strings.Repeat("[", 100000), `{"_placeholder":true,"num":0`,
	} {
		if got, err := sioredis.AppendMsgpack(nil, []byte(text), [][]byte{{1}}); err == nil {
			t.Errorf("%.40s: got %x, want an error", text, got)
		}
	}
}

func FuzzMsgpackToJSON(f *testing.F) {
	for _, s := range []string{"93a27677c40101d7ff1d5353006553f100", "de0001a161dc000101", "81a161cb7ff8000000000000", "c70cff3b8b87c0ffffffffffffffff"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, attachments, err := sioredis.MsgpackToJSON(data)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%x becomes %s, which is no JSON", data, text)
		}
		packed, err := sioredis.AppendMsgpack(nil, text, attachments)
		if err != nil {
			t.Fatalf("%s of %x: %v", text, data, err)
		}
		again, same, err := sioredis.MsgpackToJSON(packed)
		if err != nil || len(same) != len(attachments) || string(again) != string(text) {
			t.Fatalf("%s becomes %s, %v", text, again, err)
		}
	})
}

func FuzzAppendMsgpack(f *testing.F) {
	for _, s := range []string{`["a",1,-1.5e-7,{"b":null}]`, `{"_placeholder":true,"num":0}`, `"\ud800\u0041"`, `[[[]]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		packed, err := sioredis.AppendMsgpack(nil, text, nil)
		if err != nil {
			return
		}
		if _, _, err := sioredis.MsgpackToJSON(packed); err != nil {
			t.Fatalf("%s becomes %x: %v", text, packed, err)
		}
	})
}
