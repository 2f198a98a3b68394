package packet_test

import (
	"testing"
	"unicode/utf8"

	"github.com/gosocketio/sio/core/internal/packet"
)

func FuzzPacket(f *testing.F) {
	for _, s := range []string{"4test", "b4AQIDBA==", "bAQ-_ID=BA", "2probe", "\x04abc", ""} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, v3 bool) {
		protocol := 4
		if v3 {
			protocol = 3
		}
		if p, err := packet.DecodeText(data, protocol); err == nil {
			checkPacket(t, p, len(data))
			again, err := packet.DecodeText(packet.AppendText(nil, p, protocol), protocol)
			if err != nil || !equal(p, again) {
				t.Fatalf("text: %v became %v, %v", p, again, err)
			}
		}
		if p, err := packet.DecodeBinary(data, protocol); err == nil && p.Binary {
			checkPacket(t, p, len(data))
			again, err := packet.DecodeBinary(packet.AppendBinary(nil, p, protocol), protocol)
			if err != nil || !equal(p, again) {
				t.Fatalf("binary: %v became %v, %v", p, again, err)
			}
		}
	})
}

func checkPacket(t *testing.T, p packet.Packet, size int) {
	t.Helper()
	if p.Type > packet.Noop || p.Binary && p.Type != packet.Message || len(p.Data) > size {
		t.Fatalf("impossible packet %v from %d bytes", p, size)
	}
}

func FuzzPayloadV4(f *testing.F) {
	f.Add([]byte("0\x1e1\x1e2probe\x1e3probe\x1e4test"))
	f.Add([]byte("4test\x1ebAQIDBA==\x1e"))
	f.Fuzz(func(t *testing.T, body []byte) { fuzzPayload(t, body, packet.Text4) })
}

func FuzzPayloadV3Text(f *testing.F) {
	f.Add([]byte("6:4test16:4test26:4test310:b4AQIDBA=="))
	f.Add([]byte("3:4🙂0:99999991:4222"))
	f.Fuzz(func(t *testing.T, body []byte) { fuzzPayload(t, body, packet.Text3) })
}

func FuzzPayloadV3Binary(f *testing.F) {
	f.Add([]byte("\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"))
	f.Add([]byte("\x00\x01\x04\xff4€€€ utf"))
	f.Fuzz(func(t *testing.T, body []byte) { fuzzPayload(t, body, packet.Binary3) })
}

func fuzzPayload(t *testing.T, body []byte, e packet.Encoding) {
	packets, _ := readAll(body, e)
	if len(packets) > len(body) {
		t.Fatalf("%d packets in %d bytes", len(packets), len(body))
	}
	size, valid := 2, true
	for _, p := range packets {
		checkPacket(t, p, len(body))
		size += packet.PayloadSize(p, e)
		valid = valid && (p.Binary || utf8.Valid(p.Data))
	}
	if len(packets) == 0 {
		return
	}
	encoded := packet.AppendPayload(nil, packets, e)
	if len(encoded) > size && valid {
		t.Fatalf("PayloadSize says %d for %d bytes", size, len(encoded))
	}
	again, err := readAll(encoded, e)
	if err != nil || len(again) != len(packets) {
		t.Fatalf("%v became %v, %v", packets, again, err)
	}
	if valid && !equalAll(packets, again) {
		t.Fatalf("%v became %v", packets, again)
	}
}
