//go:build unix

package ws

import (
	"io"
	"net"
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
	n, err := ignoringEINTR(int(fd), buf[:])
	if err == nil && n > 0 {
		w.ahead, w.lent = buf[:n], buf
		return true
	}
	aheads.Put(buf)
	w.lent = nil
	switch {
	case err == syscall.EAGAIN:
		return false
	case err == nil:
		w.readErr = io.EOF
	default:
		w.readErr = &net.OpError{Op: "read", Net: "tcp", Err: err}
	}
	return true
}

func ignoringEINTR(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
