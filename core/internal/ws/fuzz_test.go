package ws_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/gosocketio/sio/core/internal/ws"
)

// Whatever a peer sends and then leaves: messages come out that it can have
// sent, then an error, and nothing hangs.
func FuzzRead(f *testing.F) {
	for _, seed := range [][]byte{
		textFrame("hello"), frame(0x82, make([]byte, 300)), closeFrame(1000, "bye"),
		append(frame(0x01, []byte("a")), frame(0x80, []byte("b"))...),
		frame(0xc1, deflated(f, "hello hello hello")), frame(0x89, []byte("ping")),
		{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, compression bool) {
		const limit = 2000
		c, p := pipePair(t, &ws.Options{MaxMessage: limit, Compression: compression}, "")
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			p.try(data)
			p.conn.Close()
		}()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for {
				if _, err := p.br.Discard(1); err != nil {
					return
				}
			}
		}()
		total := 0
		for {
			message, binary, err := c.Read()
			if err != nil {
				var closed *ws.CloseError
				if !errors.As(err, &closed) {
					t.Errorf("Read: %v", err)
				}
				break
			}
			if total += len(message); len(message) > limit || !compression && total > len(data) {
				t.Fatalf("%d bytes of messages from %d", total, len(data))
			}
			if !binary && !utf8.Valid(message) {
				t.Fatalf("text %q", message)
			}
		}
		<-gone
		<-drained
	})
}
