package socketio

import (
	"context"
	"encoding/json"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// RemoteSocket describes a socket of any node of the cluster, as it was when it
// was fetched. What is sent to it finds it wherever it is. All methods may be
// called concurrently.
type RemoteSocket struct {
	ns        *Namespace
	local     *Socket // if it is one of this node
	id        string
	rooms     []string
	handshake *Handshake
	data      map[string]any
}

func newRemoteSocket(n *Namespace, info cluster.SocketInfo) *RemoteSocket {
	s := &RemoteSocket{ns: n, id: info.ID, rooms: info.Rooms, data: decodeData(info.Data), handshake: new(Handshake)}
	json.Unmarshal(info.Handshake, s.handshake) // what another node cannot say stays empty
	return s
}

// ID returns the id of the socket.
func (s *RemoteSocket) ID() string { return s.id }

// Rooms returns the rooms that the socket was in. It must not be changed.
func (s *RemoteSocket) Rooms() []string { return s.rooms }

// Local returns the socket itself, if it is one of this node.
func (s *RemoteSocket) Local() (*Socket, bool) { return s.local, s.local != nil }

// Handshake returns what is known of how the client connected.
func (s *RemoteSocket) Handshake() *Handshake {
	if s.local != nil {
		return s.local.Handshake()
	}
	return s.handshake
}

func (s *RemoteSocket) to() Broadcaster { return s.ns.To(s.id) }

// Emit sends an event to the socket. See Broadcaster.Emit.
func (s *RemoteSocket) Emit(event string, args ...any) error {
	if s.local != nil {
		return s.local.Emit(event, args...)
	}
	return s.to().Emit(event, args...)
}

// Join makes the socket join rooms. It returns an error if its node could not be
// told.
func (s *RemoteSocket) Join(rooms ...string) error { return s.to().SocketsJoin(rooms...) }

// Leave makes the socket leave rooms. It returns an error if its node could not
// be told.
func (s *RemoteSocket) Leave(rooms ...string) error { return s.to().SocketsLeave(rooms...) }

// Disconnect disconnects the socket. See Socket.Disconnect. It returns an error
// if its node could not be told.
func (s *RemoteSocket) Disconnect(closeConn bool) error {
	return s.to().DisconnectSockets(closeConn)
}

// Ask sends an event and waits for the acknowledgement, of which a socket of a
// Node.js server passes on only the first value. See Socket.Ask. Without a deadline
// of ctx, it waits for a socket of another node for 5 s and returns a
// [*MissingError] then.
func (s *RemoteSocket) Ask(ctx context.Context, event string, args ...any) (parser.Args, error) {
	if s.local != nil {
		return s.local.Ask(ctx, event, args...)
	}
	node := s.ns.cluster()
	if node == nil {
		return parser.Args{}, ErrDisconnected
	}
	if err := checkName(event); err != nil {
		return parser.Args{}, err
	}
	payload, err := encodePayload(event, args)
	if err != nil {
		return parser.Args{}, err
	}
	call := node.Call(ctx, s.to().selector(), cluster.Flags{ExpectSingleResponse: true}, payload)
	defer call.Close()
	for _, answer := range call.Answers() {
		return decodePayload(answer)
	}
	if ctx.Err() != nil {
		return parser.Args{}, ctx.Err()
	}
	if err := call.Err(); err != nil { // by default it waits for 5 s
		return parser.Args{}, missing(err)
	}
	return parser.Args{}, ErrDisconnected
}
