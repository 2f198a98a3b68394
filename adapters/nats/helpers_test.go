package sionats_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/cluster"
)

// modes make a backend of each kind.
var modes = map[string]func(nc *nats.Conn, o sionats.Options) cluster.Backend{
	"core": func(nc *nats.Conn, o sionats.Options) cluster.Backend { return sionats.New(nc, &o) },
	"jetstream": func(nc *nats.Conn, o sionats.Options) cluster.Backend {
		o.Recovery = &sionats.Recovery{}
		return sionats.New(nc, &o)
	},
}

// mailbox collects what a link receives.
type mailbox struct {
	mu      sync.Mutex
	got     []*cluster.Message
	changed chan struct{}
}

func newMailbox() *mailbox { return &mailbox{changed: make(chan struct{})} }

func (b *mailbox) receive(m *cluster.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *mailbox) list() []*cluster.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// wait waits until cond is true of what was received.
func (b *mailbox) wait(t testing.TB, what string, cond func([]*cluster.Message) bool) {
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

func (b *mailbox) waitEvent(t testing.TB, text string) {
	t.Helper()
	b.wait(t, text, func(got []*cluster.Message) bool { return slices.ContainsFunc(got, isEvent(text)) })
}

func isEvent(text string) func(*cluster.Message) bool {
	return func(m *cluster.Message) bool { return string(m.Payload.JSON) == text }
}

// errorLog is a hook that keeps what it is told.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorLog) report(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorLog) list() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.errs)
}

// quiet is a hook for tests in which errors are to be expected.
func quiet(error) {}

// nowhere is for links whose messages do not matter.
func nowhere(*cluster.Message) {}

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

func payload(text string, attachments ...[]byte) cluster.Payload {
	return cluster.Payload{JSON: []byte(text), Attachments: attachments}
}

// event is a message that is kept, if there is a log.
func event(from, text string) *cluster.Message {
	return &cluster.Message{Type: cluster.Broadcast, From: from, Namespace: "/", Payload: payload(text)}
}

// question is a message that is not kept.
func question(from, text string) *cluster.Message {
	return &cluster.Message{Type: cluster.ServerSideEmit, From: from, Namespace: "/", Payload: payload(text)}
}

func publish(t testing.TB, l cluster.Link, m *cluster.Message) (offset string) {
	t.Helper()
	offset, err := l.Publish(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

// try publishes until that succeeds.
func try(t testing.TB, l cluster.Link, m *cluster.Message) {
	t.Helper()
	eventually(t, "a message that is taken", func() bool {
		_, err := l.Publish(t.Context(), m)
		return err == nil
	})
}

// eventually waits for what nothing tells.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waits in vain: %s", what)
		}
	}
}
