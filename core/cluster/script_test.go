package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/cluster"
)

// script is a backend in which the test plays the other nodes. It works inside of a
// bubble.
type script struct {
	receive func(*cluster.Message)

	mu        sync.Mutex
	published []*cluster.Message
	err       error // of Publish
	closed    bool
}

func (s *script) Open(_ context.Context, _, _ string, receive func(*cluster.Message)) (cluster.Link, error) {
	s.receive = receive
	return s, nil
}

func (s *script) Publish(_ context.Context, m *cluster.Message) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", s.err
	}
	s.published = append(s.published, m)
	return "", nil
}

func (s *script) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// take waits until the node has nothing more to do and returns, and forgets, what
// it published.
func (s *script) take() []*cluster.Message {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	published := s.published
	s.published = nil
	return published
}

func (s *script) takeOne(t *testing.T, want cluster.Type) *cluster.Message {
	t.Helper()
	got := s.take()
	if len(got) != 1 || got[0].Type != want {
		t.Fatalf("published %v, want one %v", types(got), want)
	}
	return got[0]
}

func types(messages []*cluster.Message) (ts []cluster.Type) {
	for _, m := range messages {
		ts = append(ts, m.Type)
	}
	return ts
}

// counting is a script that knows how many other nodes there are.
type counting struct {
	*script
	peers int
	err   error
}

func (c *counting) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	_, err := c.script.Open(ctx, namespace, node, receive)
	return c, err
}

func (c *counting) Peers(context.Context) (int, error) { return c.peers, c.err }

// broken is a backend that cannot be reached.
type broken struct{}

var errBroken = errors.New("no route to bus")

func (broken) Open(context.Context, string, string, func(*cluster.Message)) (cluster.Link, error) {
	return nil, errBroken
}

// puppet is a Local that does what the test says.
type puppet struct {
	mu        sync.Mutex
	did       []string
	delivered []cluster.Payload
	ctx       context.Context
	answer    func(string, cluster.Payload)
	clients   []string
	reply     func(cluster.Payload)
}

func (p *puppet) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, what)
}

func (p *puppet) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	did := p.did
	p.did = nil
	return did
}

func (p *puppet) Deliver(_ cluster.Selector, _ cluster.Flags, payload cluster.Payload, offset string) {
	p.note("deliver" + offset)
}

func (p *puppet) DeliverAck(ctx context.Context, _ cluster.Selector, _ cluster.Flags, _ cluster.Payload, answer func(string, cluster.Payload)) []string {
	p.note("ask")
	p.ctx, p.answer = ctx, answer
	return p.clients
}

func (p *puppet) Sockets(cluster.Selector) []cluster.SocketInfo {
	p.note("sockets")
	return []cluster.SocketInfo{{ID: "s"}}
}

func (p *puppet) JoinRooms(cluster.Selector, []string)  { p.note("join") }
func (p *puppet) LeaveRooms(cluster.Selector, []string) { p.note("leave") }
func (p *puppet) Disconnect(cluster.Selector, bool)     { p.note("disconnect") }
func (p *puppet) ServerSide(_ cluster.Payload, reply func(cluster.Payload)) {
	p.note("server-side")
	p.reply = reply
}

// play joins a node to a script.
func play(t *testing.T, b cluster.Backend, local cluster.Local, opts *cluster.Options) *cluster.Node {
	t.Helper()
	n, err := cluster.Join(t.Context(), b, "/", "me", local, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func payload(text string) cluster.Payload { return cluster.Payload{JSON: []byte(text)} }
