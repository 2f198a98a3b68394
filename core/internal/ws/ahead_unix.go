//go:build unix

package ws

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// rawConn returns the connection as the system knows it, if reading from it is that
// simple.
func rawConn(conn net.Conn) syscall.RawConn {
	var c syscall.Conn
	switch conn := conn.(type) {
	case *net.TCPConn:
		c = conn
	case *net.UnixConn:
		c = conn
	default: // TLS and other layers have buffers of their own
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil { // closed
		return nil
	}
	return raw
}

// readNow reads what is there into a borrowed buffer. It reports false, and keeps no
// buffer, if there is nothing.
func (w *wire) readNow(fd uintptr) bool {
	buf := w.lent
	if buf == nil {
		buf = aheads.Get().(*[aheadSize]byte)
	}
	n, err := sysRead(fd, buf[:])
	if err == nil && n > 0 {
		w.ahead, w.lent = buf[:n], buf
		return true
	}
	aheads.Put(buf)
	w.lent = nil
	switch {
	case err == syscall.EAGAIN:
		w.waited = w.waits
		if w.waits {
			return false
		}
		w.readErr = errWaits
	case err == nil:
		w.readErr = io.EOF
	default:
		w.readErr = &net.OpError{Op: "read", Net: "tcp", Err: err}
	}
	return true
}

// attempt is a write that does not wait.
type attempt struct {
	p   []byte
	n   int
	err error
	do  func(fd uintptr) bool // once, made once
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.do = a.once
	return a
}}

func (a *attempt) once(fd uintptr) bool {
	n, err := sysWrite(fd, a.p)
	switch {
	case err == nil:
		a.n = n
	case err != syscall.EAGAIN:
		a.err = &net.OpError{Op: "write", Net: "tcp", Err: err}
	}
	return true
}

// writeNow writes what the kernel takes of p at once. It is called with the right to
// write.
func (w *wire) writeNow(p []byte) (n int, err error) {
	a := attempts.Get().(*attempt)
	a.p, a.n, a.err = p, 0, nil
	if err = w.raw.Write(a.do); err == nil {
		err = a.err
	}
	n, a.p, a.err = a.n, nil, nil
	attempts.Put(a)
	return n, err
}
