package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

func TestJoinFails(t *testing.T) {
	_, err := cluster.Join(t.Context(), broken{}, "/chat", "", &puppet{}, nil)
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "/chat") {
		t.Errorf("got error %v, want one of the backend that names the namespace", err)
	}
}

func TestNodeID(t *testing.T) {
	n, err := cluster.Join(t.Context(), cluster.NewMemory(nil), "/", "", &puppet{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if id := n.ID(); len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("got id %q, want 16 hexadecimal digits", id)
	}
	if a, b := cluster.NewNodeID(), cluster.NewNodeID(); a == b {
		t.Error("ids are not random")
	}
}

func TestHeartbeatTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n := play(t, s, &puppet{}, nil)
		s.takeOne(t, cluster.InitialHeartbeat)
		time.Sleep(4999 * time.Millisecond)
		if got := s.take(); len(got) != 0 {
			t.Errorf("published %v before its time", types(got))
		}
		time.Sleep(time.Millisecond)
		if m := s.takeOne(t, cluster.Heartbeat); m.To != "" || m.From != "me" || m.Namespace != "/" {
			t.Errorf("heartbeat %+v", m)
		}
		// A newcomer is answered, and known.
		s.receive(&cluster.Message{Type: cluster.InitialHeartbeat, Namespace: "/", From: "x"})
		if m := s.takeOne(t, cluster.Heartbeat); m.To != "x" {
			t.Errorf("answer to %q, want x", m.To)
		}
		peers := func(want int) {
			t.Helper()
			if got, err := n.Peers(t.Context()); got != want || err != nil {
				t.Fatalf("at %v: got %d peers, %v, want %d", time.Now(), got, err, want)
			}
		}
		peers(1)
		// Any message is a sign of life, and each counts from when it came.
		time.Sleep(6 * time.Second)
		s.receive(&cluster.Message{Type: cluster.SocketsJoin, Namespace: "/", From: "x", Rooms: []string{"r"}})
		s.receive(&cluster.Message{Type: cluster.Heartbeat, Namespace: "/", From: "y"})
		peers(2)
		time.Sleep(5 * time.Second)
		s.receive(&cluster.Message{Type: cluster.Heartbeat, Namespace: "/", From: "y"})
		time.Sleep(4999 * time.Millisecond)
		peers(2)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		peers(1)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		peers(0)
	})
}

func TestEmittersAreNoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &script{}, &puppet{}
		n := play(t, s, local, nil)
		for _, from := range []string{cluster.EmitterID, ""} {
			s.receive(&cluster.Message{Type: cluster.Broadcast, Namespace: "/", From: from, Payload: payload(`["a"]`)})
			s.receive(&cluster.Message{Type: cluster.SocketsJoin, Namespace: "/", From: from, Rooms: []string{"r"}})
		}
		if got := local.take(); !slices.Equal(got, []string{"deliver", "join", "deliver", "join"}) {
			t.Errorf("got %v", got)
		}
		if got, _ := n.Peers(t.Context()); got != 0 {
			t.Errorf("got %d peers, want none", got)
		}
	})
}

// A node that said that it leaves stays away, even if a message of before comes
// late; until it joins anew.
func TestLateMessageOfALeaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n := play(t, s, &puppet{}, nil)
		for _, step := range []struct {
			m    cluster.Type
			want int
		}{
			{cluster.InitialHeartbeat, 1}, {cluster.AdapterClose, 0}, {cluster.Heartbeat, 0}, {cluster.AdapterClose, 0}, {cluster.InitialHeartbeat, 1}, {cluster.Heartbeat, 1},
		} {
			s.receive(&cluster.Message{Type: step.m, Namespace: "/", From: "x"})
			if got, _ := n.Peers(t.Context()); got != step.want {
				t.Errorf("after %v: got %d peers, want %d", step.m, got, step.want)
			}
		}
	})
}

func TestIgnoredMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &script{}, &puppet{}
		play(t, s, local, nil)
		s.take()
		ok := payload(`["a"]`)
		s.receive(nil)
		for _, m := range []cluster.Message{
			{}, {Type: -1}, {Type: 14}, {Type: 1 << 30},
			{Type: cluster.Broadcast, From: "me", Payload: ok},
			{Type: cluster.Broadcast, From: "x", To: "y", Payload: ok},
			{Type: cluster.Broadcast, From: "x", Namespace: "/other", Payload: ok},
			{Type: cluster.Broadcast, From: "x"},
			{Type: cluster.Broadcast, From: "x", Payload: payload(`{}`)},
			{Type: cluster.Broadcast, From: "x", Payload: payload(`[`)},
			{Type: cluster.Broadcast, RequestID: "1", Payload: ok}, // whom to answer?
			{Type: cluster.SocketsJoin, From: "x"},
			{Type: cluster.SocketsLeave, From: "x"},
			{Type: cluster.FetchSockets, From: "x"},
			{Type: cluster.FetchSockets, RequestID: "1"},
			{Type: cluster.ServerSideEmit, From: "x"},
			{Type: cluster.InitialHeartbeat}, {Type: cluster.AdapterClose},
			{Type: cluster.FetchSocketsResponse, From: "x", RequestID: "unknown"},
			{Type: cluster.BroadcastClientCount, From: "x", RequestID: "unknown", Count: -1},
			{Type: cluster.BroadcastAck, From: "x", RequestID: "unknown", Payload: ok},
			{Type: cluster.ServerSideEmitResponse, From: "x"},
		} {
			if m.Namespace == "" {
				m.Namespace = "/"
			}
			s.receive(&m)
		}
		if did, sent := local.take(), s.take(); len(did) > 0 || len(sent) > 0 {
			t.Errorf("did %v, published %v, want nothing", did, types(sent))
		}
	})
}

func TestQuestionEnds(t *testing.T) {
	question := &cluster.Message{
		Type: cluster.Broadcast, Namespace: "/", From: "x", RequestID: "q", Payload: payload(`["a"]`),
		Flags: cluster.Flags{Timeout: 2 * time.Second},
	}
	start := func(t *testing.T, clients ...string) (*script, *puppet) {
		s, local := &script{}, &puppet{clients: clients}
		play(t, s, local, nil)
		s.take()
		s.receive(question)
		m := s.takeOne(t, cluster.BroadcastClientCount)
		if m.To != "x" || m.RequestID != "q" || m.Count != len(clients) || !slices.Equal(m.Clients, clients) {
			t.Errorf("count %+v", m)
		}
		return s, local
	}
	t.Run("when all have answered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, local := start(t, "1", "2")
			local.answer("1", payload(`["yes"]`))
			if m := s.takeOne(t, cluster.BroadcastAck); m.To != "x" || m.RequestID != "q" || m.Client != "1" || string(m.Payload.JSON) != `["yes"]` {
				t.Errorf("ack %+v", m)
			}
			if local.ctx.Err() != nil {
				t.Error("it ended before all have answered")
			}
			local.answer("2", payload(`[]`))
			s.takeOne(t, cluster.BroadcastAck)
			if local.ctx.Err() == nil {
				t.Error("it goes on after all have answered")
			}
		})
	})
	t.Run("when there are none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if _, local := start(t); local.ctx.Err() == nil {
				t.Error("it goes on")
			}
		})
	})
	t.Run("when its time is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, local := start(t, "1")
			time.Sleep(2*time.Second - 1)
			if local.ctx.Err() != nil {
				t.Error("it ended early")
			}
			time.Sleep(1)
			synctest.Wait()
			if local.ctx.Err() == nil {
				t.Error("it goes on")
			}
			local.answer("1", payload(`[]`))
			if got := s.take(); len(got) > 0 {
				t.Errorf("published %v after the end", types(got))
			}
		})
	})
}

func TestServerSideReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &script{}, &puppet{}
		n := play(t, s, local, nil)
		s.receive(&cluster.Message{Type: cluster.ServerSideEmit, Namespace: "/", From: "x", Payload: payload(`["a"]`)})
		if local.reply != nil {
			t.Error("reply for an event that wants none")
		}
		s.receive(&cluster.Message{Type: cluster.ServerSideEmit, Namespace: "/", From: "x", RequestID: "q", Payload: payload(`["a"]`)})
		s.take()
		local.reply(payload(`[1]`))
		local.reply(payload(`[2]`))
		if m := s.takeOne(t, cluster.ServerSideEmitResponse); m.To != "x" || m.RequestID != "q" || string(m.Payload.JSON) != `[1]` {
			t.Errorf("response %+v", m)
		}
		s.receive(&cluster.Message{Type: cluster.ServerSideEmit, Namespace: "/", From: "x", RequestID: "r", Payload: payload(`["a"]`)})
		n.Close()
		s.take()
		local.reply(payload(`[3]`)) // of no use, and harmless
		if got := s.take(); len(got) > 0 {
			t.Errorf("published %v after Close", types(got))
		}
	})
}

// While the bus is away, answers are lost rather than piled up or waited for.
func TestClosesWithoutBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n := play(t, s, &puppet{}, nil)
		s.fail(errBroken)
		s.receive(&cluster.Message{Type: cluster.FetchSockets, Namespace: "/", From: "x", RequestID: "q"})
		if err := n.JoinRooms(t.Context(), cluster.Selector{}, []string{"r"}); !errors.Is(err, errBroken) {
			t.Errorf("got error %v, want that of the bus", err)
		}
		if err := n.Close(); err != nil || !s.closed {
			t.Errorf("close: %v; link closed: %v", err, s.closed)
		}
	})
}

func TestAdapterCloseIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		n := play(t, s, &puppet{}, nil)
		s.take()
		for range 3 {
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s.takeOne(t, cluster.AdapterClose)
		time.Sleep(time.Minute)
		if got := s.take(); len(got) > 0 {
			t.Errorf("published %v after Close", types(got))
		}
	})
}

func TestBroadcastAlone(t *testing.T) {
	n := play(t, cluster.NewMemory(nil), &puppet{}, nil)
	sel, p := cluster.Selector{Rooms: []string{"r"}}, payload(`["a"]`)
	ctx := t.Context()
	if got := testing.AllocsPerRun(100, func() { n.Broadcast(ctx, sel, cluster.Flags{}, p) }); got > 0 {
		t.Errorf("a broadcast without other nodes takes %v allocations, want none", got)
	}
	if !n.Alone() {
		t.Error("not alone")
	}
}

func TestAloneNoMore(t *testing.T) {
	m := cluster.NewMemory(nil)
	n := play(t, m, &puppet{}, nil)
	other, err := cluster.Join(t.Context(), m, "/", "other", &puppet{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n.Alone() {
		t.Error("alone beside another node")
	}
	other.Close()
	if !n.Alone() {
		t.Error("not alone after the other left")
	}
	recovering := cluster.NewMemory(&cluster.MemoryOptions{Recovery: &cluster.MemoryRecovery{}})
	if n := play(t, recovering, &puppet{}, nil); n.Alone() {
		t.Error("alone, although what is published is kept")
	}
}

func TestWindow(t *testing.T) {
	const start = 1 << 40
	var w cluster.Window
	add := func(seq uint64, want bool) {
		t.Helper()
		if got := w.Add(seq); got != want {
			t.Fatalf("%d: new is %v, want %v", seq-start, got, want)
		}
	}
	for i := range uint64(3 * cluster.WindowSize) {
		seq := start + i ^ 1 // pairs swapped
		add(seq, true)
		add(seq, false)
		if i > 2 {
			add(start+i/2*2-2, false)
		}
	}
	add(start+10*cluster.WindowSize, true)
	add(start+10*cluster.WindowSize-5, true) // was skipped
	add(start+10*cluster.WindowSize-5, false)
	add(start+11*cluster.WindowSize-1, true)
	add(start+10*cluster.WindowSize, false)
	add(7, true) // began anew: cannot tell
}

// FuzzReceive: whatever comes from the bus, a node does not panic and stays usable.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte("\x0b\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &counting{script: &script{}, peers: 2}
			local := &puppet{clients: []string{"1"}}
			n := play(t, s, local, nil)
			c := n.Call(t.Context(), cluster.Selector{}, cluster.Flags{}, payload(`["a"]`))
			ids := []string{"", s.takeOne(t, cluster.Broadcast).RequestID, "other"}
			names := []string{"", "x", "y", "me", cluster.EmitterID}
			payloads := []string{"", "[]", `["a"]`, "{", "[", "]"}
			for ; len(data) >= 8; data = data[8:] {
				s.receive(&cluster.Message{
					Type: cluster.Type(int8(data[0])), Namespace: "/", From: names[int(data[1])%len(names)], To: names[int(data[2])%2*3],
					RequestID: ids[int(data[3])%len(ids)], Payload: payload(payloads[int(data[4])%len(payloads)]),
					Count: int(int8(data[5])) << (data[5] % 64), Client: names[int(data[6])%len(names)], Clients: names[:data[6]%5],
					Seq: uint64(binary.LittleEndian.Uint16(data[6:])), Rooms: names[:data[7]%5],
				})
			}
			time.Sleep(6 * time.Second)
			<-c.Done()
			if got := cluster.PendingCalls(n); got != 0 {
				t.Errorf("%d calls are left", got)
			}
			if _, err := n.Fetch(t.Context(), cluster.Selector{}); err == nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("fetch from silent nodes: got error %v", err)
			}
		})
	})
}

// stuck is a script whose bus takes nothing until the context of Publish ends.
type stuck struct{ script }

func (s *stuck) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	_, err := s.script.Open(ctx, namespace, node, receive)
	return s, err
}

func (s *stuck) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	<-ctx.Done()
	s.script.Publish(ctx, m)
	return "", ctx.Err()
}

// A bus that does not answer holds up neither what is received nor Close, and
// what waits for it is bounded.
func TestStuckBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, local := &stuck{}, &puppet{}
		start := time.Now()
		n := play(t, s, local, &cluster.Options{QueueSize: 3, RequestTimeout: time.Second, HeartbeatInterval: time.Hour})
		synctest.Wait() // the first heartbeat is being sent
		for range 10 {
			s.receive(&cluster.Message{Type: cluster.FetchSockets, Namespace: "/", From: "x", RequestID: "q"})
		}
		if got := len(local.take()); got != 10 || time.Since(start) != 0 {
			t.Errorf("received %d requests in %v, want 10 at once", got, time.Since(start))
		}
		time.Sleep(time.Minute)
		// Three could wait; the turn of two of them came when they had waited for longer
		// than their askers do.
		want := []cluster.Type{cluster.InitialHeartbeat, cluster.FetchSocketsResponse}
		if got := types(s.take()); !slices.Equal(got, want) {
			t.Errorf("tried to publish %v, want %v", got, want)
		}
		s.receive(&cluster.Message{Type: cluster.FetchSockets, Namespace: "/", From: "x", RequestID: "q"})
		synctest.Wait()
		start = time.Now()
		n.Close()
		if d := time.Since(start); d > time.Second {
			t.Errorf("Close took %v, want at most the timeout", d)
		}
	})
}

func TestTypeNames(t *testing.T) {
	for _, test := range []struct {
		t    cluster.Type
		want string
	}{{cluster.InitialHeartbeat, "initial heartbeat"}, {cluster.AdapterClose, "adapter close"}, {0, "unknown"}, {14, "unknown"}, {-1, "unknown"}} {
		if got := test.t.String(); got != test.want {
			t.Errorf("%d: got %q, want %q", int(test.t), got, test.want)
		}
	}
}
