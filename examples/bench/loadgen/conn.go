//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"syscall"
	"unsafe"
)

type conn struct {
	lp       *loop
	h        handler
	fd       int
	idx      int32
	gen      int32
	st       uint8
	ws       bool // becomes a WebSocket when connected
	outArmed bool
	fragging bool
	fragOp   byte
	httpGone bool // the server said Connection: close
	out      []byte
	outOff   int
	part     []byte
	frag     []byte
	accept   [28]byte
	dialAt   int64
}

// kill closes the socket without telling the handler.
func (c *conn) kill() {
	if c.st == stDead {
		return
	}
	c.st = stDead
	syscall.Close(c.fd)
	c.fd = -1
	c.lp.live--
	c.lp.free = append(c.lp.free, c.idx)
	c.part, c.frag, c.out = nil, nil, nil
}

func (c *conn) fail(err error) {
	if c.st == stDead {
		return
	}
	c.kill()
	c.h.onClosed(c, err)
}

// frame appends one masked client frame to the output buffer.
func (c *conn) frame(op byte, p []byte) {
	key := uint32(c.lp.rand() >> 16)
	if key == 0 {
		key = 0x5a17c3e9
	}
	n := len(p)
	o := c.out
	o = append(o, 0x80|op)
	switch {
	case n < 126:
		o = append(o, 0x80|byte(n))
	case n < 65536:
		o = append(o, 0x80|126, byte(n>>8), byte(n))
	default:
		o = append(o, 0x80|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	o = binary.LittleEndian.AppendUint32(o, key)
	at := len(o)
	o = append(o, p...)
	d := o[at:]
	k64 := uint64(key) | uint64(key)<<32
	for len(d) >= 8 {
		binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(d)^k64)
		d = d[8:]
	}
	for i := range d {
		d[i] ^= byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	c.out = o
}

func (c *conn) text(p []byte) { c.frame(opText, p) }

// flush writes what is queued; what does not fit waits for EPOLLOUT.
func (c *conn) flush() {
	if c.st == stConnecting || c.st == stDead || c.outOff == len(c.out) {
		return
	}
	for c.outOff < len(c.out) {
		b := c.out[c.outOff:]
		n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
		c.lp.writes++
		if e == syscall.EINTR {
			continue
		}
		if e == syscall.EAGAIN {
			if !c.outArmed {
				c.outArmed = true
				c.lp.ctl(syscall.EPOLL_CTL_MOD, c, epollIn|epollOut|epollRdhup)
			}
			return
		}
		if e != 0 {
			c.fail(fmt.Errorf("write: %w", e))
			return
		}
		c.lp.bytesOut += uint64(n)
		c.outOff += int(n)
	}
	c.out = c.out[:0]
	c.outOff = 0
	if c.outArmed {
		c.outArmed = false
		c.lp.ctl(syscall.EPOLL_CTL_MOD, c, epollIn|epollRdhup)
	}
}

// consume takes whole frames or responses off b and returns how much it used.
func (c *conn) consume(b []byte) (int, error) {
	used := 0
	for c.st != stDead {
		p := b[used:]
		if len(p) == 0 {
			break
		}
		switch c.st {
		case stHTTP, stUpgrading:
			n, status, body, hdr, err := parseResponse(p)
			if err != nil {
				return used, err
			}
			if n == 0 {
				return used, nil
			}
			used += n
			if c.st == stUpgrading {
				if status != 101 {
					return used, fmt.Errorf("upgrade refused: HTTP %d %q", status, clip(body))
				}
				if !bytes.Equal(hdr.accept, c.accept[:]) {
					return used, errors.New("wrong Sec-WebSocket-Accept")
				}
				if hdr.extensions {
					return used, errors.New("the server negotiated an extension that was not offered")
				}
				c.st = stWS
				c.h.onUpgraded(c)
				continue
			}
			c.httpGone = hdr.close
			c.h.onHTTP(c, status, body)
		case stWS:
			n, err := c.consumeFrame(p)
			if err != nil || n == 0 {
				return used, err
			}
			used += n
		default:
			return used, nil
		}
	}
	return used, nil
}

func (c *conn) consumeFrame(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, nil
	}
	fin, op := p[0]&0x80 != 0, p[0]&0x0f
	if p[0]&0x70 != 0 {
		return 0, errors.New("reserved bits set in a frame")
	}
	if p[1]&0x80 != 0 {
		return 0, errors.New("masked frame from a server")
	}
	n, h := int(p[1]), 2
	switch n {
	case 126:
		if len(p) < 4 {
			return 0, nil
		}
		n, h = int(binary.BigEndian.Uint16(p[2:])), 4
	case 127:
		if len(p) < 10 {
			return 0, nil
		}
		n, h = int(binary.BigEndian.Uint64(p[2:])), 10
	}
	if n < 0 || n > len(c.lp.rbuf)-16 {
		return 0, errors.New("frame too large")
	}
	if len(p) < h+n {
		return 0, nil
	}
	body := p[h : h+n]
	switch op {
	case opText, opBin:
		if c.fragging {
			return 0, errors.New("new message inside a fragmented one")
		}
		if !fin {
			c.fragging, c.fragOp = true, op
			c.frag = append(c.frag[:0], body...)
			break
		}
		if op == opText {
			c.h.onText(c, body)
		} else {
			c.h.onBinary(c, body)
		}
	case opCont:
		if !c.fragging {
			return 0, errors.New("continuation without a message")
		}
		c.frag = append(c.frag, body...)
		if fin {
			c.fragging = false
			if c.fragOp == opText {
				c.h.onText(c, c.frag)
			} else {
				c.h.onBinary(c, c.frag)
			}
		}
	case opPing:
		c.frame(opPong, body)
	case opPong:
	case opClose:
		c.fail(errClosed)
	default:
		return 0, fmt.Errorf("unknown opcode %d", op)
	}
	return h + n, nil
}

var errClosed = errors.New("close frame")
