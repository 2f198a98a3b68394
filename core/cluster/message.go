package cluster

import (
	"encoding/json"
	"slices"
	"time"
)

// Type is the type of a [Message].
type Type int

// The message types. The numbers are those that the cluster adapters of the Node.js
// server use.
const (
	InitialHeartbeat       Type = 1  // a node joined; the others answer with a Heartbeat
	Heartbeat              Type = 2  // a node is alive
	Broadcast              Type = 3  // Selector, Flags, Payload, Offset; with RequestID: acknowledgements are wanted
	SocketsJoin            Type = 4  // Selector, Rooms
	SocketsLeave           Type = 5  // Selector, Rooms
	DisconnectSockets      Type = 6  // Selector, Close
	FetchSockets           Type = 7  // Selector, RequestID
	FetchSocketsResponse   Type = 8  // RequestID, Sockets
	ServerSideEmit         Type = 9  // Payload; with RequestID: an answer is wanted
	ServerSideEmitResponse Type = 10 // RequestID, Payload
	BroadcastClientCount   Type = 11 // RequestID, Count, Clients (optional)
	BroadcastAck           Type = 12 // RequestID, Payload, Client (optional)
	AdapterClose           Type = 13 // a node leaves
)

// String returns the name of t, for logs.
func (t Type) String() string {
	if t < InitialHeartbeat || t > AdapterClose {
		return "unknown"
	}
	return typeNames[t]
}

var typeNames = [...]string{
	InitialHeartbeat: "initial heartbeat", Heartbeat: "heartbeat", Broadcast: "broadcast", SocketsJoin: "sockets join",
	SocketsLeave: "sockets leave", DisconnectSockets: "disconnect sockets", FetchSockets: "fetch sockets",
	FetchSocketsResponse: "fetch sockets response", ServerSideEmit: "server-side emit",
	ServerSideEmitResponse: "server-side emit response", BroadcastClientCount: "broadcast client count",
	BroadcastAck: "broadcast ack", AdapterClose: "adapter close",
}

// Message is what nodes send each other. Which fields a type has is said at the
// types; Type, From and Namespace belong to all. A published or received Message is
// immutable, as is all that it refers to.
type Message struct {
	Type      Type
	Namespace string
	// From is the name of the sender. It is [EmitterID], or empty, if that is no node,
	// and may be empty in a response if the format cannot tell.
	From      string
	To        string // the only node that it is for; empty: all others
	RequestID string // of the request, and of its responses

	// Seq numbers the messages of one sender, from an arbitrary start. Optional; 0
	// if the format has no place for it. A Node drops messages that it has seen.
	Seq uint64

	Selector Selector
	Flags    Flags
	Payload  Payload
	Rooms    []string
	Close    bool // DisconnectSockets: close the connections too
	Sockets  []SocketInfo
	Count    int      // BroadcastClientCount: how many sockets were asked
	Clients  []string // BroadcastClientCount: their ids. Optional
	Client   string   // BroadcastAck: id of the socket that answers. Optional
	Offset   string   // Broadcast: its position, for recovery; set by the Link
	Echo     bool     // the sender wants it back, see [Echoer]. It does not travel
}

// Recoverable reports whether m is one of the messages that connection state
// recovery replays: events to clients that are not volatile and ask for no
// acknowledgement.
func (m *Message) Recoverable() bool {
	return m.Type == Broadcast && m.RequestID == "" && !m.Flags.Volatile
}

// Payload is the data of a packet in a form that all formats can be made of.
type Payload struct {
	// JSON is the text of a JSON array: the name of an event and its arguments, or
	// the arguments of an answer. Binary values are written
	// {"_placeholder":true,"num":i}.
	//
	// A format with a place for only one value in an answer carries the first
	// element.
	JSON []byte
	// Attachments are the binary values; i is the index.
	Attachments [][]byte
}

// size is what the payload takes in memory.
func (p Payload) size() int {
	n := len(p.JSON)
	for _, a := range p.Attachments {
		n += len(a)
	}
	return n
}

// Selector selects sockets: those in one of Rooms (all if there are none) that are
// in none of Except. A socket is in the room of its own id.
type Selector struct {
	Rooms  []string
	Except []string
}

// Matches reports whether a socket that is in rooms is selected.
func (s Selector) Matches(rooms []string) bool {
	return s.matches(func(room string) bool { return slices.Contains(rooms, room) })
}

func (s Selector) matches(in func(room string) bool) bool {
	if slices.ContainsFunc(s.Except, in) {
		return false
	}
	return len(s.Rooms) == 0 || slices.ContainsFunc(s.Rooms, in)
}

// Flags are the modifiers of a broadcast. The zero value has none.
type Flags struct {
	Volatile   bool // may be dropped, and is not replayed
	NoCompress bool // is not to be compressed

	// Timeout is how long acknowledgements are waited for. In [Node.Call], 0 stands
	// for the deadline of the context or, if it has none, for
	// [Options.RequestTimeout].
	Timeout time.Duration

	// ExpectSingleResponse says that one acknowledgement is enough: there is one
	// socket to ask, and only its node is waited for.
	ExpectSingleResponse bool

	// Local keeps a [Node.Call] on this node. It does not travel.
	Local bool
}

// SocketInfo describes a socket of any node.
type SocketInfo struct {
	ID        string
	Handshake json.RawMessage // JSON object, in the form of the Node.js server
	Rooms     []string
	Data      json.RawMessage // the data attached to the socket, JSON
}
