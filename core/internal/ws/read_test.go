package ws_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

func rawDial(t testing.TB, addr string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	return &peer{t: t, conn: conn, br: bufio.NewReader(conn)}
}

func TestReadMessages(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 1000, 1024, 2047, 2048, 2049, 4096, 65535, 65536, 70000, 300_000}
	c, p := pair(t, nil)
	go func() {
		for _, n := range sizes {
			p.try(textFrame(strings.Repeat("x", n)))
			p.try(frame(0x82, bytes.Repeat([]byte{0xff}, n)))
		}
	}()
	for _, n := range sizes {
		for _, want := range []string{strings.Repeat("x", n), strings.Repeat("\xff", n)} {
			data, binary, err := c.Read()
			if err != nil || string(data) != want || binary != (n > 0 && want[0] == 0xff) && n > 0 {
				t.Fatalf("size %d: got %d bytes, %v, %v", n, len(data), binary, err)
			}
			if waste := cap(data) - len(data); waste > len(data)/8+16 {
				t.Errorf("size %d: %d bytes wasted", n, waste)
			}
		}
	}
	finish(t, c, p)
}

func TestFragments(t *testing.T) {
	c, p := pair(t, &ws.Options{Compression: true})
	p.send(
		frame(0x01, []byte("he")), frame(0x89, []byte("ping")), frame(0x00, nil), frame(0x00, []byte("l\xc3")), frame(0x80, []byte("\xa9")),
		frame(0x02, []byte{1}), frame(0x8a, nil), frame(0x80, []byte{2}),
		textFrame("next"))
	wantMessage(t, c, "helé", false)
	wantMessage(t, c, "\x01\x02", true)
	wantMessage(t, c, "next", false)
	p.want(0x8a, "ping")

	zipped := deflated(t, strings.Repeat("hello ", 100))
	p.send(frame(0x41, zipped[:3]), frame(0x89, nil), frame(0x00, zipped[3:5]), frame(0x80, zipped[5:]), frame(0xc1, deflated(t, "")))
	wantMessage(t, c, strings.Repeat("hello ", 100), false)
	wantMessage(t, c, "", false)
	finish(t, c, p)
}

func deflated(t testing.TB, s string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// The scratch buffer is exactly filled by the last bytes of the stream.
func TestInflatedSizesAroundTheScratchBuffer(t *testing.T) {
	c, p := pair(t, &ws.Options{Compression: true})
	for n := 2040; n < 2060; n++ {
		want := strings.Repeat("ab", n)[:n]
		p.send(frame(0xc1, deflated(t, want)), frame(0xc2, append(deflated(t, want), 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff)))
		wantMessage(t, c, want, false)
		wantMessage(t, c, want, true)
	}
	finish(t, c, p)
}

func TestLimitM3C26(t *testing.T) {
	const limit = 5000
	at, over := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	for _, tt := range []struct {
		name   string
		frames [][]byte
		ok     bool
	}{
		{"at", [][]byte{textFrame(at)}, true},
		{"over", [][]byte{textFrame(over)}, false},
		{"fragmented at", [][]byte{frame(0x01, []byte(at[:4999])), frame(0x80, []byte("x"))}, true},
		{"fragmented over", [][]byte{frame(0x01, []byte(at)), frame(0x80, []byte("x"))}, false},
		{"compressed at", [][]byte{frame(0xc1, deflated(t, at))}, true},
		{"compressed over", [][]byte{frame(0xc1, deflated(t, over))}, false},
		{"compressed fragments over", [][]byte{frame(0x41, deflated(t, over)[:4]), frame(0x80, deflated(t, over)[4:])}, false},
		{"C-28 bomb", [][]byte{frame(0xc1, deflated(t, strings.Repeat("x", 300_000)))}, false},
		{"only announced", [][]byte{{0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := pair(t, &ws.Options{MaxMessage: limit, Compression: true})
			p.send(tt.frames...)
			if tt.ok {
				wantMessage(t, c, at, false)
				finish(t, c, p)
				return
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if reason := p.wantClose(ws.CodeTooBig); reason != "Max payload size exceeded" {
					t.Errorf("reason is %q", reason)
				}
				p.conn.Close()
			}()
			wantCloseError(t, c, ws.CodeTooBig, false)
			<-done
		})
	}
}

func TestSmallLimitM4(t *testing.T) {
	c, p := pair(t, &ws.Options{MaxMessage: 5})
	p.send(textFrame("12345"), textFrame("123456"))
	wantMessage(t, c, "12345", false)
	go func() {
		p.wantClose(ws.CodeTooBig)
		p.conn.Close()
	}()
	wantCloseError(t, c, ws.CodeTooBig, false)
}

// C-20, C-28: neither an announced length nor a bomb gets memory beyond the limit.
func TestHostileMemoryC20C28(t *testing.T) {
	bomb := deflated(t, strings.Repeat("x", 5_000_000))
	for name, data := range map[string][]byte{
		"C-20": {0x82, 0xff, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0, 1, 2, 3, 4, 5, 6, 7}, // 1e9 announced, within the limit below
		"C-28": frame(0xc2, bomb),
	} {
		t.Run(name, func(t *testing.T) {
			limit := int64(100_000)
			if name == "C-20" {
				limit = 2_000_000_000
			}
			c, p := pair(t, &ws.Options{MaxMessage: limit, Compression: name == "C-28"})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			go func() {
				p.try(data)
				if name == "C-28" {
					p.wantClose(ws.CodeTooBig)
				}
				p.conn.Close()
			}()
			var err error
			for err == nil {
				_, _, err = c.Read()
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 2_000_000 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

func TestBreaches(t *testing.T) {
	big := func(length ...byte) []byte { return append(append([]byte{0x82, 0xff}, length...), 1, 2, 3, 4) }
	for _, tt := range []struct {
		name string
		data []byte
		code int
	}{
		{"C-09 RSV1", frame(0xc1, []byte("x")), 1002},
		{"C-09 RSV2", frame(0xa1, []byte("x")), 1002},
		{"C-09 RSV3", frame(0x91, []byte("x")), 1002},
		{"C-09 RSV1 on a ping", frame(0xc9, []byte("x")), 1002},
		{"C-09 opcode 3", frame(0x83, []byte("x")), 1002},
		{"C-09 opcode 15", frame(0x8f, []byte("x")), 1002},
		{"C-09 unmasked", []byte{0x81, 1, 'x'}, 1002},
		{"C-09 long ping", frame(0x89, bytes.Repeat([]byte("x"), 126)), 1002},
		{"C-09 fragmented ping", frame(0x09, []byte("x")), 1002},
		{"C-09 close of one byte", frame(0x88, []byte{3}), 1002},
		{"C-09 close code 1005", frame(0x88, []byte{3, 237}), 1002},
		{"C-09 close code 999", closeFrame(999, ""), 1002},
		{"C-09 close reason not UTF-8", closeFrame(1000, "\xff"), 1002},
		{"C-09 continuation of nothing", frame(0x80, []byte("x")), 1002},
		{"C-09 message within a message", append(frame(0x01, []byte("x")), textFrame("y")...), 1002},
		{"C-09 UTF-8", textFrame("4\xff\xfe"), 1007},
		{"C-09 half a character", textFrame("4\xe2\x82"), 1007},
		{"C-09 surrogate", textFrame("4\xed\xa0\x80"), 1007},
		{"C-20 2^63-1", big(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 1009},
		{"C-20 2^63", big(0x80, 0, 0, 0, 0, 0, 0, 0), 1002},
		{"C-20 2^64-1", big(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 1002},
		{"C-20 65535 in 64 bits", big(0, 0, 0, 0, 0, 0, 0xff, 0xff), 1002},
		{"C-20 125 in 16 bits", []byte{0x82, 0xfe, 0, 125, 1, 2, 3, 4}, 1002},
		{"C-20 zero in 64 bits", big(0, 0, 0, 0, 0, 0, 0, 0), 1002},
		{"C-20 sum", append(frame(0x02, []byte("x")), 0x80, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4), 1009},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The breach behind good messages, whole and byte by byte.
			for _, step := range []int{1 << 20, 1} {
				c, p := pair(t, &ws.Options{MaxMessage: 1_000_000})
				done := make(chan struct{})
				go func() {
					defer close(done)
					data := append(textFrame("good"), tt.data...)
					for len(data) > 0 {
						n := min(step, len(data))
						p.try(data[:n])
						data = data[n:]
					}
					p.wantClose(tt.code)
					p.conn.Close()
				}()
				wantMessage(t, c, "good", false)
				wantCloseError(t, c, tt.code, false)
				<-done
			}
		})
	}
}

func TestCompressedBreaches(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		code int
	}{
		{"not deflate", frame(0xc1, []byte{0xff, 0xff, 0xff}), 1007},
		{"cut off", frame(0xc1, deflated(t, strings.Repeat("abcdefg", 50))[:6]), 1007},
		{"RSV1 on a continuation", append(frame(0x41, []byte("x")), frame(0xc0, []byte("y"))...), 1002},
		{"RSV1 on a ping", frame(0xc9, nil), 1002},
		{"UTF-8", frame(0xc1, deflated(t, "\xff")), 1007},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := pair(t, &ws.Options{Compression: true, MaxMessage: 1000})
			p.send(tt.data)
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.wantClose(tt.code)
				p.conn.Close()
			}()
			wantCloseError(t, c, tt.code, false)
			<-done
		})
	}
}

// C-18: a message in endless small pieces, some of them empty.
func TestFragmentFloodC18(t *testing.T) {
	for name, piece := range map[string][]byte{"one byte": frame(0x00, []byte("x")), "empty": frame(0x00, nil)} {
		t.Run(name, func(t *testing.T) {
			c, p := pair(t, &ws.Options{MaxMessage: 1_000_000})
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.try(append(frame(0x02, []byte("x")), bytes.Repeat(piece, 3000)...))
				p.wantClose(ws.CodePolicy)
				p.conn.Close()
			}()
			wantCloseError(t, c, ws.CodePolicy, false)
			<-done
		})
	}
}

// Pieces of a KiB are fine up to the limit, and cost work in proportion to their
// number.
func TestManyFragmentsWithinTheLimit(t *testing.T) {
	c, p := pair(t, &ws.Options{MaxMessage: 1_000_000})
	pieces := bytes.Repeat(frame(0x00, make([]byte, 1000)), 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		p.try(frame(0x02, nil))
		p.try(pieces)
		p.try(frame(0x80, nil))
	}()
	data, _, err := c.Read()
	runtime.ReadMemStats(&after)
	// Growing by a piece at a time would take some 500 MB.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 5_000_000 {
		t.Errorf("%d bytes allocated for 1 MB", grown)
	}
	if err != nil || len(data) != 1_000_000 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	finish(t, c, p)
}

// C26: any close frame is the peer's close, and is answered.
func TestPeerClosesC26(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frame  []byte
		code   int
		reason string
		answer string
	}{
		{"1000", closeFrame(1000, "bye"), 1000, "bye", "\x03\xe8"},
		{"1001", closeFrame(1001, ""), 1001, "", "\x03\xe9"},
		{"4000", closeFrame(4000, "é"), 4000, "é", "\x0f\xa0"},
		{"no code", frame(0x88, nil), 1005, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := pair(t, nil)
			p.send(textFrame("last"), tt.frame)
			wantMessage(t, c, "last", false)
			if closed := wantCloseError(t, c, tt.code, true); closed.Reason != tt.reason {
				t.Errorf("reason is %q", closed.Reason)
			}
			first, payload, err := p.read()
			if err != nil || first != 0x88 || !strings.HasPrefix(string(payload), tt.answer) {
				t.Errorf("answer %#x %q, %v", first, payload, err)
			}
			if _, err := p.br.ReadByte(); err != io.EOF {
				t.Errorf("connection still open: %v", err)
			}
			if err := c.Write(ws.Frame{Payload: []byte("x")}); !errors.Is(err, ws.ErrClosed) {
				t.Errorf("Write: %v", err)
			}
		})
	}
}

func TestPeerVanishes(t *testing.T) {
	for name, sent := range map[string][]byte{"between messages": textFrame("x"), "within one": append(textFrame("x"), textFrame("cut off")[:5]...)} {
		t.Run(name, func(t *testing.T) {
			c, p := pair(t, nil)
			p.send(sent)
			p.conn.Close()
			wantMessage(t, c, "x", false)
			wantCloseError(t, c, ws.CodeAbnormal, true)
		})
	}
}

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pipePair(t, nil, "")
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Minute))
		if _, _, err := c.Read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Read: %v after %v", err, time.Since(start))
		}
	})
}

// A flood of pings while the writer is stuck: the reader goes on, one pong is
// kept, and the writer is not held afterwards.
func TestPingFloodWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pipePair(t, nil, "")
		written := make(chan error, 1)
		go func() { written <- c.Write(ws.Frame{Payload: []byte("stuck")}) }()
		synctest.Wait() // the pipe has no buffer: the write waits
		read := make(chan error, 1)
		go func() {
			data, _, err := c.Read()
			if err == nil && string(data) != "after" {
				err = errors.New("wrong message")
			}
			read <- err
		}()
		for range 1000 {
			p.send(frame(0x89, []byte("old")))
		}
		p.send(frame(0x89, []byte("new")), textFrame("after"))
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		p.want(0x81, "stuck")
		p.want(0x8a, "new")
		if err := <-written; err != nil {
			t.Error(err)
		}
		go c.Write(ws.Frame{Payload: []byte("next")})
		p.want(0x81, "next") // and no other pong
	})
}

// A flood of pings against nobody who reads the pongs ends with the write
// timeout, and holds nothing in the meantime.
func TestPingFloodUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pipePair(t, &ws.Options{WriteTimeout: time.Second}, "")
		go func() {
			for {
				if _, err := p.conn.Write(frame(0x89, []byte("x"))); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		if _, _, err := c.Read(); err == nil || time.Since(start) != time.Second {
			t.Errorf("Read: %v after %v", err, time.Since(start))
		}
	})
}

func TestPongs(t *testing.T) {
	c, p := pair(t, nil)
	p.send(frame(0x89, []byte("a")), frame(0x89, nil), frame(0x89, bytes.Repeat([]byte("x"), 125)), textFrame("end"))
	wantMessage(t, c, "end", false)
	p.want(0x8a, "a")
	p.want(0x8a, "")
	p.want(0x8a, strings.Repeat("x", 125))
	finish(t, c, p)
}
