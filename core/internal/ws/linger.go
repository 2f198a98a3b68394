package ws

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// A client may send its close frame before data that it wanted to send first:
// the Python client closes the connection on one thread while another still has
// messages to write, and goes on writing until its close frame is answered. RFC
// 6455 has such data ignored. We deliver it: a close frame is held back from
// gorilla, and so not answered, as long as data may come behind it.

const maxControl = 125

// errClose is the guard's word for a close frame to be held back.
var errClose = errors.New("close frame")

// heldClose is a close frame and what was read behind it.
type heldClose struct {
	frame []byte    // the close frame, complete or not
	size  int       // of the complete frame
	rest  []byte    // read behind it
	until time.Time // the end of lingering; zero before it begins
	over  bool      // nothing more is to come before the close frame
}

// hold takes over the stream from a close frame on.
func (w *wire) hold(tail []byte) {
	size := w.guard.have + int(w.guard.left)
	w.guard.have, w.guard.left = 0, 0
	w.guard.hold = false // a second close frame is gorilla's affair
	n := min(size, len(tail))
	w.held = &heldClose{
		frame: append(make([]byte, 0, size), tail[:n]...),
		size:  size,
		rest:  append([]byte(nil), tail[n:]...),
	}
}

// readBehindClose is Read once a close frame has come.
func (w *wire) readBehindClose(p []byte) (int, error) {
	h := w.held
	if err := w.completeClose(p); err != nil {
		return w.release(p)
	}
	if len(h.rest) > 0 {
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return w.pass(p[:n])
	}
	if h.over || !w.lingers() {
		return w.release(p)
	}
	n, err := w.read(p)
	if err != nil {
		h.over = true // the peer is gone, or the time over
		if n == 0 {
			return w.release(p)
		}
	}
	return w.pass(p[:n])
}

// pass hands on what came behind the close frame, as far as it is in order.
func (w *wire) pass(p []byte) (int, error) {
	good, breach := w.guard.scan(p)
	if breach != nil {
		w.broken = breach
		return good, breach
	}
	return good, nil
}

// completeClose reads the rest of the close frame, using p as buffer.
func (w *wire) completeClose(p []byte) error {
	h := w.held
	for missing := h.size - len(h.frame); missing > 0; missing = h.size - len(h.frame) {
		n, err := w.read(p)
		k := min(n, missing)
		h.frame = append(h.frame, p[:k]...)
		h.rest = append(h.rest, p[k:n]...)
		if err != nil {
			return err
		}
	}
	return nil
}

// lingers reports whether to wait for data behind the close frame, and sees to
// it that the wait ends.
func (w *wire) lingers() bool {
	h := w.held
	d := w.conn.lingerTime()
	if d <= 0 || !h.ordinary() {
		return false
	}
	if h.until.IsZero() {
		h.until = time.Now().Add(d)
		w.Conn.SetReadDeadline(h.until)
	}
	return true
}

// ordinary reports whether the close frame says that the peer is done (1000, or
// no code). Pages that are being left, for one, have nothing more to say.
func (h *heldClose) ordinary() bool {
	payload := h.frame[headerSize(h.frame[1]):]
	if len(payload) < 2 {
		return len(payload) == 0
	}
	mask := h.frame[len(h.frame)-len(payload)-4:]
	code := [2]byte{payload[0] ^ mask[0], payload[1] ^ mask[1]}
	return binary.BigEndian.Uint16(code[:]) == CodeNormal
}

// release lets gorilla read the close frame.
func (w *wire) release(p []byte) (int, error) {
	h := w.held
	h.over = true
	n := copy(p, h.frame)
	if h.frame = h.frame[n:]; len(h.frame) == 0 {
		w.broken = io.EOF
	}
	return n, nil
}
