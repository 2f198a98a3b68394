package ws_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

// countingConn counts the writes that reach the network.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// countedPair is a pipe whose server end counts writes; what is written is
// collected by the peer's reader.
func countedPair(t *testing.T) (*ws.Conn, *peer, *countingConn) {
	t.Helper()
	client, server := net.Pipe()
	counting := &countingConn{Conn: server}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request(""))))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: client, br: bufio.NewReaderSize(client, 1<<20)}
	answered := make(chan error, 1)
	go func() {
		_, err := http.ReadResponse(p.br, nil)
		answered <- err
	}()
	c, err := ws.NewUpgrader(nil).Upgrade(pipeWriter{ResponseWriter: httptest.NewRecorder(), conn: counting}, r, nil)
	if err == nil {
		err = <-answered
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		c.CloseNow()
	})
	counting.writes.Store(0)
	return c, p, counting
}

func TestWriteIsOneSystemCall(t *testing.T) {
	for name, frames := range map[string][]ws.Frame{
		"one":   {{Payload: []byte("a")}},
		"three": {{Prefix: []byte("4"), Payload: []byte("2[]")}, {Payload: bytes.Repeat([]byte{7}, 300), Binary: true}, {Payload: bytes.Repeat([]byte{'x'}, 10_000)}},
		"many":  bytesFrames(500, 100),
	} {
		t.Run(name, func(t *testing.T) {
			c, p, counting := countedPair(t)
			done := make(chan error, 1)
			go func() { done <- c.Write(frames...) }()
			for _, f := range frames {
				p.want(firstByte(f), string(f.Prefix)+string(f.Payload))
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if n := counting.writes.Load(); n != 1 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// The response to a handshake goes out with what is written first, whatever that is.
func TestHoldResponse(t *testing.T) {
	for name, test := range map[string]struct {
		write func(*ws.Conn) error
		want  []byte
	}{
		"frames": {func(c *ws.Conn) error { return c.Write(ws.Frame{Payload: []byte("a")}, ws.Frame{Payload: []byte("b")}) }, []byte("\x81\x01a\x81\x01b")},
		"none":   {func(c *ws.Conn) error { return c.Write() }, nil},
		"close":  {func(c *ws.Conn) error { return c.Close(1001, "") }, []byte("\x88\x02\x03\xe9")},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request(""))))
			if err != nil {
				t.Fatal(err)
			}
			c, err := ws.NewUpgrader(&ws.Options{HoldResponse: true}).Upgrade(pipeWriter{ResponseWriter: httptest.NewRecorder(), conn: server}, r, nil)
			if err != nil { // a pipe has no buffers: it would hang, if anything was written
				t.Fatal(err)
			}
			defer c.CloseNow()
			go test.write(c)
			buf := make([]byte, 1024)
			n, err := client.Read(buf)
			if err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 101 ")) || !bytes.HasSuffix(buf[:n], append([]byte("\r\n\r\n"), test.want...)) {
				t.Errorf("first write: %q, %v", buf[:n], err)
			}
		})
	}
}

func firstByte(f ws.Frame) byte {
	if f.Binary {
		return 0x82
	}
	return 0x81
}

func bytesFrames(n, size int) []ws.Frame {
	frames := make([]ws.Frame, n)
	for i := range frames {
		frames[i].Payload = bytes.Repeat([]byte{'a' + byte(i%26)}, size)
	}
	return frames
}

func TestWriteGoldenBytes(t *testing.T) {
	c, p := pair(t, nil)
	if err := c.Write(
		ws.Frame{Prefix: []byte("4"), Payload: []byte("123")},
		ws.Frame{Payload: []byte{4, 1}, Binary: true},
		ws.Frame{},
		ws.Frame{Payload: bytes.Repeat([]byte("x"), 126)},
	); err != nil {
		t.Fatal(err)
	}
	want := "\x81\x044123" + "\x82\x02\x04\x01" + "\x81\x00" + "\x81\x7e\x00\x7e" + strings.Repeat("x", 126) // S4
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.br, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	finish(t, c, p)
}

// Sizes around every limit of the batch, mixed, in order, on a socket (where the
// kernel takes several buffers) and on a pipe (where it does not).
func TestWriteSizes(t *testing.T) {
	sizes := []int{0, 125, 126, 4095, 4096, 4097, 16384, 16385, 65535, 65536, 70, 262143, 262144, 262145, 1, 700_000, 2, 5000, 3, 5000}
	var frames []ws.Frame
	for i, n := range sizes {
		frames = append(frames, ws.Frame{Prefix: []byte("4"), Payload: bytes.Repeat([]byte{'a' + byte(i)}, n)})
	}
	socket, socketPeer := pair(t, nil)
	pipe, pipePeer := pipePair(t, nil, "")
	for _, end := range []struct {
		c *ws.Conn
		p *peer
	}{{socket, socketPeer}, {pipe, pipePeer}} {
		done := make(chan error, 1)
		go func() { done <- end.c.Write(frames...) }()
		for _, f := range frames {
			end.p.want(0x81, "4"+string(f.Payload))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	finish(t, socket, socketPeer)
}

func inflate(t *testing.T, data []byte) string {
	t.Helper()
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestWriteCompressed(t *testing.T) {
	c, p := pair(t, &ws.Options{Compression: true})
	long := strings.Repeat("hello ", 20_000)
	shared := new(ws.Prepared)
	err := c.Write(
		ws.Frame{Prefix: []byte("4"), Payload: []byte(long), Compress: true},
		ws.Frame{Payload: []byte(long), Compress: true, Binary: true, Shared: shared},
		ws.Frame{Payload: []byte(long), Compress: true, Binary: true, Shared: shared},
		ws.Frame{Payload: []byte("x"), Compress: true}, // does not pay
		ws.Frame{Payload: []byte("plain")},
	)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"4" + long, long, long} {
		first, payload, err := p.read()
		if err != nil || first != []byte{0xc1, 0xc2, 0xc2}[i] || len(payload) > len(long)/10 || inflate(t, payload) != want {
			t.Fatalf("frame %d: %#x, %d bytes, %v", i, first, len(payload), err)
		}
	}
	p.want(0x81, "x")
	p.want(0x81, "plain")
	finish(t, c, p)
}

func TestCompressIsIgnoredUnlessAgreed(t *testing.T) {
	c, p := pair(t, nil)
	long := strings.Repeat("x", 1000)
	if err := c.Write(ws.Frame{Payload: []byte(long), Compress: true, Shared: new(ws.Prepared)}); err != nil {
		t.Fatal(err)
	}
	p.want(0x81, long)
	finish(t, c, p)
}

// One Prepared, many connections at once.
func TestPreparedIsShared(t *testing.T) {
	addr, conns := listen(t, &ws.Options{Compression: true}, nil)
	long := strings.Repeat("broadcast ", 100)
	f := ws.Frame{Payload: []byte(long), Compress: true, Shared: new(ws.Prepared)}
	var peers []*peer
	var wg sync.WaitGroup
	for range 8 {
		peers = append(peers, dial(t, addr, deflateOffer))
		c := <-conns
		t.Cleanup(func() { c.CloseNow() })
		wg.Go(func() {
			if err := c.Write(f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range peers {
		if first, payload, err := p.read(); err != nil || first != 0xc1 || inflate(t, payload) != long {
			t.Errorf("%#x, %v", first, err)
		}
	}
}

// A shut window does not hold the writer for ever, and what was written before does not
// count.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pipePair(t, nil, "")
		c.SetWriteTimeout(time.Minute)
		for range 2 {
			written := make(chan error, 1)
			go func() { written <- c.Write(ws.Frame{Payload: []byte("x")}) }()
			p.want(0x81, "x")
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			time.Sleep(16 * time.Second)
		}
		start := time.Now()
		err := c.Write(ws.Frame{Payload: []byte("x")})
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Minute {
			t.Errorf("Write: %v after %v", err, took)
		}
		if again := c.Write(ws.Frame{Payload: []byte("x")}); again != err {
			t.Errorf("Write after %v: %v", err, again)
		}
		if err := c.Close(1000, ""); err == nil {
			t.Error("Close did not say that the close frame was not sent")
		}
	})
}

// A slow peer that takes something in time is not cut off.
func TestWriteTimeoutStartsAnewWithProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pipePair(t, &ws.Options{WriteTimeout: time.Minute}, "")
		read := make(chan struct{})
		go func() {
			defer close(read)
			buf := make([]byte, 64<<10)
			for {
				time.Sleep(10 * time.Second)
				if _, err := p.br.Read(buf); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		err := c.Write(ws.Frame{Payload: make([]byte, 500_000)})
		if took := time.Since(start); err != nil || took <= time.Minute {
			t.Errorf("Write: %v after %v", err, took)
		}
		c.CloseNow()
		<-read
	})
}

func TestWriteWithoutTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pipePair(t, &ws.Options{WriteTimeout: -1}, "")
		done := make(chan error, 1)
		go func() { done <- c.Write(ws.Frame{Payload: []byte("x")}) }()
		time.Sleep(time.Hour)
		p.want(0x81, "x")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// User need 1: concurrent writers never mix frames, with reads, pings and a close
// in between.
func TestConcurrentUse(t *testing.T) {
	c, p := pair(t, nil)
	const writers, each = 16, 100
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			a := bytes.Repeat([]byte{'a' + byte(w)}, 10+w*700)
			for range each {
				if err := c.Write(ws.Frame{Payload: a}, ws.Frame{Payload: a}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for {
			if _, _, err := c.Read(); err != nil {
				if !errors.Is(err, ws.ErrClosed) {
					t.Errorf("Read: %v", err)
				}
				return
			}
		}
	})
	var closing sync.WaitGroup
	closing.Go(func() {
		got, last := 0, ""
		for got < 2*writers*each {
			first, payload, err := p.read()
			switch {
			case err != nil:
				t.Error(err)
				return
			case first == 0x8a:
				continue
			case first != 0x81 || strings.Trim(string(payload), string(payload[:1])) != "":
				t.Errorf("torn frame %#x %.20q", first, payload)
				return
			case got%2 == 1 && string(payload) != last:
				t.Error("the frames of two calls mixed")
			}
			last = string(payload)
			if got++; got%50 == 0 {
				p.try(append(frame(0x89, []byte("p")), textFrame("x")...))
			}
		}
		for range 4 {
			closing.Go(func() { c.Close(1000, "done") })
		}
		p.wantCloseAfter(1000)
	})
	closing.Wait()
	wg.Wait()
}

// wantCloseAfter answers the close frame as a client does.
func (p *peer) wantCloseAfter(code int) {
	for {
		first, _, err := p.read()
		if err != nil {
			p.t.Errorf("no close frame: %v", err)
			return
		}
		if first == 0x88 {
			p.try(closeFrame(uint16(code), ""))
			if _, err := p.br.ReadByte(); err != io.EOF {
				p.t.Errorf("after the close: %v", err)
			}
			return
		}
	}
}

// M1: what was written arrives although the close follows at once, and although
// the peer has sent what nobody read.
func TestCloseDeliversWhatWasWrittenM1(t *testing.T) {
	c, p := pair(t, nil)
	p.send(bytes.Repeat(textFrame("unread"), 1000))
	long := strings.Repeat("x", 100_000)
	closed := make(chan error, 1)
	go func() {
		c.Write(ws.Frame{Payload: []byte("a")}, ws.Frame{Payload: []byte("b")}, ws.Frame{Payload: []byte(long)})
		closed <- c.Close(1001, "bye")
	}()
	p.want(0x81, "a")
	p.want(0x81, "b")
	p.want(0x81, long)
	p.wantCloseAfter(1001)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := c.Close(1000, ""); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := c.CloseNow(); err != nil {
		t.Errorf("CloseNow after Close: %v", err)
	}
	if _, _, err := c.Read(); !errors.Is(err, ws.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}

func TestCloseIsBounded(t *testing.T) {
	for name, prepare := range map[string]func(*ws.Conn, *peer){
		"peer reads nothing":         func(*ws.Conn, *peer) {},
		"peer never answers":         func(_ *ws.Conn, p *peer) { go io.Copy(io.Discard, p.br) },
		"a writer is stuck":          func(c *ws.Conn, _ *peer) { go c.Write(ws.Frame{Payload: []byte("x")}) },
		"a reader waits":             func(c *ws.Conn, p *peer) { go c.Read(); go io.Copy(io.Discard, p.br) },
		"peer sends and sends":       func(_ *ws.Conn, p *peer) { go flood(p); go io.Copy(io.Discard, p.br) },
		"the same, and a reader too": func(c *ws.Conn, p *peer) { go flood(p); go c.Read(); go io.Copy(io.Discard, p.br) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := pipePair(t, &ws.Options{CloseTimeout: 3 * time.Second, WriteTimeout: time.Hour}, "")
				prepare(c, p)
				synctest.Wait()
				start := time.Now()
				c.Close(1000, "")
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("Close took %v", took)
				}
				if _, _, err := c.Read(); !errors.Is(err, ws.ErrClosed) {
					t.Errorf("Read after Close: %v", err)
				}
				p.conn.Close()
				time.Sleep(time.Second) // let flood see it
			})
		})
	}
}

// flood sends a message every millisecond, until it cannot.
func flood(p *peer) {
	for {
		if _, err := p.conn.Write(textFrame("x")); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestCloseNowWakesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pipePair(t, nil, "")
		errs := make(chan error, 4)
		go func() { _, _, err := c.Read(); errs <- err }()
		for range 2 {
			go func() { errs <- c.Write(ws.Frame{Payload: []byte("x")}) }()
		}
		go func() { c.Close(1000, ""); errs <- ws.ErrClosed }()
		synctest.Wait()
		start := time.Now()
		c.CloseNow()
		for range 4 {
			if err := <-errs; !errors.Is(err, ws.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("took %v", time.Since(start))
		}
	})
}

func TestLongReasonIsCut(t *testing.T) {
	c, p := pair(t, nil)
	go c.Close(4000, strings.Repeat("é", 100))
	first, payload, err := p.read()
	if err != nil || first != 0x88 || string(payload[2:]) != strings.Repeat("é", 61) {
		t.Errorf("%#x %q, %v", first, payload, err)
	}
	p.send(closeFrame(4000, ""))
	if _, err := p.br.ReadByte(); err != io.EOF {
		t.Errorf("after the close: %v", err)
	}
}

func TestCloseErrorText(t *testing.T) {
	for want, err := range map[string]*ws.CloseError{
		"websocket: peer closed with code 1006: unexpected EOF": {Code: 1006, Remote: true, Err: io.ErrUnexpectedEOF},
		"websocket: closed with code 1009: too big":             {Code: 1009, Reason: "too big"},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err.Error(), want)
		}
	}
}
