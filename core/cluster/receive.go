package cluster

import (
	"context"
	"sync"
	"sync/atomic"
)

// receive handles a message from the bus. It is called for one message at a time.
func (n *Node) receive(m *Message) {
	if m == nil {
		return
	}
	if m.From == n.id && m.Namespace == n.namespace {
		n.echoed(m)
		return
	}
	if !n.accept(m) {
		return
	}
	if !m.wellFormed() {
		n.log.Debug("cluster: message ignored", "namespace", n.namespace, "type", int(m.Type), "from", m.From)
		return
	}
	switch m.Type {
	case InitialHeartbeat:
		n.reply(&Message{Type: Heartbeat, To: m.From})
	case AdapterClose:
		n.left(m.From)
	case Broadcast:
		n.deliver(m)
	case SocketsJoin:
		n.local.JoinRooms(m.Selector, m.Rooms)
	case SocketsLeave:
		n.local.LeaveRooms(m.Selector, m.Rooms)
	case DisconnectSockets:
		n.local.Disconnect(m.Selector, m.Close)
	case FetchSockets:
		n.reply(&Message{Type: FetchSocketsResponse, To: m.From, RequestID: m.RequestID, Sockets: n.local.Sockets(m.Selector)})
	case ServerSideEmit:
		n.local.ServerSide(m.Payload, n.replier(m))
	case FetchSocketsResponse, ServerSideEmitResponse, BroadcastClientCount, BroadcastAck:
		n.resolve(m)
	}
}

// accept reports whether a message is for this node and new, and notes who is
// alive.
func (n *Node) accept(m *Message) bool {
	if m.To != "" && m.To != n.id || m.Namespace != n.namespace {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.closed && n.members.sight(m)
}

// wellFormed reports whether m has a known type and the fields that this needs.
func (m *Message) wellFormed() bool {
	switch m.Type {
	case InitialHeartbeat, AdapterClose:
		return m.From != ""
	case Heartbeat, DisconnectSockets:
		return true
	case Broadcast, ServerSideEmit:
		return m.Payload.isArray() && (m.RequestID == "" || m.From != "")
	case SocketsJoin, SocketsLeave:
		return len(m.Rooms) > 0
	case FetchSockets:
		return m.RequestID != "" && m.From != ""
	case FetchSocketsResponse:
		return m.RequestID != ""
	case BroadcastClientCount:
		return m.RequestID != "" && m.Count >= 0
	case ServerSideEmitResponse, BroadcastAck:
		return m.RequestID != "" && m.Payload.isArray()
	}
	return false
}

// isArray is a check against backends that mix things up, not a validation.
func (p Payload) isArray() bool {
	n := len(p.JSON)
	return n >= 2 && p.JSON[0] == '[' && p.JSON[n-1] == ']'
}

// resolve hands a response to the call that it belongs to, if that is still under
// way.
func (n *Node) resolve(m *Message) {
	n.mu.Lock()
	c := n.calls[m.RequestID]
	n.mu.Unlock()
	if c != nil {
		c.response(m)
	}
}

// deliver sends an event to local sockets, and their answers to the node that wants
// them.
func (n *Node) deliver(m *Message) {
	if m.RequestID == "" {
		n.local.Deliver(m.Selector, m.Flags, m.Payload, m.Offset)
		return
	}
	timeout := m.Flags.Timeout
	if timeout <= 0 {
		timeout = n.opts.RequestTimeout
	}
	q := &question{n: n, to: m.From, id: m.RequestID, asked: -1}
	q.ctx, q.cancel = context.WithTimeout(n.ctx, timeout)
	clients := n.local.DeliverAck(q.ctx, m.Selector, m.Flags, m.Payload, q.answer)
	n.reply(&Message{Type: BroadcastClientCount, To: m.From, RequestID: m.RequestID, Count: len(clients), Clients: clients})
	q.count(len(clients))
}

// question is what another node asked the clients of this one. It ends, and
// releases its context, when all have answered or the time is over.
type question struct {
	n      *Node
	to, id string
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	asked    int // -1 until known
	answered int
}

func (q *question) answer(client string, args Payload) {
	if q.ctx.Err() != nil {
		return
	}
	q.n.reply(&Message{Type: BroadcastAck, To: q.to, RequestID: q.id, Client: client, Payload: args})
	q.mu.Lock()
	q.answered++
	q.endLocked()
	q.mu.Unlock()
}

func (q *question) count(asked int) {
	q.mu.Lock()
	q.asked = asked
	q.endLocked()
	q.mu.Unlock()
}

func (q *question) endLocked() {
	if q.asked >= 0 && q.answered >= q.asked {
		q.cancel()
	}
}

// replier returns what sends the answer to a server-side event, or nil if none is
// wanted.
func (n *Node) replier(m *Message) func(Payload) {
	if m.RequestID == "" {
		return nil
	}
	to, id := m.From, m.RequestID
	var replied atomic.Bool
	return func(args Payload) {
		if replied.CompareAndSwap(false, true) {
			n.reply(&Message{Type: ServerSideEmitResponse, To: to, RequestID: id, Payload: args})
		}
	}
}
