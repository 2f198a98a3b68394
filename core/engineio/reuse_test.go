package engineio_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gosocketio/sio/core/engineio"
)

// reuser keeps the messages that say so, and lets the memory of the others be used again.
type reuser struct {
	session *engineio.Session
	got     chan string

	mu    sync.Mutex
	kept  [][]byte
	first map[*byte]int // where messages began, and how many of them
}

func (r *reuser) OnMessage(data []byte, _ bool) {
	r.mu.Lock()
	r.first[&data[0]]++
	keep := strings.HasPrefix(string(data), "keep")
	if keep {
		r.kept = append(r.kept, data)
	}
	r.mu.Unlock()
	r.got <- string(data)
	if !keep {
		r.session.Reuse(data)
	}
}

func (r *reuser) OnClose(engineio.Reason, error) {}

func TestReuse(t *testing.T) {
	handlers := make(chan *reuser, 1)
	var f *fixture
	f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
		f.record(s)
		r := &reuser{session: s, got: make(chan string, 1), first: make(map[*byte]int)}
		handlers <- r
		return r
	}})
	const many = 100
	check := func(t *testing.T, r *reuser, say func(string)) {
		for i := range many {
			for _, text := range []string{fmt.Sprintf("keep %04d", i), fmt.Sprintf("drop %04d", i), fmt.Sprintf("lose %04d", i)} {
				say(text)
				if got := <-r.got; got != text {
					t.Fatalf("got %q, want %q", got, text)
				}
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, data := range r.kept {
			if want := fmt.Sprintf("keep %04d", i); string(data) != want {
				t.Errorf("message %q became %q", want, data)
			}
		}
	}
	t.Run("websocket", func(t *testing.T) {
		c, _, _ := f.openWS(t)
		r := <-handlers
		check(t, r, func(text string) { c.send(t, "4"+text) })
		// Each that is kept takes memory that another one has left.
		if n := len(r.first); n > 2*many {
			t.Errorf("%d messages, %d of them kept, were read into %d places", 3*many, many, n)
		}
	})
	t.Run("polling", func(t *testing.T) {
		sid, _ := f.open(t)
		check(t, <-handlers, func(text string) { f.post(t, sid, "4"+text) })
	})
}
