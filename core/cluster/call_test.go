package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// callOfTwo starts a call in a cluster with the nodes x and y.
func callOfTwo(t *testing.T, s *script, local *puppet, flags cluster.Flags) (*cluster.Node, *cluster.Call, *cluster.Message) {
	t.Helper()
	n := play(t, s, local, nil)
	for _, id := range []string{"x", "y"} {
		s.receive(&cluster.Message{Type: cluster.Heartbeat, Namespace: "/", From: id})
	}
	s.take()
	c := n.Call(t.Context(), cluster.Selector{Rooms: []string{"r"}}, flags, payload(`["a"]`))
	return n, c, s.takeOne(t, cluster.Broadcast)
}

func (s *script) count(q *cluster.Message, from string, count int, clients ...string) {
	s.receive(&cluster.Message{Type: cluster.BroadcastClientCount, Namespace: "/", From: from, To: "me", RequestID: q.RequestID, Count: count, Clients: clients})
}

func (s *script) ack(q *cluster.Message, from, client string) {
	s.receive(&cluster.Message{Type: cluster.BroadcastAck, Namespace: "/", From: from, To: "me", RequestID: q.RequestID, Client: client, Payload: payload(`["` + client + `"]`)})
}

func ended(c *cluster.Call) bool {
	synctest.Wait()
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

func collect(c *cluster.Call) (who []string) {
	for id := range c.Answers() {
		who = append(who, id)
	}
	return who
}

func TestCallAnswersAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &script{}, &puppet{clients: []string{"l"}}
		n, c, q := callOfTwo(t, s, local, cluster.Flags{})
		if q.Flags.Timeout != 5*time.Second || q.To != "" {
			t.Errorf("question %+v, want the default timeout, to all", q)
		}
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for id := range c.Answers() {
				got = append(got, id)
			}
		}()
		steps := []func(){
			func() { s.ack(q, "x", "x2") }, // before the count
			func() { local.answer("l", payload(`[]`)) },
			func() { s.count(q, "x", 2, "x1", "x2") },
			func() { s.count(q, "y", 0) },
			func() { s.ack(q, "x", "x1") },
		}
		want := []string{"x2", "l", "x1"}
		for i, step := range steps {
			if ended(c) {
				t.Fatalf("it ended before step %d", i)
			}
			step()
		}
		if !ended(c) {
			t.Error("it goes on after all have answered")
		}
		<-done
		if !slices.Equal(got, want) || c.Err() != nil {
			t.Errorf("got %v and %v, want %v", got, c.Err(), want)
		}
		if cluster.PendingCalls(n) != 0 || local.ctx.Err() == nil {
			t.Error("the call is over and not forgotten")
		}
		s.ack(q, "x", "late")
	})
}

func TestCallTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &script{}, &puppet{clients: []string{"l1", "l2"}}
		start := time.Now()
		n, c, q := callOfTwo(t, s, local, cluster.Flags{Timeout: 3 * time.Second})
		local.answer("l1", payload(`[]`))
		s.count(q, "y", 3, "y1", "y2", "y3")
		s.ack(q, "y", "y2")
		if got := collect(c); !slices.Equal(got, []string{"l1", "y2"}) {
			t.Errorf("got answers of %v", got)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("it took %v, want 3 s", d)
		}
		var e *cluster.MissingError
		if !errors.As(c.Err(), &e) {
			t.Fatalf("got error %v", c.Err())
		}
		if !slices.Equal(e.Nodes, []string{"x"}) || e.NodeCount != 1 || !slices.Equal(e.Clients, []string{"l2", "y1", "y3"}) || e.ClientCount != 3 {
			t.Errorf("got %+v", e)
		}
		if got, want := e.Error(), "timeout reached: missing 4 responses (nodes x) (clients l2, y1, y3)"; got != want {
			t.Errorf("got text %q, want %q", got, want)
		}
		if cluster.PendingCalls(n) != 0 {
			t.Error("the call is over and not forgotten")
		}
	})
}

func TestCallEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n := play(t, s, &puppet{}, nil)
		s.receive(&cluster.Message{Type: cluster.Heartbeat, Namespace: "/", From: "x"})
		cause := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := n.ServerSideCall(ctx, payload(`["a"]`))
		cancel(cause)
		collect(c)
		if !errors.Is(c.Err(), cause) {
			t.Errorf("got error %v, want the cause", c.Err())
		}
		// A context that ended before.
		c = n.ServerSideCall(ctx, payload(`["a"]`))
		collect(c)
		if !errors.Is(c.Err(), cause) || cluster.PendingCalls(n) != 0 {
			t.Errorf("got error %v and %d calls left", c.Err(), cluster.PendingCalls(n))
		}
	})
}

func TestCallOfLeavers(t *testing.T) {
	for name, leave := range map[string]func(*script){
		"with a word": func(s *script) {
			s.receive(&cluster.Message{Type: cluster.AdapterClose, Namespace: "/", From: "x"})
			s.receive(&cluster.Message{Type: cluster.AdapterClose, Namespace: "/", From: "y"})
		},
		"silently": func(*script) { time.Sleep(10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				_, c, q := callOfTwo(t, s, &puppet{}, cluster.Flags{Timeout: time.Minute})
				s.count(q, "x", 2, "x1", "x2")
				s.ack(q, "x", "x1")
				leave(s)
				if !ended(c) {
					t.Fatal("it waits for those who are gone")
				}
				var e *cluster.MissingError
				if !errors.As(c.Err(), &e) || e.Err != nil || e.NodeCount != 0 || !slices.Equal(e.Clients, []string{"x2"}) {
					t.Errorf("got %+v", c.Err())
				}
			})
		})
	}
}

// With numbers only, the answers are counted.
func TestCallCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counting{script: &script{}, peers: 2}
		n := play(t, s, &puppet{}, nil)
		c := n.Call(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["a"]`))
		q := s.takeOne(t, cluster.Broadcast)
		s.count(q, "", 1)
		s.ack(q, "", "")
		s.ack(q, "", "")
		if ended(c) {
			t.Fatal("it ended before the second count")
		}
		s.count(q, "", 1)
		if !ended(c) || c.Err() != nil {
			t.Errorf("it goes on, or failed: %v", c.Err())
		}
		// A node that leaves with a word is no longer waited for.
		c = n.Call(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["a"]`))
		s.count(s.takeOne(t, cluster.Broadcast), "", 0)
		s.receive(&cluster.Message{Type: cluster.AdapterClose, Namespace: "/", From: "x"})
		if !ended(c) || c.Err() != nil {
			t.Errorf("it goes on, or failed: %v", c.Err())
		}
		// Nobody is there.
		s.peers = 0
		infos, err := n.Fetch(t.Context(), cluster.Selector{})
		if err != nil || len(infos) > 0 {
			t.Errorf("got %v, %v", infos, err)
		}
		// It is not known who is there.
		s.peers, s.err = 0, errBroken
		if _, err = n.Fetch(t.Context(), cluster.Selector{}); !errors.Is(err, errBroken) {
			t.Errorf("got error %v, want that of the bus", err)
		}
		if _, err = n.Peers(t.Context()); !errors.Is(err, errBroken) {
			t.Errorf("got error %v, want that of the bus", err)
		}
	})
}

func TestFetchDefaultTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counting{script: &script{}, peers: 2}
		n := play(t, s, &puppet{}, nil)
		go func() {
			q := s.takeOne(t, cluster.FetchSockets)
			s.receive(&cluster.Message{
				Type: cluster.FetchSocketsResponse, Namespace: "/", RequestID: q.RequestID, Sockets: []cluster.SocketInfo{{ID: "1"}},
			})
		}()
		start := time.Now()
		infos, err := n.Fetch(t.Context(), cluster.Selector{})
		var e *cluster.MissingError
		if !errors.As(err, &e) || e.NodeCount != 1 || len(infos) != 1 {
			t.Errorf("got %v and %v, want 1 socket and 1 missing node", infos, err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("it took %v, want 5 s", d)
		}
		if got, want := err.Error(), "cluster: fetch sockets: timeout reached: missing 1 responses"; got != want {
			t.Errorf("got text %q, want %q", got, want)
		}
	})
}

func TestMissingErrorText(t *testing.T) {
	many := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}
	for want, e := range map[string]*cluster.MissingError{
		"missing 2 responses":                                     {ClientCount: 2},
		"timeout reached: missing 1 responses":                    {NodeCount: 1, Err: context.DeadlineExceeded},
		"cluster: closed: missing 0 responses":                    {Err: cluster.ErrClosed},
		"missing 9 responses (clients 1, 2, 3, 4, 5, 6, 7, 8, …)": {ClientCount: 9, Clients: many},
		"timeout reached: missing 1 responses (nodes a)":          {NodeCount: 1, Nodes: []string{"a"}, Err: context.DeadlineExceeded},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Where messages are not numbered, responses are recognized by who sends them.
func TestCallDuplicatesWithoutNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n, c, q := callOfTwo(t, s, &puppet{}, cluster.Flags{})
		for range 2 {
			s.count(q, "x", 2, "x1", "x2")
			s.ack(q, "x", "x1")
		}
		s.count(q, "y", 0)
		if ended(c) {
			t.Fatal("it ended before x2 has answered")
		}
		s.ack(q, "x", "x2")
		if got := collect(c); !slices.Equal(got, []string{"x1", "x2"}) || c.Err() != nil {
			t.Errorf("got %v and %v", got, c.Err())
		}

		c = n.ServerSideCall(t.Context(), payload(`["a"]`))
		q = s.takeOne(t, cluster.ServerSideEmit)
		for _, from := range []string{"x", "x", "stranger", "y"} {
			s.count(q, from, 1) // does not belong here
			s.receive(&cluster.Message{
				Type: cluster.ServerSideEmitResponse, Namespace: "/", From: from, RequestID: q.RequestID, Payload: payload(`[]`),
			})
		}
		if got := collect(c); !slices.Equal(got, []string{"x", "stranger", "y"}) || c.Err() != nil {
			t.Errorf("got %v and %v", got, c.Err())
		}
	})
}

func TestRequestsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := &puppet{clients: []string{"l"}}
		n := play(t, cluster.NewMemory(nil), local, nil)
		start := time.Now()
		if infos, err := n.Fetch(t.Context(), cluster.Selector{}); len(infos) > 0 || err != nil {
			t.Errorf("fetch: got %v, %v", infos, err)
		}
		if err := n.JoinRooms(t.Context(), cluster.Selector{}, []string{"r"}); err != nil {
			t.Error(err)
		}
		c := n.ServerSideCall(t.Context(), payload(`["a"]`))
		if got := collect(c); len(got) > 0 || c.Err() != nil {
			t.Errorf("server-side call: got %v, %v", got, c.Err())
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("nobody was waited for, for %v", d)
		}
		c = n.Call(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["a"]`))
		if ended(c) {
			t.Error("it ended before the local client has answered")
		}
		local.answer("l", payload(`[]`))
		if got := collect(c); !slices.Equal(got, []string{"l"}) || c.Err() != nil {
			t.Errorf("call: got %v, %v", got, c.Err())
		}
	})
}
