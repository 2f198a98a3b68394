package socketio

import (
	"context"
	"crypto/hmac"
	"net/url"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// forwardingEvent is the event by which nodes tell each other their URLs, in the
// main namespace. Its argument, and the answer, is an announcement. Node.js servers
// ignore it.
const forwardingEvent = "sio:forwarding"

// announcement says where a node is reached.
type announcement struct {
	Node  string `json:"node"`
	URL   string `json:"url"`
	Proof string `json:"proof"`
}

// peer is another node that requests can be forwarded to.
type peer struct {
	owner owner
	name  string
	url   *url.URL
}

const (
	// askEvery is the shortest time between two questions to all nodes where a node
	// is. Only the sessions of nodes that are gone, or have just come, lead to one.
	askEvery = time.Second
	// askTimeout is how long the nodes have to answer.
	askTimeout = time.Second
	// lateAnswers is how long after a question those are waited for who were not known
	// to be there: where nodes find each other by heartbeats, those that have just come.
	lateAnswers = 250 * time.Millisecond
	// maxPeers bounds what is remembered of nodes that may be long gone.
	maxPeers = 1024
)

// peers is what a node knows of where the others are.
type peers struct {
	keys keyring
	own  announcement
	node func() *cluster.Node // nil while there is none

	mu      sync.Mutex
	known   map[owner]*peer
	learned chan struct{} // closed and replaced when there is one more
	asking  chan struct{} // closed when the question under way has its answers
	asked   time.Time     // when the latest question was asked
}

func newPeers(keys keyring, node, url string, membership func() *cluster.Node) *peers {
	return &peers{
		keys:    keys,
		own:     announcement{Node: node, URL: url, Proof: keys.announcementProof(node, url)},
		node:    membership,
		known:   make(map[owner]*peer),
		learned: make(chan struct{}),
	}
}

// find returns a node; nil if there is none, or if it does not say where it is
// within a second and a quarter. It blocks no longer than that; who waits for the
// question of another, no longer than ctx.
func (ps *peers) find(ctx context.Context, o owner) *peer {
	p, asking := ps.lookup(o)
	switch {
	case p != nil:
		return p
	case asking != nil:
		select {
		case <-asking:
		case <-ctx.Done():
		}
	case ps.begin(false):
		ps.ask()
	}
	return ps.await(ctx, o)
}

// await returns a node that says where it is soon after the latest question.
func (ps *peers) await(ctx context.Context, o owner) *peer {
	for {
		ps.mu.Lock()
		p, learned, left := ps.known[o], ps.learned, time.Until(ps.asked.Add(lateAnswers))
		ps.mu.Unlock()
		if p != nil || left <= 0 {
			return p
		}
		select {
		case <-learned:
		case <-time.After(left):
		case <-ctx.Done():
			return nil
		}
	}
}

func (ps *peers) lookup(o owner) (p *peer, asking <-chan struct{}) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.known[o], ps.asking
}

// begin reports whether the caller is to ask: nobody does now, or did so lately. The
// latter does not count if it must be.
func (ps *peers) begin(must bool) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.asking != nil || !must && time.Since(ps.asked) < askEvery {
		return false
	}
	ps.asking = make(chan struct{})
	ps.asked = time.Now()
	return true
}

// announce tells the other nodes where this one is, and learns where they are. It
// blocks until they have answered, at most askTimeout, after a question under way, which
// may have come before the node was in the cluster.
func (ps *peers) announce() {
	for !ps.begin(true) {
		if _, asking := ps.lookup(owner{}); asking != nil {
			<-asking
		}
	}
	ps.ask()
}

// ask asks all nodes, after begin.
func (ps *peers) ask() {
	defer func() {
		ps.mu.Lock()
		close(ps.asking)
		ps.asking = nil
		ps.mu.Unlock()
	}()
	node := ps.node()
	payload, err := encodePayload(forwardingEvent, []any{ps.own})
	if node == nil || err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	call := node.ServerSideCall(ctx, payload)
	defer call.Close()
	for _, answer := range call.Answers() {
		if args, err := decodePayload(answer); err == nil {
			ps.learn(args)
		}
	}
}

// learn takes note of an announcement, if it is genuine. If its node was not known, it
// is told where this one is: it may have asked before it knew that there are others.
func (ps *peers) learn(args parser.Args) {
	var a announcement
	if args.DecodeOne(&a) != nil || a.Node == ps.own.Node || !hmac.Equal([]byte(a.Proof), []byte(ps.keys.announcementProof(a.Node, a.URL))) {
		return
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		return
	}
	if ps.add(&peer{owner: ps.keys.owner(a.Node), name: a.Node, url: u}) {
		ps.tell(a.Node)
	}
}

// add reports whether a node is new.
func (ps *peers) add(p *peer) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	known := ps.known[p.owner] != nil
	if len(ps.known) >= maxPeers {
		clear(ps.known)
	}
	ps.known[p.owner] = p
	close(ps.learned)
	ps.learned = make(chan struct{})
	return !known
}

// tell tells another node where this one is. That it fails does no harm: it will ask.
func (ps *peers) tell(name string) {
	payload, err := encodePayload(forwardingEvent, []any{ps.own})
	if node := ps.node(); node != nil && err == nil {
		_ = node.Post(&cluster.Message{Type: cluster.ServerSideEmit, To: name, Payload: payload})
	}
}

// learnPeer handles the event by which another node says where it is, and answers it.
// It does not block.
func (s *Server) learnPeer(args parser.Args, reply func(cluster.Payload)) {
	var answer []any // a node that does not forward says nothing, and nobody has to wait for it
	if s.forwarder != nil {
		s.forwarder.peers.learn(args)
		answer = []any{s.forwarder.peers.own}
	}
	if payload, err := encodeValues(answer...); err == nil && reply != nil {
		reply(payload)
	}
}

// forget forgets a node that was not reached, so that it is asked for again.
func (ps *peers) forget(p *peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.known[p.owner] == p {
		delete(ps.known, p.owner)
	}
}

// left forgets a node that has left the cluster.
func (ps *peers) left(node string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.known, ps.keys.owner(node))
}
