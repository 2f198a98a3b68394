package sionats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
)

// TestAway: while NATS is silent or gone, publishing fails, and at once after the first
// time; with NATS, all goes on by itself, and what failed does not come late.
func TestAway(t *testing.T) {
	ways := map[string]func(*natsServer, *line) (back func()){
		"silent":    func(_ *natsServer, l *line) func() { l.pause(); return l.resume },
		"restarted": func(s *natsServer, _ *line) func() { s.stop(); return s.start },
	}
	for mode, newBackend := range modes {
		for way, leave := range ways {
			t.Run(mode+" "+way, func(t *testing.T) {
				server := startServer(t)
				l := startLine(t, server.addr())
				var errs errorLog
				backend := newBackend(connect(t, l.url()), sionats.Options{Timeout: 300 * time.Millisecond, OnError: errs.report})
				testAway(t, backend, func() func() { return leave(server, l) }, way == "restarted")
				if !slices.ContainsFunc(errs.list(), func(err error) bool { return errors.Is(err, sionats.ErrUnavailable) }) {
					t.Errorf("the hook was told %v", errs.list())
				}
			})
		}
	}
}

func testAway(t *testing.T, backend cluster.Backend, leave func() (back func()), gone bool) {
	box := newMailbox()
	a := open(t, backend, "/", "a", nowhere)
	open(t, backend, "/", "b", box.receive)
	publish(t, a, event("a", `["before"]`))
	box.waitEvent(t, `["before"]`)

	back := leave()
	for _, m := range []*cluster.Message{event("a", `["first"]`), question("a", `["first"]`)} {
		if _, err := a.Publish(t.Context(), m); !errors.Is(err, sionats.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	}
	began := time.Now()
	for range 100 {
		for _, m := range []*cluster.Message{event("a", `["lost"]`), question("a", `["lost"]`)} {
			if _, err := a.Publish(t.Context(), m); !errors.Is(err, sionats.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		}
	}
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Errorf("200 messages took %v to fail", took)
	}

	back()
	// The other node needs a while to subscribe again.
	eventually(t, "an answer", func() bool {
		_, err := a.Publish(t.Context(), question("a", `["there?"]`))
		return err == nil && slices.ContainsFunc(box.list(), isEvent(`["there?"]`))
	})
	try(t, a, event("a", `["after"]`))
	box.waitEvent(t, `["after"]`)
	try(t, a, question("a", `["question"]`))
	box.waitEvent(t, `["question"]`)
	for _, m := range box.list() {
		// What was sent when NATS had just become silent is on its way.
		if text := string(m.Payload.JSON); text == `["lost"]` || gone && text == `["first"]` {
			t.Errorf("got %s, which failed", text)
		}
	}
}

// TestConnectionsCut: nodes make new connections, and with JetStream they get what
// they missed meanwhile.
func TestConnectionsCut(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			server := startServer(t)
			l := startLine(t, server.addr())
			box := newMailbox()
			a := open(t, newBackend(server.connect(), sionats.Options{OnError: quiet}), "/", "a", nowhere)
			open(t, newBackend(connect(t, l.url()), sionats.Options{OnError: quiet}), "/", "b", box.receive)
			for round := range 3 {
				l.cut()
				for i := range 10 {
					publish(t, a, event("a", fmt.Sprintf(`["%d %d"]`, round, i)))
				}
				eventually(t, "an answer", func() bool {
					publish(t, a, question("a", fmt.Sprintf(`["there %d?"]`, round)))
					return slices.ContainsFunc(box.list(), isEvent(fmt.Sprintf(`["there %d?"]`, round)))
				})
			}
			if mode == "jetstream" {
				box.wait(t, "all events", func(got []*cluster.Message) bool { return len(events(got)) == 30 })
			}
			if got := events(box.list()); !slices.IsSorted(got) {
				t.Errorf("got %v, want them in order", got)
			}
		})
	}
}

// events are the texts of the broadcasts among messages.
func events(list []*cluster.Message) (texts []string) {
	for _, m := range list {
		if m.Type == cluster.Broadcast {
			texts = append(texts, string(m.Payload.JSON))
		}
	}
	return texts
}

// TestStreamGone: when JetStream has lost the stream, nodes make a new one, and do not
// take positions in the old one for positions in it.
func TestStreamGone(t *testing.T) {
	server := startServer(t)
	var errs errorLog
	backend := sionats.New(server.connect(), &sionats.Options{OnError: errs.report, Recovery: &sionats.Recovery{Stream: "memory", Storage: 1}})
	box := newMailbox()
	a, b := open(t, backend, "/", "a", nowhere), open(t, backend, "/", "b", box.receive)
	var before string
	for range 5 {
		before = publish(t, a, event("a", `["before"]`))
	}
	box.wait(t, "events", func(got []*cluster.Message) bool { return len(got) == 5 })
	session := &cluster.Session{ID: "1", PID: "p", Rooms: []string{"1"}}
	if got, err := b.(cluster.Recoverer).Missed(t.Context(), session, before); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want nothing missed", got, err)
	}
	server.stop()
	server.start()
	eventually(t, "events in the new stream", func() bool {
		_, err := a.Publish(t.Context(), event("a", `["again"]`))
		return err == nil && slices.ContainsFunc(box.list(), isEvent(`["again"]`))
	})
	var after string
	for range 5 {
		after = publish(t, a, event("a", `["after"]`))
	}
	if _, err := b.(cluster.Recoverer).Missed(t.Context(), session, before); !errors.Is(err, cluster.ErrUnknownOffset) {
		t.Errorf("got %v, want ErrUnknownOffset", err)
	}
	if got, err := b.(cluster.Recoverer).Missed(t.Context(), session, after); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want nothing missed", got, err)
	}
}

// TestStreamGoneAfterJoin: what a node has found in the stream when it joined is not
// taken for what is in the next one, neither by its links nor by those opened later.
func TestStreamGoneAfterJoin(t *testing.T) {
	server := startServer(t)
	options := &sionats.Options{OnError: quiet, Recovery: &sionats.Recovery{Storage: jetstream.MemoryStorage}}
	backend := sionats.New(server.connect(), options)
	box := newMailbox()
	a := open(t, backend, "/", "a", nowhere)
	for range 1000 {
		publish(t, a, event("a", `["old"]`))
	}
	b := open(t, backend, "/", "b", box.receive)
	server.stop()
	server.start()
	try(t, a, event("a", `["new"]`))
	box.waitEvent(t, `["new"]`)
	try(t, b, event("b", `["both are back"]`))
	open(t, backend, "/later", "b", nowhere)
}

// TestStreamDeleted: when somebody deletes the stream or its consumers, nodes make new
// ones, and go on.
func TestStreamDeleted(t *testing.T) {
	nc := startServer(t).connect()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	backend := sionats.New(nc, &sionats.Options{OnError: quiet, Recovery: &sionats.Recovery{}})
	box := newMailbox()
	a := open(t, backend, "/", "a", nowhere)
	open(t, backend, "/", "b", box.receive)
	for i, destroy := range []func(jetstream.Stream) error{
		func(jetstream.Stream) error { return js.DeleteStream(t.Context(), "sio") },
		func(s jetstream.Stream) error { return s.Purge(t.Context()) },
		func(s jetstream.Stream) error {
			for name := range s.ConsumerNames(t.Context()).Name() {
				if err := s.DeleteConsumer(t.Context(), name); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		text := fmt.Sprintf(`["before %d"]`, i)
		try(t, a, event("a", text))
		box.waitEvent(t, text)
		s, err := js.Stream(t.Context(), "sio")
		if err == nil {
			err = destroy(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		text = fmt.Sprintf(`["after %d"]`, i)
		eventually(t, text, func() bool {
			_, err := a.Publish(t.Context(), event("a", text))
			return err == nil && slices.ContainsFunc(box.list(), isEvent(text))
		})
	}
}

// TestTrimmed: who was away for longer than the log reaches back is told so, and nodes
// that come later know as much as others.
func TestTrimmed(t *testing.T) {
	nc := startServer(t).connect()
	backend := func() cluster.Backend {
		return sionats.New(nc, &sionats.Options{Recovery: &sionats.Recovery{MaxMessages: 10}})
	}
	a := open(t, backend(), "/", "a", nowhere)
	var offsets []string
	for i := range 25 {
		offsets = append(offsets, publish(t, a, event("a", fmt.Sprintf(`["%d"]`, i))))
	}
	box := newMailbox()
	b := open(t, backend(), "/", "b", box.receive)
	session := &cluster.Session{ID: "1", PID: "p", Rooms: []string{"1"}}
	for node, l := range map[string]cluster.Link{"a": a, "b": b} {
		r := l.(cluster.Recoverer)
		if _, err := r.Missed(t.Context(), session, offsets[13]); !errors.Is(err, cluster.ErrUnknownOffset) {
			t.Errorf("node %s: got %v, want ErrUnknownOffset", node, err)
		}
		got, err := r.Missed(t.Context(), session, offsets[14])
		if err != nil || len(got) != 10 || string(got[0].Payload.JSON) != `["15"]` || got[9].Offset != offsets[24] {
			t.Errorf("node %s: got %v, %v, want the last ten", node, got, err)
		}
	}
	if got := box.list(); len(got) != 0 {
		t.Errorf("a node got %d messages that were there before it", len(got))
	}
}

// TestOrder: with JetStream, what is not kept does not overtake what is.
func TestOrder(t *testing.T) {
	nc := startServer(t).connect()
	backend := sionats.New(nc, &sionats.Options{Recovery: &sionats.Recovery{}})
	box := newMailbox()
	a := open(t, backend, "/", "a", nowhere)
	open(t, backend, "/", "b", box.receive)
	const n = 500
	var want []string
	var messages []*cluster.Message
	for i := range n {
		text := fmt.Sprintf(`["%d"]`, i)
		want = append(want, text)
		if i%3 == 0 {
			messages = append(messages, question("a", text))
		} else {
			messages = append(messages, event("a", text))
		}
	}
	for _, r := range a.(cluster.Batcher).PublishBatch(t.Context(), messages) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	box.wait(t, "all messages", func(got []*cluster.Message) bool { return len(got) == n })
	var got []string
	for _, m := range box.list() {
		got = append(got, string(m.Payload.JSON))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestSlow: a node that is too slow loses messages and says so; what is in the log
// waits for it.
func TestSlow(t *testing.T) {
	nc := startServer(t).connect()
	for name, o := range map[string]sionats.Options{
		"messages": {Prefix: "m", PendingMessages: 50, Recovery: &sionats.Recovery{}},
		"bytes":    {Prefix: "b", PendingBytes: 2000, Recovery: &sionats.Recovery{}},
	} {
		t.Run(name, func(t *testing.T) {
			var errs errorLog
			o.OnError = errs.report
			backend := sionats.New(nc, &o)
			box, goOn := newMailbox(), make(chan struct{})
			a := open(t, backend, "/", "a", nowhere)
			open(t, backend, "/", "b", func(m *cluster.Message) { <-goOn; box.receive(m) })
			for i := range 300 {
				publish(t, a, question("a", fmt.Sprintf(`["question %d"]`, i)))
				publish(t, a, event("a", fmt.Sprintf(`["event %03d"]`, i)))
			}
			close(goOn)
			box.wait(t, "all events", func(got []*cluster.Message) bool { return len(events(got)) == 300 })
			if !slices.IsSorted(events(box.list())) {
				t.Error("the events are not in order")
			}
			if got := len(box.list()); got == 600 {
				t.Error("no message was lost")
			}
			told := slices.ContainsFunc(errs.list(), func(err error) bool { return errors.Is(err, sionats.ErrSlow) })
			if !told || len(errs.list()) > 10 {
				t.Errorf("the hook was told %v", errs.list())
			}
			publish(t, a, question("a", `["after"]`))
			box.waitEvent(t, `["after"]`)
		})
	}
}

// TestCloseWhileAway: neither Close nor Open waits for NATS for much longer than it may
// take.
func TestCloseWhileAway(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			server := startServer(t)
			line := startLine(t, server.addr())
			b := newBackend(connect(t, line.url()), sionats.Options{Timeout: 200 * time.Millisecond, OnError: quiet})
			l := open(t, b, "/", "a", nowhere)
			line.pause()
			began := time.Now()
			if _, err := l.Publish(t.Context(), event("a", `["lost"]`)); !errors.Is(err, sionats.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := b.Open(ctx, "/", "b", nowhere); !errors.Is(err, sionats.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			if err := errors.Join(l.Close(), l.Close()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if _, err := l.Publish(t.Context(), event("a", `["late"]`)); !errors.Is(err, cluster.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		})
	}
}

// TestOpenFails: without NATS, Open fails, and nothing is left.
func TestOpenFails(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			server := startServer(t)
			b := newBackend(server.connect(), sionats.Options{Timeout: 500 * time.Millisecond, OnError: quiet})
			server.stop()
			if _, err := b.Open(t.Context(), "/", "a", nowhere); !errors.Is(err, sionats.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			server.start()
			l := open(t, b, "/", "a", nowhere)
			if _, err := b.Open(t.Context(), "/", "a", nowhere); err == nil {
				t.Error("a node of the same name was let in")
			}
			l.Close()
			open(t, b, "/", "a", nowhere)
		})
	}
}

// TestNoJetStream: a server that has none is not taken for one that is away for good.
func TestNoJetStream(t *testing.T) {
	s := startServerWith(t, func(o *server.Options) { o.JetStream = false })
	b := sionats.New(s.connect(), &sionats.Options{Recovery: &sionats.Recovery{}, OnError: quiet})
	if _, err := b.Open(t.Context(), "/", "a", nowhere); err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("got %v, want an error that names JetStream", err)
	}
}

// TestPermission: who may not listen does not join.
func TestPermission(t *testing.T) {
	s := startServerWith(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Allow: []string{"other.>", "_INBOX.>"}},
		}}}
	})
	nc := connect(t, strings.Replace(s.s.ClientURL(), "nats://", "nats://u:p@", 1))
	if _, err := sionats.New(nc, &sionats.Options{OnError: quiet}).Open(t.Context(), "/", "a", nowhere); err == nil {
		t.Error("a node joined that may not listen")
	}
	open(t, sionats.New(nc, &sionats.Options{Prefix: "other"}), "/", "a", nowhere)
}

// TestSharedConnection: all namespaces of a node share a connection, and nothing is
// left of namespaces that are closed.
func TestSharedConnection(t *testing.T) {
	for mode, newBackend := range modes {
		t.Run(mode, func(t *testing.T) {
			server := startServer(t)
			nc := server.connect()
			b := newBackend(nc, sionats.Options{})
			nc.Close()
			server.waitClients(t, 0)
			var links []cluster.Link
			for _, namespace := range []string{"/", "/a", "/b"} {
				links = append(links, open(t, b, namespace, "node", nowhere))
			}
			server.waitClients(t, 1)
			subs := server.s.NumSubscriptions()
			for range 10 {
				open(t, b, "/c", "node", nowhere).Close()
			}
			if mode == "core" { // JetStream has some of its own
				eventually(t, "the end of the subscriptions", func() bool { return server.s.NumSubscriptions() <= subs })
			}
			for _, l := range links {
				l.Close()
			}
			server.waitClients(t, 0)
		})
	}
}

// BenchmarkPublish measures from Publish on one node to the receipt on the other,
// one message at a time, and many.
func BenchmarkPublish(b *testing.B) {
	for mode, newBackend := range modes {
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprint(mode, " by ", size), func(b *testing.B) {
				backend := newBackend(startServer(b).connect(), sionats.Options{})
				box := make(chan struct{}, size)
				a := open(b, backend, "/", "a", nowhere)
				open(b, backend, "/", "b", func(*cluster.Message) { box <- struct{}{} })
				batch := make([]*cluster.Message, size)
				for i := range batch {
					batch[i] = event("a", `["message",{"text":"hello world","number":42}]`)
				}
				b.ReportAllocs()
				for b.Loop() {
					for _, r := range a.(cluster.Batcher).PublishBatch(context.Background(), batch) {
						if r.Err != nil {
							b.Fatal(r.Err)
						}
					}
					for range batch {
						<-box
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/message")
			})
		}
	}
}
