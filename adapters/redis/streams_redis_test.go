package sioredis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// inbox collects what a link receives.
type inbox struct {
	mu      sync.Mutex
	got     []*cluster.Message
	changed chan struct{}
}

func newInbox() *inbox { return &inbox{changed: make(chan struct{})} }

func (b *inbox) receive(m *cluster.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m)
	close(b.changed)
	b.changed = make(chan struct{})
}

// list returns what was received.
func (b *inbox) list() []*cluster.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// wait waits until cond is true of what was received.
func (b *inbox) wait(t testing.TB, what string, cond func([]*cluster.Message) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		got, changed := slices.Clip(b.got), b.changed
		b.mu.Unlock()
		if cond(got) {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waits in vain: %s; received %d messages", what, len(got))
		}
	}
}

func (b *inbox) waitEvent(t testing.TB, text string) {
	t.Helper()
	b.wait(t, text, func(got []*cluster.Message) bool {
		return slices.ContainsFunc(got, func(m *cluster.Message) bool { return string(m.Payload.JSON) == text })
	})
}

// quiet is a hook for tests in which errors are to be expected.
func quiet(error) {}

func open(t testing.TB, b cluster.Backend, namespace, node string, receive func(*cluster.Message)) cluster.Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l, err := b.Open(ctx, namespace, node, receive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func event(from, text string) *cluster.Message {
	return &cluster.Message{Type: cluster.Broadcast, From: from, Namespace: "/", Payload: payload(text)}
}

func ask(from, text string) *cluster.Message {
	return &cluster.Message{Type: cluster.ServerSideEmit, From: from, Namespace: "/", Payload: payload(text)}
}

// try publishes until that succeeds.
func try(t testing.TB, l cluster.Link, m *cluster.Message) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		_, err := l.Publish(t.Context(), m)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func quietly(*cluster.Message) {}

// TestMissedByNode: a node whose connection broke for a while gets the events that
// were published meanwhile.
func TestMissedByNode(t *testing.T) {
	server := redistest.Start(t)
	rdb := client(t, server)
	backend := sioredis.NewStreams(rdb, &sioredis.StreamsOptions{OnError: quiet})
	box := newInbox()
	a := open(t, backend, "/", "a", quietly)
	open(t, backend, "/", "b", box.receive)
	for i := range 50 {
		if i%10 == 0 { // all but the one that says so
			if err := rdb.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
				t.Fatal(err)
			}
		}
		try(t, a, event("a", fmt.Sprintf(`["%d"]`, i)))
	}
	box.waitEvent(t, `["49"]`)
	box.mu.Lock()
	defer box.mu.Unlock()
	var got, want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf(`["%d"]`, i))
	}
	for _, m := range box.got {
		got = append(got, string(m.Payload.JSON))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestRequestAfterEvents: a request does not overtake the events before it.
func TestRequestAfterEvents(t *testing.T) {
	backend := sioredis.NewStreams(client(t, redistest.Start(t)), nil)
	box := newInbox()
	a := open(t, backend, "/", "a", quietly)
	open(t, backend, "/", "b", box.receive)
	for i := range 100 {
		try(t, a, event("a", fmt.Sprintf(`["event %d"]`, i)))
		try(t, a, ask("a", fmt.Sprintf(`["request %d"]`, i)))
		box.waitEvent(t, fmt.Sprintf(`["request %d"]`, i))
		box.wait(t, "both", func(got []*cluster.Message) bool { return len(got) >= 2*i+2 })
	}
	for i, m := range box.got {
		want := fmt.Sprintf(`["event %d"]`, i/2)
		if i%2 == 1 {
			want = fmt.Sprintf(`["request %d"]`, i/2)
		}
		if string(m.Payload.JSON) != want {
			t.Fatalf("message %d is %s, want %s", i, m.Payload.JSON, want)
		}
	}
}

// TestTrimmed: a client that missed more than the stream keeps is not recovered.
func TestTrimmed(t *testing.T) {
	rdb := client(t, redistest.Start(t))
	backend := sioredis.NewStreams(rdb, &sioredis.StreamsOptions{MaxLen: 3000})
	l := open(t, backend, "/", "a", quietly)
	session := &cluster.Session{ID: "1", PID: "p", Rooms: []string{"1"}}
	var offsets []string
	for i := range 2500 {
		offset, err := l.Publish(t.Context(), event("a", fmt.Sprintf(`["%d"]`, i)))
		if err != nil {
			t.Fatal(err)
		}
		offsets = append(offsets, offset)
	}
	missed, err := l.(cluster.Recoverer).Missed(t.Context(), session, offsets[0])
	if err != nil || len(missed) != 2499 || missed[0].Offset != offsets[1] || missed[2498].Offset != offsets[2499] {
		t.Errorf("got %d messages, %v, want all 2499 after the first", len(missed), err)
	}
	if err := rdb.XTrimMaxLen(t.Context(), "socket.io", 10).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.(cluster.Recoverer).Missed(t.Context(), session, offsets[0]); !errors.Is(err, cluster.ErrUnknownOffset) {
		t.Errorf("got %v, want ErrUnknownOffset", err)
	}
	missed, err = l.(cluster.Recoverer).Missed(t.Context(), session, offsets[2490])
	if err != nil || len(missed) != 9 {
		t.Errorf("got %d messages, %v, want 9", len(missed), err)
	}
}

// TestGarbage: what others write into the stream or publish on the channels does no
// harm.
func TestGarbage(t *testing.T) {
	rdb := client(t, redistest.Start(t))
	var mu sync.Mutex
	count := 0
	backend := sioredis.NewStreams(rdb, &sioredis.StreamsOptions{OnError: func(error) { mu.Lock(); count++; mu.Unlock() }})
	box := newInbox()
	open(t, backend, "/", "b", box.receive)
	for _, values := range [][]string{
		{"a", "b"}, {"nsp", "/"}, {"nsp", "/", "type", "x"}, {"nsp", "/", "type", "3"}, {"nsp", "/", "type", "3", "data", "{"},
		{"nsp", "/", "type", "3", "data", "!!"}, {"nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":[1]}}`}, {"nsp", "/other", "type", "3"},
		{"nsp", "/", "type", "3", "data", `{"packet":{"type":0,"data":["x"]}}`}, {"nsp", "/", "type", "3", "data", "kA=="},
	} {
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "x", "\xc1", "{}", `{"type":3}`, "\x84", `{"type":3,"data":[],"nsp":"/"}`} {
		if err := rdb.Publish(t.Context(), "socket.io#/#", text).Err(); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, backend, "/", "a", quietly)
	try(t, a, event("a", `["fine"]`))
	try(t, a, ask("a", `["fine too"]`))
	box.waitEvent(t, `["fine"]`)
	box.waitEvent(t, `["fine too"]`)
	mu.Lock()
	defer mu.Unlock()
	if count < 14 {
		t.Errorf("the hook was told of %d errors", count)
	}
}
