package ws

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"syscall"
	"time"
)

// wire is the network connection as gorilla sees it. Bytes that come in pass
// the guard; what gorilla writes once the handshake is done (close frames, for
// one) is left to Conn to send.
type wire struct {
	net.Conn
	raw         syscall.RawConn       // nil where reading waits with a buffer: see ahead.go
	tryRead     func(fd uintptr) bool // readNow, made once
	ahead       []byte                // read from the network, not yet taken by gorilla
	lent        *[aheadSize]byte      // where ahead is, or nil
	readErr     error                 // of the last readNow
	failed      error                 // what read is to return next
	guard       guard
	broken      error // the guard's verdict; sticky
	established bool
	waits       bool        // readNow may wait
	waited      bool        // the last readNow had to
	holds       bool        // response is left to Conn
	response    []byte      // the 101
	verdict     *CloseError // gorilla's close frame, or nil
	conn        *Conn       // nil before the handshake is done
	held        *heldClose  // a close frame that gorilla does not know of yet
}

// newWire takes over conn and what r has read from it beyond the request.
func newWire(conn net.Conn, r *bufio.Reader, o *Options) *wire {
	w := &wire{Conn: conn, guard: newGuard(o.MaxMessage), holds: o.HoldResponse}
	if w.raw = rawConn(conn); w.raw != nil {
		w.tryRead = w.readNow
	}
	if n := r.Buffered(); n > 0 {
		w.ahead = make([]byte, n)
		// Cannot fail or fall short: the bytes are there.
		r.Read(w.ahead)
	}
	return w
}

// Read is called by whoever holds the right to read.
func (w *wire) Read(p []byte) (int, error) {
	if w.broken != nil {
		return 0, w.broken
	}
	if w.held != nil {
		return w.readBehindClose(p)
	}
	n, err := w.read(p)
	good, breach := w.guard.scan(p[:n])
	if breach == errClose {
		w.hold(p[good:n])
		if good > 0 {
			return good, nil
		}
		return w.readBehindClose(p)
	}
	if breach != nil {
		w.broken = breach
		return good, breach
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	if !w.established {
		if w.holds {
			w.response = append(w.response, p...)
			return len(p), nil
		}
		return w.Conn.Write(p)
	}
	if w.verdict == nil && len(p) >= 4 && p[0] == final|opClose {
		w.verdict = &CloseError{Code: int(binary.BigEndian.Uint16(p[2:])), Reason: string(p[4:])}
	}
	return len(p), nil
}

// SetWriteDeadline counts for the handshake only: afterwards Conn sets its own.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.established {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// guard follows the frames of an incoming byte stream and finds the breaches of
// RFC 6455 and of our limits that gorilla lets pass. It looks at headers only,
// so its work does not depend on the size of the payload. Frames that gorilla
// refuses are none of its business: it need not make sense of what follows them.
type guard struct {
	deflate    bool
	hold       bool  // report a valid close frame as errClose
	maxMessage int64 // 0: no limit
	maxFrames  int
	left       int64 // payload bytes of the current frame still to come
	size       int64 // of the current message, so far announced
	complete   bool  // the last frame of the current message was announced
	frames     int   // of the current message
	header     [14]byte
	have       int // bytes of header
}

func newGuard(maxMessage int64) guard {
	// Fragments of a KiB or more never reach the limit of frames before that of
	// bytes.
	const fewest, most = 1024, 1 << 20
	frames := int64(most)
	if maxMessage > 0 {
		frames = min(fewest+maxMessage/1024, most)
	}
	return guard{maxMessage: maxMessage, maxFrames: int(frames)}
}

// scan looks at the next bytes of the stream. It returns how many of them belong
// before the frame that is at fault, and what is wrong with that.
func (g *guard) scan(p []byte) (good int, breach error) {
	for i := 0; i < len(p); {
		if g.left > 0 {
			n := min(g.left, int64(len(p)-i))
			g.left -= n
			i += int(n)
			continue
		}
		g.header[g.have] = p[i]
		g.have++
		i++
		if g.have < 2 || g.have < headerSize(g.header[1]) {
			continue
		}
		if err := g.frame(); err != nil {
			if err == errClose && i < g.have { // its first bytes are with gorilla: too late to hold it
				g.have = 0
				continue
			}
			// Part of the header may have gone to gorilla, which then waits for
			// the rest and gets the error instead.
			return max(i-g.have, 0), err
		}
		g.have = 0
	}
	return len(p), nil
}

// headerSize returns the size of a header whose second byte is b.
func headerSize(b byte) int {
	n := 2
	switch b & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b&masked != 0 {
		n += 4
	}
	return n
}

var (
	errHighBit   = errors.New("length with its highest bit set")
	errNotMin    = errors.New("length not in its shortest form")
	errRSV1      = errors.New("RSV1 set")
	errHalfCode  = errors.New("close frame with half a code")
	errFragments = errors.New("too many fragments")
	errTooBig    = errors.New("Max payload size exceeded")
)

func (g *guard) frame() error {
	length := uint64(g.header[1] & 0x7f)
	shortest := uint64(0)
	switch length {
	case 126:
		length, shortest = uint64(binary.BigEndian.Uint16(g.header[2:])), 126
	case 127:
		length, shortest = binary.BigEndian.Uint64(g.header[2:]), 1<<16
	}
	if length>>63 != 0 {
		return breach(CodeProtocolError, errHighBit)
	}
	if length < shortest {
		return breach(CodeProtocolError, errNotMin)
	}
	g.left = int64(length)
	op := g.header[0] & 0x0f
	if g.header[0]&rsv1 != 0 && (op != opText && op != opBinary || !g.deflate) {
		return breach(CodeProtocolError, errRSV1)
	}
	if op == opClose && g.left == 1 {
		return breach(CodeProtocolError, errHalfCode)
	}
	if op == opClose && g.hold && g.left <= maxControl && g.header[0] == final|opClose && g.header[1]&masked != 0 {
		return errClose
	}
	if op >= opClose {
		return nil
	}
	return g.count(op)
}

// count adds the frame to its message.
func (g *guard) count(op byte) error {
	if op != opContinuation {
		g.size, g.frames = 0, 0
	}
	g.complete = g.header[0]&final != 0
	g.frames++
	if g.frames > g.maxFrames {
		return breach(CodePolicy, errFragments)
	}
	g.size += g.left
	if g.size < 0 || g.maxMessage > 0 && g.size > g.maxMessage {
		return breach(CodeTooBig, errTooBig)
	}
	return nil
}

func breach(code int, err error) *CloseError {
	return &CloseError{Code: code, Reason: err.Error()}
}
