package ws_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/gosocketio/sio/core/internal/ws"
)

// A message costs its own memory and gorilla's reader for it.
func TestReadAllocations(t *testing.T) {
	c, p := pair(t, nil)
	const n = 2000
	go p.try(bytes.Repeat(textFrame("2[\"message\",\"hello\"]"), n+1))
	got := testing.AllocsPerRun(n-1, func() {
		if _, _, err := c.Read(); err != nil {
			t.Error(err)
		}
	})
	if got > 2 && !raceEnabled {
		t.Errorf("%v allocations", got)
	}
	finish(t, c, p)
}

func TestWriteAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops at random under the race detector")
	}
	c, p := pair(t, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, p.br)
	}()
	payload, large := []byte("2[\"message\",\"hello\"]"), make([]byte, 20_000)
	prefix := []byte("4")
	for name, write := range map[string]func() error{
		"one": func() error { return c.Write(ws.Frame{Prefix: prefix, Payload: payload}) },
		"three": func() error {
			return c.Write(ws.Frame{Payload: payload}, ws.Frame{Payload: payload, Binary: true}, ws.Frame{})
		},
		"large": func() error { return c.Write(ws.Frame{Prefix: prefix, Payload: large}, ws.Frame{Payload: payload}) },
	} {
		got := testing.AllocsPerRun(500, func() {
			if err := write(); err != nil {
				t.Error(err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	c.CloseNow()
	<-done
}

// User need 64: the memory of a connection that does nothing. It is about 2,700
// bytes, 1,024 of them the read buffer; what else was in the heap moves the figure a
// little.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("sizes differ under the race detector")
	}
	const n, most = 300, 2850
	peers := make([]*peer, n)
	ends := make([]net.Conn, n)
	pipes := heapGrowth(func() {
		for i := range peers {
			peers[i] = new(peer)
			peers[i].conn, ends[i] = net.Pipe()
			peers[i].br = bufio.NewReader(peers[i].conn)
		}
	})
	conns, others := make([]*ws.Conn, n), make([]*peer, n)
	all := heapGrowth(func() {
		for i := range conns {
			conns[i], others[i] = pipePair(t, nil, "")
		}
	})
	runtime.KeepAlive([]any{peers, ends, conns, others})
	own := (all - pipes) / n
	t.Logf("%d bytes per idle connection (%d with its pipe and the peer's reader)", own, all/n)
	if own > most {
		t.Errorf("%d bytes per idle connection, want at most %d", own, most)
	}
}

// heapGrowth returns how much more memory is in use after f.
func heapGrowth(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{50, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c, p := pair(b, nil)
			message := frame(0x82, make([]byte, size))
			chunk := bytes.Repeat(message, 1+50_000/len(message))
			go func() {
				for {
					if _, err := p.conn.Write(chunk); err != nil {
						return
					}
				}
			}()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Read(); err != nil {
					b.Fatal(err)
				}
			}
			finish(b, c, p)
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, tt := range []struct{ frames, size int }{{1, 50}, {20, 50}, {1, 1000}, {20, 1000}, {1, 20_000}} {
		b.Run(fmt.Sprintf("%dx%d", tt.frames, tt.size), func(b *testing.B) {
			c, p := pair(b, nil)
			go io.Copy(io.Discard, p.conn)
			frames := bytesFrames(tt.frames, tt.size)
			b.SetBytes(int64(tt.frames * tt.size))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Write(frames...); err != nil {
					b.Fatal(err)
				}
			}
			c.CloseNow()
		})
	}
}
