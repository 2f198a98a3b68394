package socketio

import (
	"context"
	"encoding/json"
	"regexp"

	"github.com/gosocketio/sio/core/parser"
)

// DynamicNamespace stands for all namespaces whose name its rule accepts. What
// is registered on it holds for all of them, at any time. It is made by
// Server.OfMatch and Server.OfFunc. All methods may be called concurrently.
type DynamicNamespace struct {
	connectRegistry
	server *Server
	re     *regexp.Regexp // nil if made by OfFunc
	match  func(ctx context.Context, name string, auth json.RawMessage) bool
}

// Children returns the namespaces that exist now.
func (d *DynamicNamespace) Children() []*Namespace {
	d.server.mu.RLock()
	defer d.server.mu.RUnlock()
	var list []*Namespace
	for _, n := range d.server.namespaces {
		if n.parent == d {
			list = append(list, n)
		}
	}
	return list
}

// To returns a broadcaster to the sockets that are in any of rooms, in each of
// the namespaces. FetchSockets and CallAll are not possible with it.
func (d *DynamicNamespace) To(rooms ...string) Broadcaster { return d.broadcaster().To(rooms...) }

// In is To.
func (d *DynamicNamespace) In(rooms ...string) Broadcaster { return d.broadcaster().To(rooms...) }

// Except returns a broadcaster to the sockets that are in none of rooms.
func (d *DynamicNamespace) Except(rooms ...string) Broadcaster {
	return d.broadcaster().Except(rooms...)
}

// Local returns a broadcaster to the sockets of this node only.
func (d *DynamicNamespace) Local() Broadcaster { return d.broadcaster().Local() }

// Volatile returns a broadcaster whose events are lost to sockets that cannot
// take them at once.
func (d *DynamicNamespace) Volatile() Broadcaster { return d.broadcaster().Volatile() }

// Compress returns a broadcaster that compresses, or does not.
func (d *DynamicNamespace) Compress(on bool) Broadcaster { return d.broadcaster().Compress(on) }

// Emit sends an event to all sockets of all the namespaces.
func (d *DynamicNamespace) Emit(event string, args ...any) error {
	return d.broadcaster().Emit(event, args...)
}

// EmitSync is Emit, but waits until the cluster's bus has taken the event, or ctx ends.
// See Broadcaster.EmitSync.
func (d *DynamicNamespace) EmitSync(ctx context.Context, event string, args ...any) error {
	return d.broadcaster().EmitSync(ctx, event, args...)
}

// Send sends an event named "message" to all sockets of all the namespaces.
func (d *DynamicNamespace) Send(args ...any) error { return d.broadcaster().Emit("message", args...) }

// SocketsJoin makes all sockets of all the namespaces join rooms.
func (d *DynamicNamespace) SocketsJoin(rooms ...string) error {
	return d.broadcaster().SocketsJoin(rooms...)
}

// SocketsLeave makes all sockets of all the namespaces leave rooms.
func (d *DynamicNamespace) SocketsLeave(rooms ...string) error {
	return d.broadcaster().SocketsLeave(rooms...)
}

// DisconnectSockets disconnects all sockets of all the namespaces.
func (d *DynamicNamespace) DisconnectSockets(closeConn bool) error {
	return d.broadcaster().DisconnectSockets(closeConn)
}

func (d *DynamicNamespace) broadcaster() Broadcaster { return Broadcaster{dynamic: d} }

// ServerSideHandler handles an event that another node sent by ServerSideEmit or
// ServerSideCallAll. For the latter, reply sends the answer; otherwise it does
// nothing. It may be kept.
type ServerSideHandler func(ctx context.Context, args parser.Args, reply func(args ...any) error)
