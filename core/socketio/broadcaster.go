package socketio

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// Broadcaster sends to a selection of sockets: To and Except select, the other
// modifiers say how. It is a small value that never changes: modifiers return a
// new one. It can be kept, and used concurrently.
type Broadcaster struct {
	ns      *Namespace
	dynamic *DynamicNamespace // instead of ns: all its children
	rooms   []string
	except  []string
	flags   flags
	local   bool
	to      bool            // To was called: without rooms, nobody is selected
	waiting context.Context // of who waits for the bus; nil if nobody does
}

// flags are the modifiers of an event.
type flags struct {
	volatile   bool
	noCompress bool
}

// entry makes a queue item of a packet for one socket. All but events must not be dropped.
func (s *Server) entry(h *parser.Header, values []any) (*engineio.Outgoing, error) {
	out := engineio.Single()
	out.Keep = h.Type != parser.Event
	if s.json == nil {
		enc, err := s.opts.Parser.Encode(*h, values...)
		out.Data, out.Binary, out.Attachments = enc.Data, enc.Binary, enc.Attachments
		return out, err
	}
	var err error
	out.Data, out.Attachments, err = s.json.EncodeTo(out.Data, h, values)
	return out, err
}

// outgoing makes a queue item for any number of sockets.
func (f flags) outgoing(enc parser.Encoded) *engineio.Outgoing {
	out := &engineio.Outgoing{Data: enc.Data, Binary: enc.Binary, Attachments: enc.Attachments}
	out.Volatile, out.NoCompress = f.volatile, f.noCompress
	return out
}

func (f flags) cluster() cluster.Flags {
	return cluster.Flags{Volatile: f.volatile, NoCompress: f.noCompress}
}

// To adds rooms: the selection is every socket that is in any of the rooms, once.
// If To is not called it is the whole namespace, but To with an empty list selects
// nobody. A socket's id is a room.
func (b Broadcaster) To(rooms ...string) Broadcaster {
	b.rooms, b.to = slices.Concat(b.rooms, rooms), true
	return b
}

// In is To.
func (b Broadcaster) In(rooms ...string) Broadcaster { return b.To(rooms...) }

// Except takes the sockets that are in any of rooms out of the selection.
func (b Broadcaster) Except(rooms ...string) Broadcaster {
	b.except = slices.Concat(b.except, rooms)
	return b
}

// Local keeps to the sockets of this node.
func (b Broadcaster) Local() Broadcaster {
	b.local = true
	return b
}

// Volatile lets an event be lost to sockets that cannot take it at once: if they
// have something queued, or are between two polls.
func (b Broadcaster) Volatile() Broadcaster {
	b.flags.volatile = true
	return b
}

// Compress compresses events, or does not; by default all that is over the
// thresholds of the options is compressed.
func (b Broadcaster) Compress(on bool) Broadcaster {
	b.flags.noCompress = !on
	return b
}

func (b Broadcaster) selector() cluster.Selector {
	return cluster.Selector{Rooms: b.rooms, Except: b.except}
}

func (b Broadcaster) server() *Server {
	if b.dynamic != nil {
		return b.dynamic.server
	}
	return b.ns.server
}

// nobody reports that the selection is empty, whoever is there.
func (b Broadcaster) nobody() bool { return b.to && len(b.rooms) == 0 }

// each calls f with a broadcaster for each namespace, and joins the errors.
func (b Broadcaster) each(f func(Broadcaster) error) error {
	if b.nobody() {
		return nil
	}
	if b.dynamic == nil {
		return f(b)
	}
	var errs []error
	for _, n := range b.dynamic.Children() {
		b.ns = n
		errs = append(errs, f(b))
	}
	return errors.Join(errs...)
}

// remote returns the cluster, if the broadcaster is to reach other nodes and
// there may be any.
func (b Broadcaster) remote() *cluster.Node {
	if b.local {
		return nil
	}
	return b.ns.cluster()
}

// peers is remote, for what concerns nothing but other nodes: nil if there can be
// none.
func (b Broadcaster) peers() *cluster.Node {
	if b.ns.server.single {
		return nil
	}
	return b.remote()
}

// Emit sends an event to the selected sockets. It does not block: it encodes the
// event once and appends it to the queue of each, and to that of the cluster's bus.
// The arguments are as in Socket.Emit. It returns an error if they cannot be
// encoded or the name is reserved. It also does so if the bus has never been reached
// yet, or is slower than what is sent; the sockets of this node get the event then all
// the same. That the bus is away later is told to Trace.ClusterError; to know about a
// single event use EmitSync.
func (b Broadcaster) Emit(event string, args ...any) error {
	if err := checkName(event); err != nil {
		return err
	}
	return b.each(func(b Broadcaster) error {
		if b.ns.server.opts.Recovery != nil && !b.flags.volatile && b.ns.cluster() != nil {
			return b.ns.emitLogged(b, nil, event, args)
		}
		return b.emit(event, args)
	})
}

// EmitSync is Emit, but waits until the bus has taken the event, or ctx ends. What a
// handler acknowledges after that reaches the other nodes even if this one is killed, as
// far as the bus keeps its promises. The error is why the bus did not take the event; the
// sockets of this node get it all the same, and if ctx ended while it waited, other nodes
// may get it. Without a cluster it does not wait.
func (b Broadcaster) EmitSync(ctx context.Context, event string, args ...any) error {
	b.waiting = ctx
	return b.Emit(event, args...)
}

// Send sends an event named "message" to the selected sockets.
func (b Broadcaster) Send(args ...any) error { return b.Emit("message", args...) }

func (b Broadcaster) emit(event string, args []any) error {
	n := b.ns
	enc, err := n.encode(event, args)
	if err != nil {
		return err
	}
	if n.sequence.idle() {
		n.fanOut(b.selector(), b.flags.outgoing(enc), event, args, "")
	} else {
		n.sequence.do(func() { n.fanOut(b.selector(), b.flags.outgoing(enc), event, args, "") })
	}
	if node := b.peers(); node != nil && !node.Alone() {
		payload, err := encodePayload(event, args)
		if err != nil {
			return err
		}
		return b.publish(node, payload)
	}
	return nil
}

// publish hands an event to the other nodes.
func (b Broadcaster) publish(node *cluster.Node, payload cluster.Payload) error {
	if b.waiting == nil {
		return node.Post(b.message(payload))
	}
	_, err := node.Broadcast(b.waiting, b.selector(), b.flags.cluster(), payload)
	if err != nil {
		b.ns.clusterFailed(err)
	}
	return err
}

// message is what makes the other nodes send an event.
func (b Broadcaster) message(payload cluster.Payload) *cluster.Message {
	return &cluster.Message{Type: cluster.Broadcast, Selector: b.selector(), Flags: b.flags.cluster(), Payload: payload}
}

// receivers are the buffers of fanOut.
var receivers = sync.Pool{New: func() any { return new([]*Socket) }}

const maxPooledReceivers = 1 << 16

// fanOut queues an event for the selected sockets of this node.
func (n *Namespace) fanOut(sel cluster.Selector, out *engineio.Outgoing, event string, args []any, offset string) {
	buf := receivers.Get().(*[]*Socket)
	list := n.index.Select((*buf)[:0], sel.Rooms, sel.Except)
	queued := 0
	for _, s := range list {
		s.sawOutgoing(event, args)
		if s.deliver(out, offset) {
			queued++
		}
	}
	n.sent(event, nil, queued)
	free(buf, list)
}

// free gives a buffer of fanOut back; list is what has become of it.
func free(buf *[]*Socket, list []*Socket) {
	clear(list)
	if cap(list) <= maxPooledReceivers {
		*buf = list
		receivers.Put(buf)
	}
}

func (n *Namespace) sent(event string, to *Socket, receivers int) {
	if t := n.server.opts.Trace; t.EventSent != nil {
		n.server.safely(func() { t.EventSent(n.name, event, to, receivers) })
	}
}

// sawOutgoing calls the functions of OnAnyOutgoing.
func (s *Socket) sawOutgoing(event string, args []any) {
	if s.ns.parent == nil && s.own.Load() == nil && len(s.ns.load().anyOutgoing) == 0 {
		return
	}
	defer func() { // it must not keep the event from the sockets that follow
		if p := recover(); p != nil {
			s.failed(event, &PanicError{Value: p, Stack: debug.Stack()})
		}
	}()
	s.eachTable(func(t *table) {
		for _, fn := range t.anyOutgoing {
			fn(s, event, args)
		}
	})
}

// encode encodes an event of the namespace.
func (n *Namespace) encode(event string, args []any) (parser.Encoded, error) {
	return n.server.opts.Parser.Encode(parser.Header{Type: parser.Event, Namespace: n.name, Event: event}, args...)
}

// eventFor makes a queue item of an event for one socket.
func (n *Namespace) eventFor(f flags, event string, args []any) (*engineio.Outgoing, error) {
	out, err := n.server.entry(&parser.Header{Type: parser.Event, Namespace: n.name, Event: event}, args)
	if err == nil {
		out.Volatile, out.NoCompress = f.volatile, f.noCompress
	}
	return out, err
}

// clusterTimeout bounds what is asked of the cluster on behalf of a socket.
const clusterTimeout = 5 * time.Second

// SocketsJoin makes the selected sockets, on all nodes, join rooms. It does not
// block. Its errors are those of Emit that concern the bus, and ErrRoomNameTooLong.
// Sockets that would be in too many rooms are left out, which is logged.
func (b Broadcaster) SocketsJoin(rooms ...string) error {
	if err := b.server().checkRooms(rooms); err != nil {
		return err
	}
	rooms = slices.Clone(rooms)
	return b.command(func(s *Socket) { s.joinQuietly(rooms) }, cluster.Message{Type: cluster.SocketsJoin, Rooms: rooms})
}

// SocketsLeave makes the selected sockets, on all nodes, leave rooms. It does not
// block. Its errors are those of Emit that concern the bus.
func (b Broadcaster) SocketsLeave(rooms ...string) error {
	rooms = slices.Clone(rooms)
	return b.command(func(s *Socket) { s.Leave(rooms...) }, cluster.Message{Type: cluster.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the selected sockets, on all nodes, and closes
// their connections if closeConn is true. See Socket.Disconnect. One that is in its rooms,
// but has not been told yet that it is connected, never is: OnConnect does not run for it.
// DisconnectSockets does not block. Its errors are those of Emit that concern the bus.
func (b Broadcaster) DisconnectSockets(closeConn bool) error {
	return b.command(func(s *Socket) { s.Disconnect(closeConn) }, cluster.Message{Type: cluster.DisconnectSockets, Close: closeConn})
}

// command does something to the selected sockets: here, and on the other nodes.
func (b Broadcaster) command(here func(*Socket), there cluster.Message) error {
	return b.each(func(b Broadcaster) error {
		for _, s := range b.ns.selectLocal(b.selector()) {
			here(s)
		}
		node := b.peers()
		if node == nil {
			return nil
		}
		m := there // each namespace sends its own
		m.Selector = b.selector()
		return node.Post(&m)
	})
}

// FetchSockets returns the selected sockets, of all nodes. It waits for the other
// nodes until ctx ends; if some have not answered by then, it returns what it has
// and a [*MissingError].
func (b Broadcaster) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	if b.dynamic != nil {
		return nil, errors.New("socketio: FetchSockets is not possible for a dynamic namespace")
	}
	if b.nobody() {
		return nil, nil
	}
	var list []*RemoteSocket
	for _, s := range b.ns.selectLocal(b.selector()) {
		list = append(list, &RemoteSocket{ns: b.ns, local: s, id: s.id, rooms: s.Rooms()})
	}
	node := b.peers()
	if node == nil {
		return list, nil
	}
	infos, err := node.Fetch(ctx, b.selector())
	for _, info := range infos {
		list = append(list, newRemoteSocket(b.ns, info))
	}
	return list, missing(err)
}

// missing translates the errors of the cluster.
func missing(err error) error {
	if m := (*cluster.MissingError)(nil); errors.As(err, &m) {
		return &MissingError{Sockets: m.ClientCount, Nodes: m.NodeCount, Err: m.Err}
	}
	return err
}
