package packet_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/internal/packet"
)

// readAll returns the packets of a body up to the first error, nil for io.EOF.
func readAll(body []byte, e packet.Encoding) (packets []packet.Packet, err error) {
	r := packet.NewPayloadReader(body, e)
	for {
		p, err := r.Next()
		if err == io.EOF {
			return packets, nil
		}
		if err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
}

func equalAll(a, b []packet.Packet) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		name     string
		encoding packet.Encoding
		packets  []packet.Packet
		wire     string
	}{
		{"EP3", packet.Text4, []packet.Packet{
			text(packet.Open, ""), text(packet.Close, ""), text(packet.Ping, "probe"),
			text(packet.Pong, "probe"), text(packet.Message, "test"),
		}, "0\x1e1\x1e2probe\x1e3probe\x1e4test"},
		{"EP5", packet.Text4, []packet.Packet{text(packet.Message, "test"), binary(1, 2, 3, 4)}, "4test\x1ebAQIDBA=="},
		{"C24", packet.Text4, []packet.Packet{text(packet.Noop, ""), text(packet.Close, "")}, "6\x1e1"},
		{"EI4", packet.Text3, []packet.Packet{
			text(packet.Message, "test1"), text(packet.Message, "test2"), text(packet.Message, "test3"),
		}, "6:4test16:4test26:4test3"},
		{"EI4 units", packet.Text3, []packet.Packet{
			text(packet.Message, "€€"), text(packet.Message, "🙂"), text(packet.Message, "é\xef\xbf\xbdz"),
		}, "3:4€€3:4🙂4:4é\xef\xbf\xbdz"},
		{"EI6", packet.Text3, []packet.Packet{binary(1, 2, 3, 4)}, "10:b4AQIDBA=="},
		{"EI8", packet.Text3, []packet.Packet{text(packet.Pong, "")}, "1:3"},
		{"EI9", packet.Text3, []packet.Packet{text(packet.Message, "0")}, "2:40"},
		{"EI4 none", packet.Text3, nil, "0:"},
		{"EI5", packet.Binary3, []packet.Packet{text(packet.Message, "hello"), binary(1, 2, 3, 4)},
			"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"},
		{"EI5 UTF-8 bytes", packet.Binary3, []packet.Packet{text(packet.Message, "€€€ utf")}, "\x00\x01\x04\xff4€€€ utf"},
		{"EI5 none", packet.Binary3, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := packet.AppendPayload([]byte("x"), tt.packets, tt.encoding); string(got) != "x"+tt.wire {
				t.Errorf("AppendPayload = %q, want %q", got[1:], tt.wire)
			}
			got, err := readAll([]byte(tt.wire), tt.encoding)
			if err != nil || !equalAll(got, tt.packets) {
				t.Errorf("read %v, %v, want %v", got, err, tt.packets)
			}
		})
	}
}

func TestPayloadErrors(t *testing.T) {
	for _, tt := range []struct {
		name     string
		encoding packet.Encoding
		wire     string
		before   int // packets before the error
	}{
		{"M12 empty", packet.Text4, "", 0},
		{"M12 ends with an empty packet", packet.Text4, "4a\x1e", 1},
		{"EP4 first", packet.Text4, "x\x1e4a", 0},
		{"EP4 stops", packet.Text4, "4a\x1e9\x1e4b", 1},
		{"EP3 only a separator", packet.Text4, "\x1e", 0},
		{"EI4 empty", packet.Text3, "", 0},
		{"EI4 no length", packet.Text3, ":4", 0},
		{"EI4 no colon", packet.Text3, "1", 0},
		{"EI4 trailing digits", packet.Text3, "1:21", 1},
		{"EI4 too long", packet.Text3, "5:4abc", 0},
		{"EI4 sign", packet.Text3, "-1:4", 0},
		{"EI4 exponent", packet.Text3, "1e0:4", 0},
		{"EI4 hex", packet.Text3, "0x1:4", 0},
		{"EI4 space", packet.Text3, " 1:4", 0},
		{"EI4 huge", packet.Text3, strings.Repeat("9", 400) + ":4", 0},
		{"C-01 kill-engine-io", packet.Text3, "99999991:4222", 0},
		{"EI4 half a character", packet.Text3, "2:4🙂", 0},
		{"EI4 bad packet", packet.Text3, "1:41:9", 1},
		{"EI5 marker", packet.Binary3, "\x02\x01\xff4", 0},
		{"EI5 no length", packet.Binary3, "\x00\xff4", 0},
		{"EI5 no end", packet.Binary3, "\x00\x01", 0},
		{"EI5 only a marker", packet.Binary3, "\x00", 0},
		{"EI5 digit", packet.Binary3, "\x001\xff4", 0},
		{"EI5 too long", packet.Binary3, "\x00\x05\xff4abc", 0},
		{"EI5 huge", packet.Binary3, "\x00" + strings.Repeat("\x09", 400) + "\xff4", 0},
		{"EI5 zero length", packet.Binary3, "\x00\x00\xff", 0},
		{"EI5 zero length binary", packet.Binary3, "\x01\x00\xff", 0},
		{"EI5 second", packet.Binary3, "\x00\x01\xff4\x01\x01\xff\x07", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readAll([]byte(tt.wire), tt.encoding)
			if !errors.Is(err, packet.ErrParse) || len(got) != tt.before {
				t.Errorf("read %v, %v, want %d packets and ErrParse", got, err, tt.before)
			}
		})
	}
}

func TestPayloadReaderKeepsItsError(t *testing.T) {
	for body, want := range map[string]error{"4a": io.EOF, "4a\x1ex\x1e4b": packet.ErrParse} {
		r := packet.NewPayloadReader([]byte(body), packet.Text4)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := r.Next(); err != want {
				t.Errorf("%q: %v, want %v", body, err, want)
			}
		}
	}
}

// What a handler appends to its message must not run into the next one.
func TestPacketsOfAPayloadDoNotOverlap(t *testing.T) {
	for e, body := range map[packet.Encoding]string{
		packet.Text4: "4a\x1e4b", packet.Text3: "2:4a2:4b", packet.Binary3: "\x00\x02\xff4a\x00\x02\xff4b",
	} {
		r := packet.NewPayloadReader([]byte(body), e)
		first, _ := r.Next()
		_ = append(first.Data, "zzzzzz"...)
		second, err := r.Next()
		if err != nil || string(second.Data) != "b" {
			t.Errorf("encoding %d: second packet is %q, %v", e, second.Data, err)
		}
	}
}

// Invalid UTF-8 must not make the length in front wrong.
func TestText3InvalidUTF8(t *testing.T) {
	got := packet.AppendPayload(nil, []packet.Packet{text(packet.Message, "a\xff\xe2\x82"), text(packet.Ping, "")}, packet.Text3)
	if want := "5:4a\ufffd\ufffd\ufffd1:2"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPayloadSize(t *testing.T) {
	for _, e := range []packet.Encoding{packet.Text4, packet.Text3, packet.Binary3} {
		for _, n := range []int{0, 1, 8, 9, 10, 98, 99, 100, 9999, 10000} {
			for _, bin := range []bool{false, true} {
				p := packet.Packet{Type: packet.Message, Data: bytes.Repeat([]byte("x"), n), Binary: bin}
				// The second of two, so that a separator counts.
				got := len(packet.AppendPayload(nil, []packet.Packet{p, p}, e)) - len(packet.AppendPayload(nil, []packet.Packet{p}, e))
				if size := packet.PayloadSize(p, e); size < got || size > got+2 {
					t.Errorf("encoding %d, %d bytes, binary %v: PayloadSize = %d, added %d", e, n, bin, size, got)
				}
			}
		}
	}
}

// C-01: small packets cost work and memory in proportion to the body.
func TestPayloadOfSmallestPacketsC01(t *testing.T) {
	for _, tt := range []struct {
		name     string
		encoding packet.Encoding
		unit     string
	}{
		{"protocol 4", packet.Text4, "4\x1e"},
		{"protocol 3", packet.Text3, "2:42"},
		{"protocol 3 nothing", packet.Text3, "0:"},
		{"protocol 3 binary", packet.Binary3, "\x00\x01\xff4"},
	} {
		body := []byte(strings.TrimSuffix(strings.Repeat(tt.unit, 1_000_000/len(tt.unit)), "\x1e"))
		var packets int
		allocs := testing.AllocsPerRun(1, func() {
			packets = 0
			for r := packet.NewPayloadReader(body, tt.encoding); ; packets++ {
				if _, err := r.Next(); err != nil {
					if err != io.EOF {
						t.Errorf("%s: %v", tt.name, err)
					}
					return
				}
			}
		})
		if allocs > 1 {
			t.Errorf("%s: %v allocations for %d packets", tt.name, allocs, packets)
		}
		if want := 1_000_000 / len(tt.unit); tt.unit != "0:" && packets != want {
			t.Errorf("%s: %d packets, want %d", tt.name, packets, want)
		}
	}
}

func TestAppendPayloadAllocatesNothing(t *testing.T) {
	packets := []packet.Packet{text(packet.Message, "hello"), binary(1, 2, 3)}
	dst := make([]byte, 0, 128)
	for _, e := range []packet.Encoding{packet.Text4, packet.Text3, packet.Binary3} {
		if n := testing.AllocsPerRun(100, func() { packet.AppendPayload(dst, packets, e) }); n != 0 {
			t.Errorf("encoding %d: %v allocations", e, n)
		}
	}
}

func BenchmarkReadPayload(b *testing.B) {
	for name, e := range map[string]packet.Encoding{"v4": packet.Text4, "v3": packet.Text3} {
		body := packet.AppendPayload(nil, bigPayload(), e)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				for r := packet.NewPayloadReader(body, e); ; {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}

func BenchmarkAppendPayload(b *testing.B) {
	packets := bigPayload()
	for name, e := range map[string]packet.Encoding{"v4": packet.Text4, "v3": packet.Text3} {
		dst := packet.AppendPayload(nil, packets, e)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = packet.AppendPayload(dst[:0], packets, e)
			}
		})
	}
}

func bigPayload() []packet.Packet {
	packets := make([]packet.Packet, 100)
	for i := range packets {
		packets[i] = text(packet.Message, `2["message",{"user":"bob","text":"hello world"}]`)
	}
	return packets
}
