package ws

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// The first byte of a frame, and the mask bit of the second; RFC 6455, section
// 5.2.
const (
	final = 0x80
	rsv1  = 0x40

	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPong         = 10

	masked = 0x80
)

const (
	// copyBelow is the size in bytes up to which copying a payload is cheaper
	// than handing the kernel one more buffer.
	copyBelow = 4 << 10
	// copyUnvectored is the same where each buffer would be a write, and a TLS
	// record, of its own.
	copyUnvectored = 16 << 10
	// flushAt is how many bytes one write, and so one write timeout, covers.
	flushAt = 256 << 10
	// bufferAt is how many copied bytes are gathered before a write.
	bufferAt = 64 << 10
)

// Frame is one message to write: Prefix and Payload behind each other. Write
// reads them only, and keeps neither.
type Frame struct {
	Prefix   []byte // may be nil
	Payload  []byte
	Binary   bool
	Compress bool      // if permessage-deflate was agreed on
	Shared   *Prepared // nil, or where the receivers of one message share its compressed form
}

// batch gathers frames for the kernel. Small payloads are copied into buf;
// parts are the finished stretches of buf and the payloads between them.
type batch struct {
	buf   []byte
	start int // of the stretch of buf that is not yet in parts
	parts net.Buffers
	queue net.Buffers // what of parts is left to be written
	size  int
}

var batches = sync.Pool{New: func() any { return &batch{buf: make([]byte, 0, 1024)} }}

// free gives b back, unless it has grown so much that it should not be kept.
func (b *batch) free() {
	b.reset()
	if cap(b.buf) <= 2*bufferAt && cap(b.parts) <= 1024 {
		batches.Put(b)
	}
}

func (b *batch) reset() {
	clear(b.parts)
	b.buf, b.parts, b.queue, b.start, b.size = b.buf[:0], b.parts[:0], nil, 0, 0
}

// Write writes the frames in order, all of them in one system call unless they
// are large (above 64 KiB in small messages, 256 KiB in large ones). It blocks until
// the kernel has taken everything, or Options.WriteTimeout has passed since it
// last took something. It waits for other writes; frames of concurrent calls do
// not mix.
//
// After an error nothing more can be written, and all later calls return an
// error; the caller should close the connection, or let Read find what is left
// of it. ErrClosed is returned once the connection is closing.
func (c *Conn) Write(frames ...Frame) error {
	c.writing.take()
	err := c.writeFrames(frames)
	c.release()
	return err
}

func (c *Conn) writeFrames(frames []Frame) error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.closing.Load() {
		return ErrClosed
	}
	b := c.newBatch()
	defer b.free()
	for i := range frames {
		if err := c.add(b, &frames[i]); err != nil {
			return err
		}
	}
	return c.flush(b)
}

// newBatch returns a batch with what is still to be sent: nothing, as a rule. It is
// called with the right to write.
func (c *Conn) newBatch() *batch {
	b := batches.Get().(*batch)
	b.buf = append(b.buf, c.unsent...)
	c.unsent = nil
	return b
}

// add copies a frame that is not to be compressed into the batch.
func (b *batch) add(f *Frame) {
	b.header(f.op(), len(f.Prefix)+len(f.Payload))
	b.buf = append(b.buf, f.Prefix...)
	b.buf = append(b.buf, f.Payload...)
}

// op returns the first byte of the frame.
func (f *Frame) op() byte {
	if f.Binary {
		return final | opBinary
	}
	return final | opText
}

// add puts one frame into the batch, and writes the batch whenever it is large.
func (c *Conn) add(b *batch, f *Frame) error {
	op := f.op()
	if f.Compress && c.compressed {
		if body, ok := f.deflated(); ok {
			b.header(op|rsv1, len(body))
			return c.addBody(b, body)
		}
	}
	b.header(op, len(f.Prefix)+len(f.Payload))
	b.buf = append(b.buf, f.Prefix...)
	return c.addBody(b, f.Payload)
}

func (b *batch) header(first byte, length int) {
	switch {
	case length < 126:
		b.buf = append(b.buf, first, byte(length))
	case length < 1<<16:
		b.buf = append(b.buf, first, 126)
		b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(length))
	default:
		b.buf = append(b.buf, first, 127)
		b.buf = binary.BigEndian.AppendUint64(b.buf, uint64(length))
	}
}

func (c *Conn) addBody(b *batch, body []byte) error {
	limit := copyUnvectored
	if c.vectored {
		limit = copyBelow
	}
	if len(body) <= limit {
		b.buf = append(b.buf, body...)
		if len(b.buf) < bufferAt {
			return nil
		}
		return c.flush(b)
	}
	for len(body) > 0 {
		n := min(len(body), flushAt-min(b.size, flushAt-1))
		b.cut()
		b.parts = append(b.parts, body[:n])
		b.size += n
		body = body[n:]
		if b.size < flushAt {
			continue
		}
		if err := c.flush(b); err != nil {
			return err
		}
	}
	return nil
}

// cut ends the current stretch of buf. If buf grows later, the stretch stays
// where it is.
func (b *batch) cut() {
	if stretch := b.buf[b.start:]; len(stretch) > 0 {
		b.parts = append(b.parts, stretch)
		b.size += len(stretch)
		b.start = len(b.buf)
	}
}

// flush writes the batch and empties it.
func (c *Conn) flush(b *batch) error {
	defer b.reset()
	if len(b.parts) == 0 {
		return c.send(b.buf[b.start:], nil)
	}
	b.cut()
	b.queue = b.parts
	return c.send(nil, &b.queue)
}

// send writes one or the other to the network, with the right to write.
func (c *Conn) send(buf []byte, bufs *net.Buffers) (err error) {
	if len(buf) == 0 && bufs == nil {
		return nil
	}
	if bufs != nil {
		c.armDeadline()
		_, err = bufs.WriteTo(c.wire.Conn)
	} else {
		err = c.sendBuf(buf)
	}
	if err == nil {
		return nil
	}
	return c.failed(err)
}

// sendBuf writes buf. Most often the kernel takes it at once: a deadline is set when it
// does not, for that costs as much as encoding a small message.
func (c *Conn) sendBuf(buf []byte) error {
	if c.wire.raw != nil {
		c.disarmDeadline()
		n, err := c.wire.writeNow(buf)
		if buf = buf[n:]; err != nil || len(buf) == 0 {
			return err
		}
	}
	c.armDeadline()
	_, err := c.wire.Conn.Write(buf)
	return err
}

// failed keeps the error of a write.
func (c *Conn) failed(err error) error {
	c.writeErr = err
	if isTimeout(err) {
		c.writeErr = errWriteTimeout
	}
	if c.isClosed() {
		c.writeErr = ErrClosed
	}
	return c.writeErr
}

// armDeadline starts the write timeout, unless a close has set a last one. It is called
// with the right to write.
func (c *Conn) armDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() || c.writeTimeout <= 0 && !c.armed {
		return
	}
	var deadline time.Time
	if c.writeTimeout > 0 {
		deadline = time.Now().Add(c.writeTimeout)
	}
	c.armed = c.writeTimeout > 0
	c.wire.Conn.SetWriteDeadline(deadline)
}

// disarmDeadline takes the last armDeadline back.
func (c *Conn) disarmDeadline() {
	if !c.armed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing.Load() {
		c.armed = false
		c.wire.Conn.SetWriteDeadline(time.Time{})
	}
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// control writes a control frame, with the right to write. The payload is cut to
// the 125 bytes that it may have.
func (c *Conn) control(op byte, payload []byte) error {
	if c.writeErr != nil {
		return c.writeErr
	}
	payload = payload[:min(len(payload), 125)]
	b := c.newBatch()
	defer b.free()
	b.header(final|op, len(payload))
	b.buf = append(b.buf, payload...)
	return c.flush(b)
}

// sendClose is called by whoever began the close.
func (c *Conn) sendClose(code int, reason string) error {
	var payload []byte
	if code != CodeNoStatus {
		payload = binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code))
		payload = append(payload, cutReason(reason)...)
	}
	c.writing.take()
	err := c.control(opClose, payload)
	c.writing.give()
	return err
}

// cutReason shortens a reason to what fits, at the border of a character.
func cutReason(reason string) string {
	const most = 123
	if len(reason) <= most {
		return reason
	}
	end := most
	for end > 0 && reason[end]&0xc0 == 0x80 {
		end--
	}
	return reason[:end]
}

// tryLimit is the size in bytes of the largest write of TryWrite. What the kernel does
// not take of that has to be kept.
const tryLimit = 64 << 10

// CanTry reports whether TryWrite takes anything.
func (c *Conn) CanTry() bool { return c.wire.raw != nil }

// TryWrite is Write for who must not wait. It reports whether it has taken the frames,
// which it does unless they are large, are to be compressed, or somebody else is
// writing; and whether they were sent. If not, they, or what is left of them, or a pong
// behind them, go before the next frame: Write without frames sends them. Only TCP and unix connections take
// anything.
func (c *Conn) TryWrite(frames ...Frame) (taken, sent bool, err error) {
	if !c.CanTry() || !c.triable(frames) {
		return false, false, nil
	}
	if !c.writing.try() {
		return false, false, nil
	}
	sent, err = c.tryFrames(frames)
	return true, c.releaseNow() && sent, err
}

// releaseNow is release for who must not wait. It reports false if a pong has become due:
// the next Write sends it.
func (c *Conn) releaseNow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing.give()
	return c.pong == nil || c.closing.Load()
}

func (c *Conn) triable(frames []Frame) bool {
	size := 0
	for i := range frames {
		f := &frames[i]
		if size += len(f.Prefix) + len(f.Payload); size > tryLimit || f.Compress && c.compressed {
			return false
		}
	}
	return true
}

func (c *Conn) tryFrames(frames []Frame) (sent bool, err error) {
	if c.writeErr != nil {
		return true, c.writeErr
	}
	if c.closing.Load() {
		return true, ErrClosed
	}
	b := c.newBatch()
	defer b.free()
	for i := range frames {
		b.add(&frames[i])
	}
	c.disarmDeadline()
	n, err := c.wire.writeNow(b.buf)
	if err != nil {
		return true, c.failed(err)
	}
	if n < len(b.buf) {
		c.unsent = append([]byte(nil), b.buf[n:]...)
	}
	return n == len(b.buf), nil
}

// answerPing is called by gorilla, with the right to read. If another goroutine
// is writing, it is left the pong: the reader must go on, because the peer may
// read nothing until it has written everything. Only the latest ping is
// answered then (RFC 6455, section 5.5.3), so that a flood of pings piles up
// nothing.
func (c *Conn) answerPing(data string) error {
	c.mu.Lock()
	if c.closing.Load() {
		c.mu.Unlock()
		return nil
	}
	mine := c.writing.try()
	if !mine && !c.handover {
		c.pong = []byte(data)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	if !mine {
		// The writer writes a last pong and then lets go: wait for it, or a
		// flood would keep it here for ever.
		c.writing.take()
	}
	defer c.release()
	if c.closing.Load() { // nothing may follow a close frame
		return nil
	}
	return c.control(opPong, []byte(data))
}

// release gives up the right to write, after the pong that has become due.
func (c *Conn) release() {
	c.mu.Lock()
	pong := c.pong
	c.pong = nil
	if pong == nil || c.closing.Load() {
		c.writing.give()
		c.mu.Unlock()
		return
	}
	c.handover = true
	c.mu.Unlock()
	c.control(opPong, pong) // an error is kept for the next write
	c.mu.Lock()
	c.handover = false
	c.writing.give()
	c.mu.Unlock()
}
