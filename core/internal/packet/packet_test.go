package packet_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/gosocketio/sio/core/internal/packet"
)

func text(t packet.Type, data string) packet.Packet {
	return packet.Packet{Type: t, Data: []byte(data)}
}

func binary(data ...byte) packet.Packet {
	return packet.Packet{Type: packet.Message, Data: data, Binary: true}
}

func equal(a, b packet.Packet) bool {
	return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		name     string
		protocol int
		packet   packet.Packet
		wire     string
	}{
		{"EP1 open", 4, text(packet.Open, `{"sid":"x"}`), `0{"sid":"x"}`},
		{"EP1 close", 4, text(packet.Close, ""), "1"},
		{"EP1 ping", 4, text(packet.Ping, ""), "2"},
		{"EP1 probe", 4, text(packet.Ping, "probe"), "2probe"},
		{"EP1 pong", 4, text(packet.Pong, "probe"), "3probe"},
		{"EP1 message", 4, text(packet.Message, "test"), "4test"},
		{"EP1 empty message", 4, text(packet.Message, ""), "4"},
		{"EP1 upgrade", 4, text(packet.Upgrade, ""), "5"},
		{"EP1 noop", 4, text(packet.Noop, ""), "6"},
		{"M10", 4, text(packet.Message, "cash money €€€ 李 🙂"), "4cash money €€€ 李 🙂"},
		{"EP5", 4, binary(1, 2, 3, 4), "bAQIDBA=="},
		{"EP5 empty", 4, binary(), "b"},
		{"EI7", 3, binary(1, 2, 3, 4), "b4AQIDBA=="},
		{"EI4", 3, text(packet.Message, "test"), "4test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := packet.AppendText([]byte("x"), tt.packet, tt.protocol); string(got) != "x"+tt.wire {
				t.Errorf("AppendText = %q, want %q", got[1:], tt.wire)
			}
			got, err := packet.DecodeText([]byte(tt.wire), tt.protocol)
			if err != nil || !equal(got, tt.packet) {
				t.Errorf("DecodeText = %v, %v, want %v", got, err, tt.packet)
			}
		})
	}
}

func TestDecodeTextErrors(t *testing.T) {
	for _, tt := range []struct {
		name     string
		protocol int
		wire     string
	}{
		{"EP2 empty", 4, ""},
		{"EP2 unknown digit", 4, "7"},
		{"EP2 unknown letter", 4, "invalid"},
		{"EP2 above", 4, "\xff"},
		{"EP2 below", 4, "/"},
		{"EP2 raw type byte", 4, "\x04abc"},
		{"EI7 no type", 3, "b"},
		{"EI7 bad type", 3, "b7AQ=="},
		{"EP2 empty v3", 3, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := packet.DecodeText([]byte(tt.wire), tt.protocol); !errors.Is(err, packet.ErrParse) {
				t.Errorf("DecodeText = %v, %v, want ErrParse", p, err)
			}
		})
	}
	if got := packet.ErrParse.Error(); got != "parser error" {
		t.Errorf("text of ErrParse is %q", got)
	}
}

// EP5: bad base64 decodes leniently. The wanted bytes are those of Node's
// Buffer.from(…, "base64").
func TestLenientBase64(t *testing.T) {
	for in, want := range map[string]string{
		"AQIDBA":      "\x01\x02\x03\x04",                 // no padding
		"AQIDBA=":     "\x01\x02\x03\x04",                 // too little
		"AQID\nBA==":  "\x01\x02\x03\x04",                 // white space
		"A Q I D B A": "\x01\x02\x03\x04",                 //
		"-_-_":        "\xfb\xff\xbf",                     // URL alphabet
		"+/-_":        "\xfb\xff\xbf",                     // both
		"AQ!!ID%BA==": "\x01\x02\x03\x04",                 // junk
		"A":           "",                                 // not a byte
		"====":        "",                                 //
		"AQIDBAUGBwg": "\x01\x02\x03\x04\x05\x06\x07\x08", // DecodedLen of unpadded input
		"€":           "",
	} {
		p, err := packet.DecodeText([]byte("b"+in), 4)
		if err != nil || string(p.Data) != want || !p.Binary {
			t.Errorf("%q: %q, %v, want %q", in, p.Data, err, want)
		}
	}
}

func TestBinary(t *testing.T) {
	data := []byte{1, 2, 3}
	for _, tt := range []struct {
		name     string
		protocol int
		wire     []byte
		want     packet.Packet
		bad      bool
	}{
		{"EP8", 4, data, binary(1, 2, 3), false},
		{"EP8 empty", 4, nil, binary(), false},
		{"EI7", 3, []byte{4, 1, 2, 3}, binary(1, 2, 3), false},
		{"EI7 empty message", 3, []byte{4}, binary(), false},
		{"EI7 ping", 3, []byte{2}, text(packet.Ping, ""), false},
		{"EI7 nothing", 3, nil, packet.Packet{}, true},
		{"EI7 bad type", 3, []byte{7, 1}, packet.Packet{}, true},
		{"EI7 digit", 3, []byte("4abc"), packet.Packet{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := packet.DecodeBinary(tt.wire, tt.protocol)
			if (err != nil) != tt.bad || !equal(got, tt.want) {
				t.Fatalf("DecodeBinary = %v, %v", got, err)
			}
			if tt.bad || !got.Binary {
				return
			}
			if again := packet.AppendBinary(nil, got, tt.protocol); !bytes.Equal(again, tt.wire) {
				t.Errorf("AppendBinary = %x, want %x", again, tt.wire)
			}
		})
	}
}

// EP6: only the window of a slice is encoded.
func TestWindowEP6(t *testing.T) {
	whole := []byte{9, 9, 1, 2, 9}
	if got := packet.AppendText(nil, binary(whole[2:4]...), 4); string(got) != "b"+base64.StdEncoding.EncodeToString([]byte{1, 2}) {
		t.Errorf("got %q", got)
	}
}

func TestTypeString(t *testing.T) {
	if packet.Open.String() != "open" || packet.Noop.String() != "noop" || packet.Type(7).String() != "unknown" {
		t.Error("wrong names")
	}
}

func TestDecodeTextDoesNotAllocate(t *testing.T) {
	in := []byte("4hello")
	if n := testing.AllocsPerRun(100, func() { packet.DecodeText(in, 4) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
