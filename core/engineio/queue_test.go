package engineio_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// offline is a session over polling whose requests do not use the network.
type offline struct {
	*recorder
	f   *fixture
	sid string
}

func openOffline(t *testing.T, f *fixture) *offline {
	t.Helper()
	body, _, _ := strings.Cut(f.handshake(nil).Body.String(), "\x1e")
	return &offline{f: f, sid: parseOpen(t, body).SID, recorder: f.session(t)}
}

func (o *offline) request(method, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/?EIO=4&transport=polling&sid="+o.sid, strings.NewReader(body))
	w := httptest.NewRecorder()
	o.f.engine.ServeHTTP(w, r)
	return w
}

// poll returns the messages of one answer, with the packet types of those that are
// none.
func (o *offline) poll() []string {
	packets := strings.Split(o.request("GET", "").Body.String(), "\x1e")
	for i, p := range packets {
		if m, ok := strings.CutPrefix(p, "4"); ok {
			packets[i] = m
		}
	}
	return packets
}

func (o *offline) wantPoll(t *testing.T, want ...string) {
	t.Helper()
	if got := o.poll(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("poll: %q, want %q", got, want)
	}
}

// exactly returns data without spare capacity, which would count.
func exactly(data string) []byte { return append(make([]byte, 0, len(data)), data...) }

func text(data string) *engineio.Outgoing { return &engineio.Outgoing{Data: exactly(data)} }

func keep(data string) *engineio.Outgoing {
	return &engineio.Outgoing{Data: exactly(data), Keep: true}
}

// overhead is what n messages count beside their bytes.
func overhead(n int) int { return n * engineio.MessageOverhead }

// C-26, need 9.
func TestQueueDropOldestC26Need9(t *testing.T) {
	dropped := 0
	f := newFixture(&engineio.Options{
		QueuePolicy: engineio.QueueDropOldest, MaxQueueMessages: 3, MaxQueueBytes: overhead(2) + 600,
		Trace: &engineio.Trace{QueueDropped: func(_ *engineio.Session, n int) { dropped += n }},
	})
	defer f.engine.Close()
	o := openOffline(t, f)
	big := strings.Repeat("x", 400)
	for _, c := range []struct {
		name    string
		send    []*engineio.Outgoing
		want    []string
		dropped int
	}{
		{"at the limit", []*engineio.Outgoing{text("a"), text("b"), text("c")}, []string{"a", "b", "c"}, 0},
		{"one more", []*engineio.Outgoing{text("a"), text("b"), text("c"), text("d")}, []string{"b", "c", "d"}, 1},
		{"many more", []*engineio.Outgoing{text("a"), text("b"), text("c"), text("d"), text("e"), text("f"), text("g")}, []string{"e", "f", "g"}, 4},
		{"bytes at the limit", []*engineio.Outgoing{text(big), text(big[:200])}, []string{big, big[:200]}, 0},
		{"bytes one more", []*engineio.Outgoing{text(big), text(big[:201])}, []string{big[:201]}, 1},
		{"several for a large one", []*engineio.Outgoing{text("a"), text("b"), text(big + big)}, []string{big + big}, 2},
		{"some are kept", []*engineio.Outgoing{text("a"), keep("b"), keep("c"), text("d"), text("e")}, []string{"b", "c", "e"}, 2},
		{"behind what is kept", []*engineio.Outgoing{keep("a"), text("b"), text("c"), text("d"), keep("e")}, []string{"a", "d", "e"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dropped = 0
			for _, out := range c.send {
				if err := o.session.Send(out); err != nil {
					t.Fatalf("Send: %v", err)
				}
			}
			o.wantPoll(t, c.want...)
			if dropped != c.dropped {
				t.Errorf("%d dropped, want %d", dropped, c.dropped)
			}
		})
	}
	// Nothing left to drop but the new one, and then not even that.
	for _, data := range []string{"a", "b", "c"} {
		o.session.Send(keep(data))
	}
	dropped = 0
	if err := o.session.Send(text("lost")); err != engineio.ErrQueueFull || dropped != 1 {
		t.Fatalf("Send: %v, %d dropped", err, dropped)
	}
	if len(o.closed) != 0 {
		t.Fatal("closed for what may be lost")
	}
	if err := o.session.Send(keep("d")); err != engineio.ErrQueueFull {
		t.Fatalf("Send: %v", err)
	}
	o.wantClosed(t, engineio.SlowConsumer)
}

// An entry is dropped with all that belongs to it.
func TestQueueDropOldestAttachments(t *testing.T) {
	f := newFixture(&engineio.Options{QueuePolicy: engineio.QueueDropOldest, MaxQueueBytes: overhead(4) + 9})
	defer f.engine.Close()
	o := openOffline(t, f)
	o.session.Send(&engineio.Outgoing{Data: exactly("a"), Attachments: [][]byte{make([]byte, 4), make([]byte, 4)}})
	o.session.Send(text("b"))
	o.session.Send(text("c"))
	o.wantPoll(t, "b", "c")
}

// Any mix of sizes, of what is kept and what is not, and of control packets in
// between, against a simple model.
func TestQueueDropOldestModel(t *testing.T) {
	const maxMessages, maxBytes = 10, 4000
	f := newFixture(&engineio.Options{
		QueuePolicy: engineio.QueueDropOldest, MaxQueueMessages: maxMessages, MaxQueueBytes: maxBytes, AllowEIO3: true,
	})
	defer f.engine.Close()
	type entry struct {
		data string
		keep bool
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		o := openOffline(t, f)
		var model []entry
		full := func(n int) bool {
			size := overhead(1) + n
			for _, e := range model {
				size += overhead(1) + len(e.data)
			}
			return len(model) > 0 && (len(model) >= maxMessages || size > maxBytes)
		}
		for i := range 100 {
			if rng.IntN(10) == 0 && len(model) > 0 {
				var want []string
				for _, e := range model {
					want = append(want, e.data)
				}
				o.wantPoll(t, want...)
				model = nil
			}
			e := entry{strconv.Itoa(i) + strings.Repeat("x", rng.IntN(1000)), rng.IntN(3) == 0}
			err := o.session.Send(&engineio.Outgoing{Data: exactly(e.data), Keep: e.keep})
			for at := 0; full(len(e.data)) && at < len(model); {
				if model[at].keep {
					at++
					continue
				}
				model = append(model[:at:at], model[at+1:]...)
			}
			switch isFull := full(len(e.data)); {
			case isFull != (err == engineio.ErrQueueFull):
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			case !isFull:
				model = append(model, e)
			case e.keep:
				o.wantClosed(t, engineio.SlowConsumer)
			}
			if err != nil && e.keep {
				break
			}
		}
		o.session.Abort(engineio.ForcedClose, nil)
	}
}

// A websocket that is not read loses what is old, in order, and lives.
func TestQueueDropOldestUnreadWebSocketC26(t *testing.T) {
	var dropped atomic.Int64
	f := start(t, &engineio.Options{
		QueuePolicy: engineio.QueueDropOldest, MaxQueueMessages: 50,
		Trace: &engineio.Trace{QueueDropped: func(_ *engineio.Session, n int) { dropped.Add(int64(n)) }},
	})
	c, _, r := f.openWS(t)
	pad := strings.Repeat("x", 64<<10)
	sent := 0
	for ; dropped.Load() < 1000; sent++ {
		if err := r.session.Send(text(fmt.Sprintf("%08d%s", sent, pad))); err != nil && err != engineio.ErrQueueFull {
			t.Fatal(err)
		}
	}
	for r.session.Send(keep("last")) != nil {
		t.Fatal("what must be kept was not taken")
	}
	last := -1
	for got := 0; ; got++ {
		m := c.read(t)
		if m == "4last" {
			if last < sent-50 || got+int(dropped.Load()) < sent {
				t.Errorf("the last of %d was %d, %d received, %d dropped", sent, last, got, dropped.Load())
			}
			return
		}
		n, err := strconv.Atoi(m[1:9])
		if err != nil || n <= last {
			t.Fatalf("%d after %d (%v)", n, last, err)
		}
		last = n
	}
}

func policies() map[string]engineio.QueuePolicy {
	return map[string]engineio.QueuePolicy{
		"disconnect": engineio.QueueDisconnect, "reject": engineio.QueueReject, "drop oldest": engineio.QueueDropOldest,
	}
}

// waiting starts a SendWait and returns once it waits.
func waiting(ctx context.Context, s *engineio.Session, o *engineio.Outgoing) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.SendWait(ctx, o) }()
	synctest.Wait()
	return done
}

func wantWaiting(t *testing.T, calls ...<-chan error) {
	t.Helper()
	synctest.Wait()
	for i, c := range calls {
		if len(c) > 0 {
			t.Fatalf("call %d does not wait: %v", i, <-c)
		}
	}
}

func wantSent(t *testing.T, calls ...<-chan error) {
	t.Helper()
	synctest.Wait()
	for i, c := range calls {
		select {
		case err := <-c:
			if err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
		default:
			t.Fatalf("call %d still waits", i)
		}
	}
}

// Need 9: "block with ctx".
func TestSendWaitNeed9(t *testing.T) {
	for name, policy := range policies() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(&engineio.Options{QueuePolicy: policy, MaxQueueMessages: 2, MaxQueueBytes: overhead(2) + 100})
				defer f.engine.Close()
				o := openOffline(t, f)
				s, ctx := o.session, t.Context()
				for _, data := range []string{"a", "b"} { // at the limit
					if err := s.SendWait(ctx, text(data)); err != nil {
						t.Fatal(err)
					}
				}
				c := waiting(ctx, s, text("c"))
				d := waiting(ctx, s, text("d"))
				e := waiting(ctx, s, text("e"))
				wantWaiting(t, c, d, e)
				o.wantPoll(t, "a", "b")
				wantSent(t, c, d)
				wantWaiting(t, e)
				o.wantPoll(t, "c", "d")
				wantSent(t, e)
				// By bytes: one that fits does not pass one that does not.
				big := waiting(ctx, s, text(strings.Repeat("x", 400)))
				small := waiting(ctx, s, text("small"))
				wantWaiting(t, big, small)
				o.wantPoll(t, "e")
				wantSent(t, big)
				wantWaiting(t, small)
				o.wantPoll(t, strings.Repeat("x", 400))
				wantSent(t, small)
				o.wantPoll(t, "small")
			})
		})
	}
}

func TestSendWaitEnds(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		end  func(*offline, context.CancelFunc)
		want error
	}{
		"ctx":      {func(_ *offline, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"Close":    {func(o *offline, _ context.CancelFunc) { o.session.Close() }, engineio.ErrClosed},
		"Abort":    {func(o *offline, _ context.CancelFunc) { o.session.Abort(engineio.ForcedClose, cause) }, engineio.ErrClosed},
		"peer":     {func(o *offline, _ context.CancelFunc) { o.request("POST", "1") }, engineio.ErrClosed},
		"Server":   {func(o *offline, _ context.CancelFunc) { o.f.engine.Close() }, engineio.ErrClosed},
		"too slow": {func(o *offline, _ context.CancelFunc) { o.session.Send(text("x")) }, engineio.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(&engineio.Options{MaxQueueMessages: 1})
				defer f.engine.Close()
				o := openOffline(t, f)
				o.session.Send(text("a"))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				calls := []<-chan error{waiting(ctx, o.session, text("b")), waiting(ctx, o.session, text("c"))}
				wantWaiting(t, calls...)
				c.end(o, cancel)
				synctest.Wait()
				for _, call := range calls {
					if err := <-call; err != c.want {
						t.Errorf("SendWait: %v, want %v", err, c.want)
					}
				}
				if c.want == engineio.ErrClosed {
					if err := o.session.SendWait(t.Context(), text("x")); err != engineio.ErrClosed {
						t.Errorf("SendWait after the end: %v", err)
					}
					return
				}
				// Nothing of those who gave up is sent, and they are in nobody's way.
				if err := o.session.SendWait(ctx, text("x")); err != context.Canceled {
					t.Errorf("SendWait with a ctx that has ended: %v", err)
				}
				d := waiting(t.Context(), o.session, text("d"))
				o.wantPoll(t, "a")
				wantSent(t, d)
				o.wantPoll(t, "d")
			})
		})
	}
}

// One that gives up lets those behind it through, if they need less room.
func TestSendWaitGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&engineio.Options{MaxQueueBytes: overhead(2) + 10})
		defer f.engine.Close()
		o := openOffline(t, f)
		o.session.Send(text("12345"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		large := waiting(ctx, o.session, text("123456"))
		small := waiting(t.Context(), o.session, text("67890"))
		wantWaiting(t, large, small)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := <-large; err != context.DeadlineExceeded {
			t.Errorf("SendWait: %v", err)
		}
		wantSent(t, small)
		o.wantPoll(t, "12345", "67890")
	})
}

// WaitRoom waits as SendWait does, in the same line, and queues nothing.
func TestWaitRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&engineio.Options{MaxQueueBytes: overhead(2) + 10})
		defer f.engine.Close()
		o := openOffline(t, f)
		s, ctx := o.session, t.Context()
		room := func(bytes int) <-chan error {
			done := make(chan error, 1)
			go func() { done <- s.WaitRoom(ctx, bytes) }()
			return done
		}
		wantSent(t, room(1000)) // nothing is queued
		o.session.Send(text("12345"))
		wantSent(t, room(5))
		first := room(6)
		wantWaiting(t, first)
		behind := waiting(ctx, s, text("x"))
		wantWaiting(t, first, behind)
		o.wantPoll(t, "12345")
		wantSent(t, first, behind)
		o.wantPoll(t, "x")
		o.session.Send(text("12345"))
		last := room(6)
		wantWaiting(t, last)
		o.session.Abort(engineio.ForcedClose, nil)
		if err := <-last; err != engineio.ErrClosed {
			t.Errorf("WaitRoom: %v", err)
		}
		if err := s.WaitRoom(ctx, 1); err != engineio.ErrClosed {
			t.Errorf("WaitRoom: %v", err)
		}
	})
}

// Whoever need not wait pays nothing for the possibility.
func TestSendWaitDoesNotAllocate(t *testing.T) {
	f := newFixture(&engineio.Options{MaxQueueMessages: 1000})
	defer f.engine.Close()
	o := openOffline(t, f)
	out, ctx := text("a"), t.Context()
	for range 1000 { // the queue's slice has its size
		o.session.Send(out)
	}
	o.poll()
	n := testing.AllocsPerRun(200, func() {
		if o.session.SendWait(ctx, out) != nil || o.session.WaitRoom(ctx, 1) != nil {
			t.Error("not sent")
		}
	})
	if n > 0.5 {
		t.Errorf("%v allocations", n)
	}
}

func TestSendWaitVolatile(t *testing.T) {
	f := newFixture(nil)
	defer f.engine.Close()
	o := openOffline(t, f)
	if err := o.session.SendWait(t.Context(), &engineio.Outgoing{Volatile: true}); err != engineio.ErrDropped {
		t.Errorf("SendWait: %v", err)
	}
}

// Back-pressure end to end: a file in pieces to a client that reads slowly, and
// others that send at the same time. Everything arrives, the order of each sender
// is kept, and the queue stays within its limit.
func TestSendWaitStreams(t *testing.T) {
	const senders, pieces = 8, 200
	for name, open := range map[string]func(*testing.T, *fixture) (read func() string, r *recorder){
		"websocket": func(t *testing.T, f *fixture) (func() string, *recorder) {
			c, _, r := f.openWS(t)
			return func() string { return c.read(t)[1:] }, r
		},
		"polling": func(t *testing.T, f *fixture) (func() string, *recorder) {
			sid, r := f.open(t)
			var have []string
			return func() string {
				for len(have) == 0 {
					have = strings.Split(f.poll(t, sid).body, "\x1e")
				}
				next := have[0][1:]
				have = have[1:]
				return next
			}, r
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, &engineio.Options{MaxQueueMessages: 4})
			read, r := open(t, f)
			var all sync.WaitGroup
			for sender := range senders {
				all.Go(func() {
					for piece := range pieces {
						data := fmt.Sprintf("%d %d ", sender, piece)
						if err := r.session.SendWait(t.Context(), text(data+strings.Repeat("x", 2000))); err != nil {
							t.Errorf("SendWait: %v", err)
							return
						}
					}
				})
			}
			var next [senders]int
			for range senders * pieces {
				var sender, piece int
				if _, err := fmt.Sscan(read(), &sender, &piece); err != nil {
					t.Fatal(err)
				}
				if piece != next[sender] {
					t.Fatalf("piece %d of sender %d, want %d", piece, sender, next[sender])
				}
				next[sender]++
			}
			all.Wait()
		})
	}
}

// Everything at once, for the race detector: senders of both kinds, a reader, and
// the end in the middle of it.
func TestSendWaitDuringTheEnd(t *testing.T) {
	for range 50 {
		f := newFixture(&engineio.Options{MaxQueueMessages: 2, QueuePolicy: engineio.QueueReject})
		o := openOffline(t, f)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for o.session.SendWait(t.Context(), text("a")) == nil {
				}
			})
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
				defer cancel()
				o.session.SendWait(ctx, text("b"))
				o.session.Send(text("c"))
			})
		}
		all.Go(func() {
			for range 5 {
				o.request(http.MethodGet, "")
			}
			o.session.Abort(engineio.ForcedClose, nil)
		})
		all.Wait()
		f.engine.Close()
	}
}
