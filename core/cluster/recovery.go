package cluster

import "context"

// Session is what is kept of a socket whose connection broke, to restore it.
type Session struct {
	ID    string // id of the socket, which it keeps
	PID   string // private id: known to the client alone, and what it shows to be restored
	Rooms []string
	Data  []byte // the data attached to the socket, JSON
}

// Recoverer is a [Link] that supports connection state recovery: it keeps sessions,
// and the recoverable messages of the recent past (see [Message.Recoverable]),
// including those that its own node published.
//
// To restore a socket without losing or repeating a message: Take the session, put
// the socket into its rooms while holding back what is delivered to it, ask for
// what it Missed, send that, then what was held back except for offsets that were
// among the missed.
type Recoverer interface {
	// Save keeps a session until it is taken or expires. It replaces one with the
	// same PID.
	Save(ctx context.Context, s *Session) error

	// Take returns the session with a PID and forgets it, so that it is restored at
	// most once, on whichever node. If there is none (or no longer), it fails with
	// [ErrUnknownSession].
	Take(ctx context.Context, pid string) (*Session, error)

	// Missed returns the recoverable messages after offset that were meant for a
	// session, in order: no Rooms, or one that the session is in, and no room of
	// the session in Except. Offset comes from the client: it can be anything. If
	// it is not the offset of a message, or messages after it are no longer kept,
	// it fails with [ErrUnknownOffset].
	//
	// It returns when the Link has handed all messages up to offset to receive, so
	// that none of them reaches the client once more on a node that lags behind the
	// one that it comes from; for that it blocks, and fails when ctx ends. It must
	// not be called from receive.
	Missed(ctx context.Context, s *Session, offset string) ([]*Message, error)
}
