package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a [Node]. The zero value of each field stands for its default.
type Options struct {
	// Logger takes what cannot be returned as an error: that the bus cannot be
	// reached or does not take messages, and that it is back (Warn, once each), nodes
	// that fell silent (Warn), and messages that were ignored (Debug). Default:
	// discard.
	Logger *slog.Logger
	// HeartbeatInterval is how often the node tells the others that it is alive,
	// where the [Link] needs that. Default: 5 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long a node may be silent before it is forgotten,
	// where the [Link] needs that. Default: 10 s.
	HeartbeatTimeout time.Duration
	// RequestTimeout bounds the requests whose context has no deadline, each attempt
	// to reach the bus, and how long a message may wait and take to be published.
	// Default: 5 s.
	RequestTimeout time.Duration
	// QueueSize is how many messages may wait to be published; beyond, Post fails and
	// answers to other nodes are dropped. Default: 65,536.
	QueueSize int

	// OnJoin is called when the node has reached the bus, before it sends or receives
	// anything but what waited for that. It must not block. Default: nothing.
	OnJoin func(*Node)
	// OnLeave is called when another node has left, or is taken for dead, if its name
	// is known. It must not block. Default: nothing.
	OnLeave func(node string)
	// OnError is called for each message that nobody waited for and that the other
	// nodes, some or all, did not get, and each time that the bus was not reached. It
	// must not block. Default: nothing.
	OnError func(error)
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
// All that a node sends goes out in the order in which its methods were called. Post
// does not wait for that. The other methods return when the bus took the message or
// refused it, or when ctx ended. Their errors say that the other nodes (some or all)
// did not get it; the local part is the caller's business and need not wait for it.
type Node struct {
	id        string
	namespace string
	local     Local
	opts      Options
	log       *slog.Logger

	immediate bool
	links     atomic.Pointer[connection] // nil until the bus was reached
	joined    chan struct{}              // closed then
	attempted chan struct{}              // closed when the first attempt is over
	joining   sync.WaitGroup

	seq     atomic.Uint64
	out     outbox
	outages outages
	echo    echoes
	ctx     context.Context // ends at Close
	cancel  context.CancelFunc

	closing  sync.Once
	closeErr error

	// mu is a leaf: nothing else is locked under it.
	mu      sync.Mutex
	closed  bool
	joinErr error // of the latest attempt
	calls   map[string]*Call
	members members
}

// connection is a Link and what it can do.
type connection struct {
	Link
	lister    Lister
	counter   Counter
	recoverer Recoverer
	rooms     RoomListener
	loner     Loner
	batcher   Batcher
	echoes    bool
}

func newConnection(link Link) *connection {
	c := &connection{Link: link}
	c.lister, _ = link.(Lister)
	c.counter, _ = link.(Counter)
	c.recoverer, _ = link.(Recoverer)
	c.rooms, _ = link.(RoomListener)
	c.loner, _ = link.(Loner)
	c.batcher, _ = link.(Batcher)
	if e, ok := link.(Echoer); ok && c.recoverer != nil {
		c.echoes = e.Echoes()
	}
	return c
}

// Join connects a node to the other nodes of a namespace. An empty id stands for a
// random one; the same id must not be in use twice. It may block until ctx ends,
// and fails if the bus cannot be reached. The caller closes the Node.
//
// Where nodes find each other by heartbeats, a node knows the others only once they
// have answered its first one.
func Join(ctx context.Context, b Backend, namespace, id string, local Local, opts *Options) (*Node, error) {
	n := newNode(b, namespace, id, local, opts)
	if err := n.join(ctx, b); err != nil {
		n.cancel()
		return nil, err
	}
	return n, nil
}

// Start is like Join, but does not wait for the bus, nor fail: the node joins as
// soon as the bus can be reached, and does without the others meanwhile. What is
// sent waits during the first attempt, and fails with [ErrNotJoined] after that.
// With an [Immediate] backend, the first attempt is over when Start returns.
func Start(b Backend, namespace, id string, local Local, opts *Options) *Node {
	n := newNode(b, namespace, id, local, opts)
	if n.immediate && n.attempt(b) {
		return n
	}
	n.joining.Go(func() { n.keepJoining(b) })
	return n
}

func newNode(b Backend, namespace, id string, local Local, opts *Options) *Node {
	if id == "" {
		id = NewNodeID()
	}
	n := &Node{
		id: id, namespace: namespace, local: local, opts: opts.withDefaults(), calls: map[string]*Call{},
		joined: make(chan struct{}), attempted: make(chan struct{}),
	}
	n.log = n.opts.Logger
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.seq.Store(randomSeq())
	n.members.init(&n.opts)
	n.out.init(n.opts.QueueSize, n.opts.RequestTimeout, n.send, n.lost)
	_, n.immediate = b.(Immediate)
	return n
}

// randomSeq is where a node begins to number its messages. It is random so that a
// node that restarts under its name does not repeat numbers that others have seen.
func randomSeq() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) >> 1
}

// ID returns the name of the node.
func (n *Node) ID() string { return n.id }

// Alone reports that a Broadcast would reach nobody and would not be kept for
// recovery, so that it need not be encoded. False if that is not known. It does not
// block.
func (n *Node) Alone() bool {
	c := n.links.Load()
	return c != nil && c.loner != nil && c.loner.Alone()
}

// Immediate reports whether the methods that send never block, as the backend is an
// [Immediate].
func (n *Node) Immediate() bool { return n.immediate }

// Recoverer returns what keeps the sessions and messages for connection state
// recovery; nil if the backend cannot, or has not been reached yet.
func (n *Node) Recoverer() Recoverer {
	if c := n.links.Load(); c != nil {
		return c.recoverer
	}
	return nil
}

// RoomListener returns what wants to be told about local rooms; nil if nothing does,
// or the bus has not been reached yet.
func (n *Node) RoomListener() RoomListener {
	if c := n.links.Load(); c != nil {
		return c.rooms
	}
	return nil
}

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

// Close leaves the cluster: it ends the calls that are under way with [ErrClosed],
// sends what waits to be sent and tells the other nodes, for which it waits at most
// RequestTimeout, and closes the link. All that the node started has ended when it
// returns. It must not be called from a method of the [Local].
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
	ctx, cancel := context.WithTimeout(context.Background(), n.opts.RequestTimeout)
	defer cancel()
	if !n.out.close(ctx) {
		n.log.Debug("cluster: closed before all was sent", "namespace", n.namespace)
	}
	n.cancel()
	n.joining.Wait()
	n.out.wg.Wait()
	c := n.links.Load()
	if c == nil {
		return nil
	}
	defer n.echo.close()
	if !n.Alone() && ctx.Err() == nil {
		if _, err := c.Publish(ctx, n.stamp(&Message{Type: AdapterClose})); err != nil {
			n.log.Debug("cluster: close not announced", "namespace", n.namespace, "error", err)
		}
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("cluster: close: %w", err)
	}
	return nil
}
