// Package clustertest checks that a [cluster.Backend] keeps its contract. Every
// backend runs it in its tests:
//
//	func TestBackend(t *testing.T) {
//		clustertest.Run(t, func(t *testing.T) cluster.Backend { return open(t) })
//	}
//
// A test of something that a backend does not claim to do passes, and says so in its
// log.
//
// Each test joins three nodes, with a simulated server each, to a fresh bus. The
// names in the tests (AD8 …) are those of the properties that the adapters of the
// Node.js server are tested for.
package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// patience is how long a test waits for what must happen. It is no measure of
// speed.
const patience = 20 * time.Second

// Run tests a backend. Open returns one that is connected to a bus of its own; it
// is called for each test, and all nodes of the test join through the one that it
// returns. What needs closing is closed by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) cluster.Backend) {
	for _, test := range suite {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// RunInBubble is Run for backends that work inside of a [synctest] bubble, where
// waiting takes no time. Each test has a bubble of its own, in which open is called
// too.
func RunInBubble(t *testing.T, open func(t *testing.T) cluster.Backend) {
	for _, test := range suite {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, open(t)) })
		})
	}
}

var suite = []struct {
	name string
	run  func(t *testing.T, b cluster.Backend)
}{
	{"AD8 broadcast", testBroadcast},
	{"AD8 binary and flags", testPayload},
	{"AD8 order", testOrder},
	{"AD8 large payload", testLargePayload},
	{"namespaces are apart", testNamespaces},
	{"AD12 join and leave", testJoinLeave},
	{"AD13 disconnect", testDisconnect},
	{"AD14 fetch", testFetch},
	{"AD15 server-side emit", testServerSideEmit},
	{"AD15 server-side call", testServerSideCall},
	{"AD15 server-side call unanswered", testServerSideCallUnanswered},
	{"AD15 node leaves during a call", testLeaveDuringCall},
	{"AD10 call", testCall},
	{"AD10 call without clients", testCallNobody},
	{"AD10 call times out", testCallTimeout},
	{"AD11 call of a single socket", testCallSingle},
	{"call ended early", testCallClosed},
	{"peers", testPeers},
	{"close", testClose},
	{"close ends calls", testCloseEndsCalls},
	{"duplicates", testDuplicates},
	{"reordering", testReordering},
	{"delay", testDelay},
	{"node killed", testKilled},
	{"node killed, with heartbeats", testKilledHeartbeats},
	{"node paused, with heartbeats", testPausedHeartbeats},
	{"AD9 bus gone and back", testBusDown},
	{"CSR9 missed messages", testMissed},
	{"CSR9 missed messages of a node that lags", testMissedLagging},
	{"CSR8 session is taken once", testTakeOnce},
	{"AD7 unknown offset", testUnknownOffset},
	{"one order for all nodes", testOneOrder},
	{"AD9 offsets while the bus is gone", testLoggedBusDown},
}

// heartbeats are short: nothing is asserted about their speed.
var fastHeartbeats = cluster.Options{HeartbeatInterval: 100 * time.Millisecond, HeartbeatTimeout: time.Second}

// trio is three nodes of one namespace: a, b and c. Each has two sockets, a1 and a2
// and so on, which are in room r1 and r2; all are in room "all".
type trio struct {
	a, b, c *server
}

func newTrio(t *testing.T, b cluster.Backend) *trio {
	t.Helper()
	tr := &trio{a: join(t, b, "/", "a"), b: join(t, b, "/", "b"), c: join(t, b, "/", "c")}
	for _, s := range tr.servers() {
		s.addSocket(s.name+"1", "r1", "all")
		s.addSocket(s.name+"2", "r2", "all")
	}
	tr.settle(t)
	return tr
}

func (tr *trio) servers() []*server { return []*server{tr.a, tr.b, tr.c} }

// settle waits until the nodes know each other and get each other's messages.
func (tr *trio) settle(t *testing.T) {
	t.Helper()
	for _, s := range tr.servers() {
		s.waitPeers(t, 2)
	}
	tr.flush(t, tr.servers()...)
}

// flush waits until all that was sent before has arrived: messages of one sender
// stay in order, and those to come are marks.
func (tr *trio) flush(t *testing.T, from ...*server) {
	t.Helper()
	for _, s := range from {
		mark := fmt.Sprintf("mark %s %d", s.name, marks.Add(1))
		// Marks go both ways that events go: to everybody, and as a request.
		check(t, s.ServerSideEmit(t.Context(), event(mark)))
		for _, other := range tr.servers() {
			if other != s && !other.isClosed() {
				other.wait(t, mark, func() bool { return other.marks[mark] })
			}
		}
	}
}

func join(t *testing.T, b cluster.Backend, namespace, name string) *server {
	t.Helper()
	return joinWith(t, b, namespace, name, nil)
}

func joinWith(t *testing.T, b cluster.Backend, namespace, name string, opts *cluster.Options) *server {
	t.Helper()
	s := newServer(name)
	node, err := cluster.Join(t.Context(), b, namespace, name, local{s}, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.attach(node)
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Errorf("close of %s: %v", name, err)
		}
	})
	return s
}

// event is the payload of an event that has a name and, at most, binary arguments.
func event(name string, attachments ...[]byte) cluster.Payload {
	text := fmt.Appendf(nil, "[%q", name)
	for i := range attachments {
		text = fmt.Appendf(text, `,{"_placeholder":true,"num":%d}`, i)
	}
	return cluster.Payload{JSON: append(text, ']'), Attachments: attachments}
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// missing returns the error as what it must be.
func missing(t *testing.T, err error) *cluster.MissingError {
	t.Helper()
	var e *cluster.MissingError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a MissingError", err)
	}
	return e
}
