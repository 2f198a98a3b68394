package socketio

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/internal/rooms"
)

// Namespace is a channel of its own on the connections of the clients: with its
// own sockets, rooms, middleware and handlers. All methods may be called
// concurrently.
type Namespace struct {
	connectRegistry
	server *Server
	name   string
	parent *DynamicNamespace // nil for a static namespace
	index  *rooms.Index[*Socket]
	ackID  atomic.Uint64 // the last acknowledgement id; they are unique within a namespace, so that one packet can go to many

	pids sync.Map // private id to connected *Socket; used with recovery only

	// order is held while an event gets its offset and is queued, so that clients
	// see offsets in order. It is used with recovery in memory only, which does not
	// block; other backends are left to sequence.
	order    sync.Mutex
	sequence sequence

	joining sync.Once // sets node
	node    *cluster.Node

	ready  chan struct{} // closed when it has been announced
	broken bool          // it could not be; set before ready
	merged mergedHandlers

	// guarded by Server.mu
	pinned bool        // made by hand: never removed
	users  int         // sockets that are connecting, connected or have handlers to run
	expiry *time.Timer // removes it if it is empty; nil until it was, or without recovery
	until  time.Time   // it is not removed before
}

func newNamespace(s *Server, name string, parent *DynamicNamespace) *Namespace {
	return &Namespace{server: s, name: name, parent: parent, index: rooms.New[*Socket](), pinned: parent == nil, ready: make(chan struct{})}
}

// cluster returns the membership of the namespace in the cluster; nil if there
// is no cluster (nor recovery, which keeps its events there). The first call begins
// to join.
func (n *Namespace) cluster() *cluster.Node {
	if n.server.opts.Cluster == nil {
		return nil
	}
	n.joining.Do(n.join)
	return n.node
}

// joinPatience is how long a new namespace waits for the bus, so that its first
// clients find the cluster complete. Then it goes on without.
const joinPatience = time.Second

// join makes the namespace part of the cluster, which goes on in the background if
// the bus is not there.
func (n *Namespace) join() {
	n.server.mu.RLock()
	closing, left := n.server.closing, n.server.leaving[n.name]
	n.server.mu.RUnlock()
	if closing {
		return
	}
	if left != nil {
		<-left // or the cluster would have two nodes of that name
	}
	n.node = cluster.Start(n.server.opts.Cluster, n.name, n.server.opts.NodeID, local{n}, &cluster.Options{
		Logger:  n.server.opts.Logger,
		OnJoin:  n.watchRooms,
		OnLeave: n.nodeLeft,
		OnError: n.clusterFailed,
	})
	timer := time.NewTimer(joinPatience)
	defer timer.Stop()
	select {
	case <-n.node.Attempted():
	case <-timer.C:
	}
}

func (n *Namespace) watchRooms(node *cluster.Node) {
	if l := node.RoomListener(); l != nil {
		n.index.Watch(l.RoomOpened, l.RoomClosed)
	}
}

func (n *Namespace) nodeLeft(node string) {
	if f := n.server.forwarder; f != nil && n.name == "/" {
		f.peers.left(node)
	}
}

func (n *Namespace) clusterFailed(err error) {
	if t := n.server.opts.Trace; t.ClusterError != nil {
		n.server.safely(func() { t.ClusterError(n.name, err) })
	}
}

// Name returns the name of the namespace, which begins with "/".
func (n *Namespace) Name() string { return n.name }

// Server returns the server of the namespace.
func (n *Namespace) Server() *Server { return n.server }

// Socket returns the connected socket of this node that has that id.
func (n *Namespace) Socket(id string) (*Socket, bool) { return n.index.Member(id) }

// Sockets returns the sockets of this node that are connected now.
func (n *Namespace) Sockets() iter.Seq[*Socket] {
	return slices.Values(n.selectLocal(cluster.Selector{}))
}

// Count returns the number of sockets of this node that are connected.
func (n *Namespace) Count() int { return n.index.Len() }

// selectLocal returns the sockets of this node that sel selects.
func (n *Namespace) selectLocal(sel cluster.Selector) []*Socket {
	return n.index.Select(nil, sel.Rooms, sel.Except)
}

// parentTable returns the handlers of the dynamic namespace that n is a child of.
func (n *Namespace) parentTable() *table {
	if n.parent == nil {
		return &emptyTable
	}
	return n.parent.load()
}

// each calls f for the table of the parent, then for that of the namespace.
func (n *Namespace) each(f func(*table)) {
	if n.parent != nil {
		f(n.parent.load())
	}
	f(n.load())
}

// pin keeps the namespace from being removed, since somebody may hold it.
func (n *Namespace) pin() {
	n.server.mu.Lock()
	n.pinned = true
	n.server.mu.Unlock()
}

// release takes back what Server.resolve counted. The last user of a child
// namespace removes it: at once, or with recovery when no session of it can be
// restored any more.
func (n *Namespace) release() {
	s := n.server
	s.mu.Lock()
	n.users--
	empty := n.removableLocked()
	if r := s.opts.Recovery; r != nil && empty {
		n.expireLocked(r.MaxDisconnection)
		empty = false
	}
	s.mu.Unlock()
	if empty {
		n.removeIfEmpty()
	}
}

func (n *Namespace) expireLocked(d time.Duration) {
	n.until = time.Now().Add(d)
	if n.expiry == nil {
		n.expiry = time.AfterFunc(d, n.removeIfEmpty)
		return
	}
	n.expiry.Reset(d)
}

func (n *Namespace) removableLocked() bool {
	return n.users == 0 && !n.pinned && !n.server.opts.KeepEmptyChildNamespaces && !n.server.closing
}

func (n *Namespace) removeIfEmpty() {
	s := n.server
	s.mu.Lock()
	if !n.removableLocked() || s.namespaces[n.name] != n || time.Now().Before(n.until) {
		s.mu.Unlock()
		return
	}
	delete(s.namespaces, n.name)
	left := n.leavingLocked()
	s.mu.Unlock()
	left()
}

// leavingLocked notes that the namespace, which was removed, leaves the cluster.
// The function that it returns does that.
func (n *Namespace) leavingLocked() func() {
	s := n.server
	if n.node == nil {
		return func() {}
	}
	done := make(chan struct{})
	s.leaving[n.name] = done
	return func() {
		if err := n.node.Close(); err != nil {
			s.opts.Logger.Warn("socketio: leaving the cluster failed", "namespace", n.name, "error", err)
		}
		s.mu.Lock()
		delete(s.leaving, n.name)
		s.mu.Unlock()
		close(done)
	}
}

// To returns a broadcaster to the sockets that are in any of rooms. A socket's
// id is a room.
func (n *Namespace) To(rooms ...string) Broadcaster { return n.broadcaster().To(rooms...) }

// In is To.
func (n *Namespace) In(rooms ...string) Broadcaster { return n.broadcaster().To(rooms...) }

// Except returns a broadcaster to the sockets that are in none of rooms.
func (n *Namespace) Except(rooms ...string) Broadcaster { return n.broadcaster().Except(rooms...) }

// Local returns a broadcaster to the sockets of this node only.
func (n *Namespace) Local() Broadcaster { return n.broadcaster().Local() }

// Volatile returns a broadcaster whose events are lost to sockets that cannot
// take them at once.
func (n *Namespace) Volatile() Broadcaster { return n.broadcaster().Volatile() }

// Compress returns a broadcaster that compresses, or does not; by default all
// that is over the thresholds of the options is compressed.
func (n *Namespace) Compress(on bool) Broadcaster { return n.broadcaster().Compress(on) }

// Emit sends an event to all sockets of the namespace, on all nodes. See
// Broadcaster.Emit.
func (n *Namespace) Emit(event string, args ...any) error {
	return n.broadcaster().Emit(event, args...)
}

// EmitSync is Emit, but waits until the cluster's bus has taken the event, or ctx ends.
// See Broadcaster.EmitSync.
func (n *Namespace) EmitSync(ctx context.Context, event string, args ...any) error {
	return n.broadcaster().EmitSync(ctx, event, args...)
}

// Send sends an event named "message" to all sockets of the namespace.
func (n *Namespace) Send(args ...any) error { return n.broadcaster().Emit("message", args...) }

// FetchSockets returns the sockets of the namespace, on all nodes. See
// Broadcaster.FetchSockets.
func (n *Namespace) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return n.broadcaster().FetchSockets(ctx)
}

// SocketsJoin makes all sockets of the namespace, on all nodes, join rooms.
func (n *Namespace) SocketsJoin(rooms ...string) error { return n.broadcaster().SocketsJoin(rooms...) }

// SocketsLeave makes all sockets of the namespace, on all nodes, leave rooms.
func (n *Namespace) SocketsLeave(rooms ...string) error {
	return n.broadcaster().SocketsLeave(rooms...)
}

// DisconnectSockets disconnects all sockets of the namespace, on all nodes. See
// Socket.Disconnect.
func (n *Namespace) DisconnectSockets(closeConn bool) error {
	return n.broadcaster().DisconnectSockets(closeConn)
}

func (n *Namespace) broadcaster() Broadcaster { return Broadcaster{ns: n} }
