package client

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/parser"
)

// nullEngine is a connection that takes everything.
type nullEngine struct {
	once   sync.Once
	closed chan struct{}
	done   chan struct{}
	h      eioclient.Handler
}

func newNullEngine() *nullEngine {
	return &nullEngine{closed: make(chan struct{}), done: make(chan struct{})}
}

func (e *nullEngine) Start(h eioclient.Handler)       { e.h = h }
func (e *nullEngine) Send(...eioclient.Message) error { return nil }
func (e *nullEngine) Writable() bool                  { return true }
func (e *nullEngine) PingExpired() bool               { return false }
func (e *nullEngine) SID() string                     { return "sid" }
func (e *nullEngine) Transport() string               { return "websocket" }
func (e *nullEngine) Flush(context.Context) error     { return nil }
func (e *nullEngine) Arrived(context.Context) error   { return nil }
func (e *nullEngine) Closing() <-chan struct{}        { return e.closed }
func (e *nullEngine) Done() <-chan struct{}           { return e.done }
func (e *nullEngine) Close(context.Context) error {
	e.Abort(eioclient.ReasonForcedClose, nil)
	return nil
}

func (e *nullEngine) Abort(reason string, err error) {
	e.once.Do(func() {
		close(e.closed)
		go func() {
			defer close(e.done)
			e.h.OnClose(reason, err)
		}()
	})
}

func noNetwork(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }

// FuzzServer has a server send any messages: one a line, those that begin with "b:"
// binary. Whatever they are, the client stays whole: nothing is awaited nor kept in the
// end, and Close returns.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		"0{\"sid\":\"a\"}\n2[\"echo\",1]\n25[\"echo\",{\"x\":[]}]\n30[\"x\"]\n1",
		"0{\"sid\":\"a\",\"pid\":\"p\"}\n2[\"echo\",\"1c\"]\n2[\"ask\"]\n30[]\n31[]\n32[]",
		"0/a,{\"sid\":\"b\"}\n52-/a,7[\"echo\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]\nb:x\nb:y",
		"2[\"echo\"]\n2[\"echo\"]\n0{\"sid\":\"a\"}\n0{\"sid\":\"a\"}\n2[\"leave\"]\n2[\"back\"]",
		"4{\"message\":\"no\",\"data\":{}}\n4/a,\"no\"\n4/a,[]\n0",
		"61-0[{\"_placeholder\":true,\"num\":0}]\nb:\n3\n3999999999999999999999[]\n2[]\n2[\"connect\"]\n7\nx",
		"0{\"sid\":7}\n0{}\n1/a,\n1/b,\n0/b,{\"sid\":\"x\"}\n2/b,[\"echo\"]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		s := fuzzed(t, len(script)%2)
		l := s.m.link
		var asking sync.WaitGroup
		asking.Go(func() { s.Ask(context.Background(), "early") })
		for line := range bytes.SplitSeq(script, []byte("\n")) {
			data, binary := bytes.CutPrefix(line, []byte("b:"))
			l.OnMessage(bytes.Clone(data), binary)
			if isClosed(l.conn.Closing()) {
				break
			}
		}
		l.conn.Abort(eioclient.ReasonTransportClose, nil)
		<-l.conn.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.m.Close(ctx); err != nil {
			t.Fatalf("Close = %v", err)
		}
		asking.Wait()
		s.m.mu.Lock()
		defer s.m.mu.Unlock()
		if s.m.awaited != 0 || len(s.acks) != 0 || !s.outbox.empty() || s.outbox.bytes != 0 || s.early.bytes != 0 {
			t.Errorf("left: %d awaited, %d acks, %d kept of %d bytes, %d bytes early",
				s.m.awaited, len(s.acks), s.outbox.count, s.outbox.bytes, s.early.bytes)
		}
		if s.queue.Len() != 0 || s.arriving || s.deferred != nil {
			t.Error("events are left in the queue")
		}
	})
}

// fuzzed returns a socket that has sent CONNECT, as "/a" has.
func fuzzed(t *testing.T, retries int) *Socket {
	s, err := New("http://server", &Options{
		MaxInflight: 2, MaxBufferMessages: 4, MaxBufferBytes: 1000, BufferPolicy: BufferDropOldest, Retries: retries, AckTimeout: time.Millisecond,
		Reconnection: Reconnection{Disable: true}, DialContext: noNetwork, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Socket{s, s.Of("/a")} {
		s.Handle("echo", func(_ context.Context, args parser.Args) ([]any, error) {
			var v any
			err := args.DecodeOne(&v)
			return []any{v}, err
		})
		OnCall(s, "ask", func(ctx context.Context, _ None) (any, error) { return Call[any](ctx, s, "question") })
		On(s, "leave", func(context.Context, None) error { s.Disconnect(); return nil })
		On(s, "back", func(context.Context, None) error { s.Open(); return nil })
		s.state = waiting
	}
	r := &round{m: s.m}
	r.ctx, r.cancel = context.WithCancel(s.m.ctx)
	s.m.round = r
	s.m.opened(r, 0, newNullEngine())
	return s
}
