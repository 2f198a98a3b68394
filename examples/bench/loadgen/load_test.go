//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

type sink struct {
	texts [][]byte
	bins  [][]byte
	err   error
}

func (s *sink) onUpgraded(*conn)            {}
func (s *sink) onHTTP(*conn, int, []byte)   {}
func (s *sink) onText(c *conn, p []byte)    { s.texts = append(s.texts, bytes.Clone(p)) }
func (s *sink) onBinary(c *conn, p []byte)  { s.bins = append(s.bins, bytes.Clone(p)) }
func (s *sink) onClosed(c *conn, err error) { s.err = err }
func testLoop(t *testing.T) (*loop, *sink) {
	t.Helper()
	l, err := newLoop([4]byte{127, 0, 0, 1}, 1, "127.0.0.1:1", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	return l, &sink{}
}

func serverFrame(fin bool, op byte, p []byte) []byte {
	b := []byte{op}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(p); {
	case n < 126:
		b = append(b, byte(n))
	case n < 65536:
		b = append(b, 126, byte(n>>8), byte(n))
	default:
		b = append(b, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, p...)
}

func TestFramesInEverySplit(t *testing.T) {
	l, s := testLoop(t)
	c := &conn{lp: l, h: s, st: stWS, fd: -1}
	long := bytes.Repeat([]byte("x"), 300)
	var in []byte
	in = append(in, serverFrame(true, opText, []byte("one"))...)
	in = append(in, serverFrame(true, opBin, long)...)
	in = append(in, serverFrame(false, opText, []byte("fra"))...)
	in = append(in, serverFrame(true, opPing, nil)...)
	in = append(in, serverFrame(true, opCont, []byte("gment"))...)
	for cut := 0; cut <= len(in); cut++ {
		s.texts, s.bins = nil, nil
		n, err := c.consume(in[:cut])
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.consume(in[n:])
		if err != nil || n+m != len(in) {
			t.Fatalf("cut %d: used %d of %d, %v", cut, n+m, len(in), err)
		}
		if len(s.texts) != 2 || string(s.texts[0]) != "one" || string(s.texts[1]) != "fragment" || len(s.bins) != 1 || !bytes.Equal(s.bins[0], long) {
			t.Fatalf("cut %d: %q", cut, s.texts)
		}
	}
	if _, err := c.consume(append([]byte{0x81, 0x81}, 0, 0, 0, 0, 'a')); err == nil {
		t.Fatal("a masked frame from a server was taken")
	}
}

func TestClientFrameIsMasked(t *testing.T) {
	l, s := testLoop(t)
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 4096, 70000} {
		c := &conn{lp: l, h: s, st: stConnecting}
		p := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		c.frame(opText, p)
		b := c.out
		h := 2
		switch b[1] & 0x7f {
		case 126:
			h = 4
		case 127:
			h = 10
		}
		if b[1]&0x80 == 0 || len(b) != h+4+n {
			t.Fatalf("%d: bad header % x", n, b[:h])
		}
		got := bytes.Clone(b[h+4:])
		for i := range got {
			got[i] ^= b[h+i%4]
		}
		if !bytes.Equal(got, p) {
			t.Fatalf("%d: payload damaged", n)
		}
	}
}

func TestResponses(t *testing.T) {
	whole := "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\nhello"
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nhel\r\n2;x=1\r\nlo\r\n0\r\n\r\n"
	for _, in := range []string{whole, chunked} {
		for i := 0; i < len(in); i++ {
			if n, _, _, _, err := parseResponse([]byte(in[:i])); n != 0 || (err != nil && i > 12) {
				t.Fatalf("%q: n=%d err=%v", in[:i], n, err)
			}
		}
		n, st, body, hdr, err := parseResponse([]byte(in + "HTTP"))
		if err != nil || n != len(in) || st != 200 || string(body) != "hello" || hdr.close != (in == chunked) {
			t.Fatalf("%q: %d %d %q %v", in, n, st, body, err)
		}
	}
	if _, _, _, _, err := parseResponse([]byte("HTTP/1.1 200 OK\r\n\r\n")); err == nil {
		t.Fatal("a response of unknown length was taken")
	}
}

func TestHist(t *testing.T) {
	var h hist
	for v := int64(1); v <= 100000; v++ {
		h.add(v)
	}
	for _, q := range []float64{0.01, 0.5, 0.99} {
		got, want := float64(h.quantile(q)), q*100000
		if got < want*0.98 || got > want*1.02 {
			t.Errorf("q%v = %v, want %v", q, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	p := newPayload(42)
	b := p.append(nil, 1234)
	if len(b) != 100 || !p.match(b, 1234) || p.match(b, 1235) {
		t.Fatalf("%d bytes %s", len(b), b)
	}
	if !sameJSON(b, bytes.ReplaceAll(b, []byte(":"), []byte(": "))) {
		t.Fatal("sameJSON minds spaces")
	}
	b[len(b)-5] ^= 1
	if p.match(b, 1234) {
		t.Fatal("a damaged payload matches")
	}
	if sidOf([]byte(`{"upgrades":[],"sid":"abc"}`)) != "abc" || sidOf([]byte(`{"sid":"x-1","a":1}`)) != "x-1" || sidOf([]byte(`{}`)) != "" {
		t.Fatal("sidOf")
	}
}
