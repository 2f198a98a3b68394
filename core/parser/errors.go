package parser

import "errors"

// ProtocolError reports a message that breaks the Socket.IO protocol or a limit
// of the decoder. The connection that sent it has to be closed.
//
// Its texts are those of the reference server where that has one.
type ProtocolError struct {
	Reason string
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }

// What a [Decoder] of [JSON] can find wrong with a message, besides an unknown
// packet type. Each is a [*ProtocolError].
var (
	ErrAttachmentCount     error = &ProtocolError{"Illegal attachments"}   // the header's count is missing, malformed or 0
	ErrTooManyAttachments  error = &ProtocolError{"too many attachments"}  // the header's count is over the limit
	ErrPlaceholder         error = &ProtocolError{"illegal attachments"}   // a placeholder refers to no attachment, or to one already referred to
	ErrAttachmentsTooLarge error = &ProtocolError{"attachments too large"} // their total size is over the limit
	ErrTooManyArguments    error = &ProtocolError{"too many arguments"}    // of an event or acknowledgement
	ErrEventTooLong        error = &ProtocolError{"event name too long"}   // in bytes
	ErrNamespaceTooLong    error = &ProtocolError{"namespace too long"}    // in bytes
	ErrNamespace           error = &ProtocolError{"invalid namespace"}     // not UTF-8
	ErrID                  error = &ProtocolError{"invalid packet id"}     // more than 19 digits
	ErrPayload             error = &ProtocolError{"invalid payload"}       // not JSON, nested too deeply, or not what the packet type demands
	ErrUnexpectedBinary    error = &ProtocolError{"got binary data when not reconstructing a packet"}
	ErrUnexpectedText      error = &ProtocolError{"got plaintext data when reconstructing a packet"}
)

// ErrMissing is the cause of an [ArgError] if there are fewer arguments than
// were asked for.
var ErrMissing = errors.New("argument missing")

// The ways to call Encode wrongly.
var (
	errType      = errors.New("no such packet type")
	errEventName = errors.New("an event needs a name")
	errReserved  = errors.New("the event name is reserved")
	errSingle    = errors.New("the payload of the packet type has to be an object")
	errValues    = errors.New("too many values for the packet type")
	errForged    = errors.New("a value is not JSON, or passes for an attachment")
	errBadName   = errors.New(`a namespace begins with "/" and has no comma`)
	errDepth     = errors.New("value is cyclic or nested too deeply")
)

func unknownType(c byte) error {
	if c >= '0' && c <= '9' {
		return &ProtocolError{"unknown packet type " + string(rune(c))}
	}
	return &ProtocolError{"unknown packet type NaN"}
}
