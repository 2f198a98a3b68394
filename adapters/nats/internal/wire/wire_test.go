package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
	"github.com/gosocketio/sio/core/cluster"
)

func payload(text string, attachments ...[]byte) cluster.Payload {
	return cluster.Payload{JSON: []byte(text), Attachments: attachments}
}

func event(from, text string) *cluster.Message {
	return &cluster.Message{Type: cluster.Broadcast, From: from, Namespace: "/", Payload: payload(text)}
}

func encode(m *cluster.Message, after uint64) []byte {
	return wire.Encode(wire.Frame{Message: m, After: after})
}

func decode(data []byte) (m *cluster.Message, after uint64, err error) {
	f, err := wire.Decode(data)
	return f.Message, f.After, err
}

func newAssembler(limit int) *wire.Assembler { return &wire.Assembler{Limit: limit} }

var messages = []*cluster.Message{
	{Type: cluster.InitialHeartbeat, From: "a", Namespace: "/"},
	{Type: cluster.Heartbeat, From: "a", Namespace: "/chat", Seq: 1 << 62},
	{Type: cluster.AdapterClose, From: "a", Namespace: "/", Seq: 3},
	{
		Type: cluster.Broadcast, From: "a", Namespace: "/", RequestID: "r", Seq: 300,
		Selector: cluster.Selector{Rooms: []string{"r1", "", "räum"}, Except: []string{"x"}},
		Flags:    cluster.Flags{Volatile: true, NoCompress: true, Timeout: time.Minute, ExpectSingleResponse: true},
		Payload:  payload(`["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, []byte{0, 255}, []byte{}),
	},
	{Type: cluster.Broadcast, From: cluster.EmitterID, Namespace: "/", Payload: payload(`["e"]`)},
	{Type: cluster.SocketsJoin, From: "a", Namespace: "/", Selector: cluster.Selector{Rooms: []string{"r"}}, Rooms: []string{"x", "y"}},
	{Type: cluster.SocketsLeave, From: "a", Namespace: "/", Rooms: []string{"x"}},
	{Type: cluster.DisconnectSockets, From: "a", Namespace: "/", Close: true},
	{Type: cluster.FetchSockets, From: "a", Namespace: "/", RequestID: "r"},
	{Type: cluster.FetchSocketsResponse, From: "a", Namespace: "/", RequestID: "r", Sockets: []cluster.SocketInfo{
		{ID: "1", Handshake: []byte(`{"issued":1}`), Rooms: []string{"1", ""}, Data: []byte(`null`)}, {},
	}},
	{Type: cluster.ServerSideEmit, From: "a", Namespace: "/", RequestID: "r", Payload: payload(`["e",1]`)},
	{Type: cluster.ServerSideEmitResponse, From: "a", Namespace: "/", RequestID: "r", Payload: payload(`[1]`)},
	{Type: cluster.BroadcastClientCount, From: "a", Namespace: "/", RequestID: "r", Count: 2, Clients: []string{"1", "2"}},
	{Type: cluster.BroadcastAck, From: "a", Namespace: "/", RequestID: "r", Client: "1", Payload: payload(`[]`)},
}

func TestWire(t *testing.T) {
	for i, m := range messages {
		got, after, err := decode(encode(m, uint64(i)))
		if err != nil || after != uint64(i) || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: got %+v, %d, %v, want %+v", m.Type, got, after, err, m)
		}
	}
}

// TestGolden: nodes of different versions must understand each other.
func TestGolden(t *testing.T) {
	m := &cluster.Message{
		Type: cluster.Broadcast, From: "n1", Namespace: "/", Seq: 300, Selector: cluster.Selector{Rooms: []string{"r"}},
		Flags: cluster.Flags{NoCompress: true}, Payload: payload(`["e",{"_placeholder":true,"num":0}]`, []byte{1, 2}),
	}
	want := "0103" + "01026e31" + "02012f" + "0402ac02" + "050102" + "070172" +
		"0923" + hex.EncodeToString(m.Payload.JSON) + "0a020102" + "100107"
	if got := hex.EncodeToString(encode(m, 7)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":            "",
		"no type":            "\x01",
		"another version":    "\x02\x03",
		"half a field":       "\x01\x03\x01",
		"length too large":   "\x01\x03\x01\x05abc",
		"length overflows":   "\x01\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"number overflows":   "\x01\x03\x04\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"number with a tail": "\x01\x03\x04\x02\x01\x01",
		"empty number":       "\x01\x03\x04\x00",
		"socket":             "\x01\x08\x0c\x02\x01\x05",
		"handshake":          "\x01\x08\x0c\x03\x02\x01{",
		"data":               "\x01\x08\x0c\x03\x04\x01x",
	} {
		if m, _, err := decode([]byte(data)); err == nil {
			t.Errorf("%s: got %+v", name, m)
		}
	}
	// What is new in another version is ignored.
	if m, _, err := decode([]byte("\x01\x02\x01\x01a\x63\x02xy\x02\x01/")); err != nil || m.From != "a" || m.Namespace != "/" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestParts(t *testing.T) {
	now := time.Now()
	big := event("a", `["`+strings.Repeat("x", 10_000)+`"]`)
	other := event("b", `["`+strings.Repeat("y", 5_000)+`"]`)
	parts := split(t, big, 1000)
	if len(parts) < 11 {
		t.Fatalf("got %d parts", len(parts))
	}
	for _, p := range parts {
		if len(p) > 1000 {
			t.Errorf("a part has %d bytes", len(p))
		}
	}
	a := newAssembler(1 << 20)
	var got []*cluster.Message
	for i, others := 0, split(t, other, 1000); i < len(parts); i++ {
		for _, list := range [][][]byte{parts, others} {
			if i >= len(list) {
				continue
			}
			m, err := a.Decode(list[i], now)
			if err != nil {
				t.Fatal(err)
			}
			if m.Message != nil {
				got = append(got, m.Message)
			}
		}
	}
	if len(got) != 2 || !reflect.DeepEqual(got, []*cluster.Message{other, big}) || a.Held() != 0 {
		t.Errorf("got %d messages, %d bytes are held", len(got), a.Held())
	}
	if whole := split(t, event("a", `["x"]`), 1000); len(whole) != 1 {
		t.Errorf("a small message has %d parts", len(whole))
	}
}

func split(t *testing.T, m *cluster.Message, limit int) [][]byte {
	t.Helper()
	parts, err := wire.Split(encode(m, 0), limit)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// TestPartsLost: what cannot be put together is told once, and nothing is kept of it.
func TestPartsLost(t *testing.T) {
	now := time.Now()
	for lost := range 3 {
		parts := split(t, event("a", `["`+strings.Repeat("x", 2000)+`"]`), 1000)
		if len(parts) != 3 {
			t.Fatalf("got %d parts", len(parts))
		}
		a := newAssembler(1 << 20)
		var errs []error
		for i, p := range parts {
			if i == lost {
				continue
			}
			m, err := a.Decode(p, now)
			if m.Message != nil {
				t.Errorf("part %d is lost: got a message", lost)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		if want := min(2-lost, 1); len(errs) != want || want == 1 && !errors.Is(errs[0], wire.ErrPartLost) {
			t.Errorf("part %d is lost: got errors %v, want %d", lost, errs, want)
		}
		if lost == 2 {
			if _, err := a.Decode(split(t, event("b", `["`+strings.Repeat("x", 2000)+`"]`), 1000)[0], now.Add(time.Minute)); err != nil {
				t.Error(err)
			}
			if a.Held() > 1000 {
				t.Errorf("%d bytes are held after a minute", a.Held())
			}
		}
	}
}

func TestPartsTooLarge(t *testing.T) {
	if _, err := wire.Split(make([]byte, wire.MaxMessage+1), 1<<20); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := wire.Split(make([]byte, 100), 50); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	a := newAssembler(1500)
	parts := split(t, event("a", `["`+strings.Repeat("x", 3000)+`"]`), 1000)
	var err error
	for _, p := range parts[:2] {
		_, err = a.Decode(p, time.Now())
	}
	if !errors.Is(err, wire.ErrTooLarge) || a.Held() != 0 {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func FuzzDecode(f *testing.F) {
	for i, m := range messages {
		f.Add(encode(m, uint64(i)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, after, err := decode(data)
		if err != nil {
			return
		}
		// What was understood can be written, and is the same then.
		again := encode(m, after)
		m2, after2, err := decode(again)
		if err != nil || after2 != after || !bytes.Equal(again, encode(m2, after2)) {
			t.Errorf("got %+v, %v, want %+v", m2, err, m)
		}
	})
}

func FuzzParts(f *testing.F) {
	parts, err := wire.Split(encode(event("a", `["`+strings.Repeat("x", 100)+`"]`), 0), 100)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(parts[0], parts[1])
	f.Add(parts[1], parts[0])
	f.Fuzz(func(t *testing.T, one, two []byte) {
		a := newAssembler(1000)
		for _, data := range [][]byte{one, two, one} {
			if _, err := a.Decode(data, time.Now()); err == nil && a.Held() > 1000 {
				t.Error("too much is held")
			}
		}
	})
}
