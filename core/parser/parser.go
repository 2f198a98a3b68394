// Package parser holds the Socket.IO packet: its model, the [Parser] interface
// that turns packets into engine messages and back, and the default JSON
// parser.
//
// It implements the Socket.IO protocol, revision 5 (and revision 4, whose
// packets have the same form).
package parser

// Type is the type of a Socket.IO packet.
type Type byte

// The packet types of the Socket.IO protocol, revision 5. A [Parser] uses
// BinaryEvent and BinaryAck on the wire only: it takes and returns Event and
// Ack, whatever the arguments hold.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

// String returns the name of the type in the protocol, such as "EVENT".
func (t Type) String() string {
	names := [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}

// Header is what a packet says besides its data.
type Header struct {
	Type      Type
	Namespace string // begins with "/"; "/" is the main namespace
	Event     string // the name of the event; for Event only. Of a numeric name, its digits
	ID        uint64 // acknowledgement id, valid if HasID
	HasID     bool
}

// Encoded is an outgoing packet in the form in which the engine sends it: one
// message, followed by one binary message for each attachment. It is immutable
// and may be sent to any number of connections.
type Encoded struct {
	Data        []byte
	Binary      bool // Data is a binary message (never with the JSON parser)
	Attachments [][]byte
}

// Packet is a decoded packet. It owns its memory.
type Packet struct {
	Header
	Args Args // Event, Ack: the arguments. Connect, ConnectError: nothing or one value

	home *packet // what Release gives back, or nil
}

// Release says that the packet, its Args and their slices are used no more, so that a
// decoder may use their memory again. The bytes of the arguments and of the attachments
// are left alone: what was decoded from them may be in use. Release need not be called. It
// must not be called twice, nor for a packet that is still being assembled.
func (p *Packet) Release() {
	if home := p.home; home != nil {
		*home = packet{}
		packets.Put(home)
	}
}

// Parser is a Socket.IO packet format. Its methods may be called concurrently.
type Parser interface {
	// Encode encodes a packet. For Event and Ack, values are the arguments; for
	// Connect and ConnectError, at most one value; for Disconnect, none. Values are not modified and not kept, but for
	// byte slices, which become attachments and must not be changed afterwards.
	// A value of Connect or ConnectError that is nil is as good as none.
	Encode(h Header, values ...any) (Encoded, error)

	// NewDecoder returns a decoder for the messages of one connection.
	NewDecoder() Decoder
}

// Decoder assembles the messages of one connection into packets. It is used by
// one goroutine at a time.
type Decoder interface {
	// Decode takes the next message and returns the packet that it completes, or
	// nil if more attachments are awaited. The decoder keeps data. After an error
	// the connection cannot go on.
	Decode(data []byte, binary bool) (*Packet, error)

	// Pending reports whether the decoder holds a packet that waits for attachments.
	Pending() bool
}
