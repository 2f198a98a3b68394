package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a [Node]. The zero value of each field stands for its default.
type Options struct {
	// Logger takes what cannot be returned as an error: answers and heartbeats that
	// could not be sent (Warn), and messages that were ignored (Debug). Default:
	// discard.
	Logger *slog.Logger
	// HeartbeatInterval is how often the node tells the others that it is alive,
	// where the [Link] needs that. Default: 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a node may be silent before it is forgotten,
	// where the [Link] needs that. Default: 10 s.
	HeartbeatTimeout time.Duration
	// RequestTimeout bounds the requests whose context has no deadline, and each
	// message that the node sends on its own. Default: 5 s.
	RequestTimeout time.Duration
	// QueueSize is how many messages that the node sends on its own, such as
	// answers to other nodes, may wait; more are dropped. Default: 65,536.
	QueueSize int
}

// defaultQueueSize bounds the queues of this package: more than any burst, less
// than what hurts.
const defaultQueueSize = 1 << 16

func (o *Options) withDefaults() Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&opts.HeartbeatInterval, 5*time.Second)
	orDefault(&opts.HeartbeatTimeout, 10*time.Second)
	orDefault(&opts.RequestTimeout, 5*time.Second)
	orDefault(&opts.QueueSize, defaultQueueSize)
	return opts
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// NewNodeID returns a random name for a node: 16 hexadecimal digits, as the Node.js
// server has them.
func NewNodeID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Node is the membership of one server in one namespace of a cluster: it acts on
// the sockets of the other nodes, and has its [Local] act for them. All methods may
// be called concurrently.
//
// Methods that only send return when the bus took the message or refused it, or
// when ctx ended. Their errors say that the other nodes (some or all) did not get
// it; the local part is the caller's business and need not wait for it.
type Node struct {
	id        string
	namespace string
	local     Local
	opts      Options
	log       *slog.Logger

	link      Link // set before anything is published
	lister    Lister
	counter   Counter
	recoverer Recoverer
	rooms     RoomListener
	loner     Loner

	seq    atomic.Uint64
	out    outbox
	ctx    context.Context // ends at Close
	cancel context.CancelFunc

	closing  sync.Once
	closeErr error

	// mu is a leaf: nothing else is locked under it.
	mu      sync.Mutex
	closed  bool
	calls   map[string]*Call
	members members
}

// Join connects a node to the other nodes of a namespace. An empty id stands for a
// random one; the same id must not be in use twice. It may block until ctx ends,
// and fails if the bus cannot be reached. The caller closes the Node.
//
// Where nodes find each other by heartbeats, a node knows the others only once they
// have answered its first one.
func Join(ctx context.Context, b Backend, namespace, id string, local Local, opts *Options) (*Node, error) {
	if id == "" {
		id = NewNodeID()
	}
	n := &Node{id: id, namespace: namespace, local: local, opts: opts.withDefaults(), calls: map[string]*Call{}}
	n.log = n.opts.Logger
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.seq.Store(randomSeq())
	n.members.init(&n.opts)
	n.out.init(n.opts.QueueSize, n.send)
	link, err := b.Open(ctx, namespace, id, n.receive)
	if err != nil {
		n.cancel()
		return nil, fmt.Errorf("cluster: join %s: %w", namespace, err)
	}
	n.attach(link)
	return n, nil
}

// randomSeq is where a node begins to number its messages. It is random so that a
// node that restarts under its name does not repeat numbers that others have seen.
func randomSeq() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) >> 1
}

// attach starts what needs the link.
func (n *Node) attach(link Link) {
	n.link = link
	n.lister, _ = link.(Lister)
	n.counter, _ = link.(Counter)
	n.recoverer, _ = link.(Recoverer)
	n.rooms, _ = link.(RoomListener)
	n.loner, _ = link.(Loner)
	heartbeats := n.lister == nil && n.counter == nil
	if heartbeats {
		n.out.push(&Message{Type: InitialHeartbeat})
	}
	n.out.start()
	if heartbeats {
		n.startHeartbeats()
	}
}

// ID returns the name of the node.
func (n *Node) ID() string { return n.id }

// Alone reports that a Broadcast would reach nobody and would not be kept for
// recovery, so that it need not be encoded. False if that is not known. It does not
// block.
func (n *Node) Alone() bool { return n.loner != nil && n.loner.Alone() }

// Recoverer returns what keeps the sessions and messages for connection state
// recovery, or nil if the backend cannot.
func (n *Node) Recoverer() Recoverer { return n.recoverer }

// RoomListener returns what wants to be told about local rooms, or nil.
func (n *Node) RoomListener() RoomListener { return n.rooms }

// Peers returns the number of other nodes, as far as it is known. It may block
// until ctx ends.
func (n *Node) Peers(ctx context.Context) (int, error) {
	census, err := n.census(ctx)
	if err != nil {
		return 0, fmt.Errorf("cluster: count nodes: %w", err)
	}
	return max(census.count, len(census.names)), nil
}

// Broadcast has the other nodes send an event to their selected sockets. Offset, if
// not empty, is its position for connection state recovery, to be sent along to the
// local sockets too. Without other nodes and recovery it costs next to nothing.
func (n *Node) Broadcast(ctx context.Context, sel Selector, flags Flags, payload Payload) (offset string, err error) {
	if n.Alone() {
		return "", nil
	}
	flags.Local = false
	return n.publish(ctx, &Message{Type: Broadcast, Selector: sel, Flags: flags, Payload: payload})
}

// JoinRooms has the other nodes' selected sockets join rooms.
func (n *Node) JoinRooms(ctx context.Context, sel Selector, rooms []string) error {
	return n.tell(ctx, &Message{Type: SocketsJoin, Selector: sel, Rooms: rooms})
}

// LeaveRooms has the other nodes' selected sockets leave rooms.
func (n *Node) LeaveRooms(ctx context.Context, sel Selector, rooms []string) error {
	return n.tell(ctx, &Message{Type: SocketsLeave, Selector: sel, Rooms: rooms})
}

// Disconnect has the other nodes disconnect their selected sockets, and close the
// connections of these if closeConn is true.
func (n *Node) Disconnect(ctx context.Context, sel Selector, closeConn bool) error {
	return n.tell(ctx, &Message{Type: DisconnectSockets, Selector: sel, Close: closeConn})
}

// ServerSideEmit sends an event to the servers of the other nodes.
func (n *Node) ServerSideEmit(ctx context.Context, payload Payload) error {
	return n.tell(ctx, &Message{Type: ServerSideEmit, Payload: payload})
}

func (n *Node) tell(ctx context.Context, m *Message) error {
	if n.Alone() {
		return nil
	}
	_, err := n.publish(ctx, m)
	return err
}

// publish stamps a message and hands it to the link.
func (n *Node) publish(ctx context.Context, m *Message) (offset string, err error) {
	offset, err = n.link.Publish(ctx, n.stamp(m))
	if err != nil {
		return offset, fmt.Errorf("cluster: publish %s: %w", m.Type, err)
	}
	return offset, nil
}

func (n *Node) stamp(m *Message) *Message {
	m.From, m.Namespace = n.id, n.namespace
	m.Seq = n.seq.Add(1)
	return m
}

// send publishes for the outbox.
func (n *Node) send(m *Message) {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.RequestTimeout)
	defer cancel()
	if _, err := n.publish(ctx, m); err != nil && !errors.Is(err, context.Canceled) {
		n.log.Warn("cluster: message lost", "namespace", n.namespace, "type", m.Type.String(), "to", m.To, "error", err)
	}
}

// reply queues an answer to another node.
func (n *Node) reply(m *Message) {
	if !n.out.push(m) {
		n.log.Debug("cluster: answer dropped", "namespace", n.namespace, "type", m.Type.String(), "to", m.To)
	}
}

// Close leaves the cluster: it ends the calls that are under way with [ErrClosed],
// tells the other nodes, waits at most RequestTimeout for the bus to take that, and
// closes the link. All that the node started has ended when it returns. It must not
// be called from a method of the [Local].
func (n *Node) Close() error {
	n.closing.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Node) close() error {
	n.mu.Lock()
	n.closed = true
	n.members.stop()
	calls := make([]*Call, 0, len(n.calls))
	for _, c := range n.calls {
		calls = append(calls, c)
	}
	n.mu.Unlock()
	for _, c := range calls {
		c.end(ErrClosed)
	}
	n.cancel()
	n.out.close()
	if !n.Alone() {
		ctx, cancel := context.WithTimeout(context.Background(), n.opts.RequestTimeout)
		defer cancel()
		if _, err := n.publish(ctx, &Message{Type: AdapterClose}); err != nil {
			n.log.Debug("cluster: close not announced", "namespace", n.namespace, "error", err)
		}
	}
	if err := n.link.Close(); err != nil {
		return fmt.Errorf("cluster: close: %w", err)
	}
	return nil
}
