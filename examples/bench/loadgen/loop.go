//go:build linux

// Event loop of the load generator: one OS thread, one epoll set, raw
// non-blocking sockets, no goroutine per connection, no allocation on the
// hot path. It speaks WebSocket (RFC 6455, client side) and the little of
// HTTP/1.1 that Engine.IO long-polling needs.
package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
	"unsafe"
)

const (
	stConnecting = iota // TCP connect under way
	stHTTP              // HTTP/1.1, request/response
	stUpgrading         // GET with Upgrade sent, 101 expected
	stWS                // WebSocket frames
	stDead
)

const (
	opCont  = 0
	opText  = 1
	opBin   = 2
	opClose = 8
	opPing  = 9
	opPong  = 10
)

const (
	epollIn     = 0x1
	epollOut    = 0x4
	epollErr    = 0x8
	epollHup    = 0x10
	epollRdhup  = 0x2000
	ipBindNoPrt = 24 // IP_BIND_ADDRESS_NO_PORT

	sysEpollPwait2        = 441 // nanosecond timeout
	prSetTimerSlack       = 29
	timerSlackNs          = 1000
	tickEvery       int64 = 5e6
)

// handler receives what happens on one connection.
type handler interface {
	onUpgraded(c *conn)
	onText(c *conn, p []byte)
	onBinary(c *conn, p []byte)
	onHTTP(c *conn, status int, body []byte)
	onClosed(c *conn, err error) // peer closed, or the connection failed
}

type loop struct {
	ep       int
	events   []syscall.EpollEvent
	conns    []*conn
	free     []int32
	rbuf     []byte
	base     time.Time
	now      int64
	busyNs   int64
	rng      uint64
	addr     syscall.SockaddrInet4
	host     string // Host header
	srcN     int
	srcNext  int
	live     int
	spin     bool
	maxWait  int          // epoll timeout, ms
	nextDue  func() int64 // open loop: when the next message is due
	bytesIn  uint64
	bytesOut uint64
	reads    uint64
	writes   uint64
}

func newLoop(ip [4]byte, port int, host string, srcN int, spin bool) (*loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &loop{
		ep: ep, events: make([]syscall.EpollEvent, 1024), rbuf: make([]byte, 1<<20),
		base: time.Now(), rng: uint64(time.Now().UnixNano()) | 1, host: host, srcN: srcN,
		spin: spin, maxWait: 10,
	}
	l.addr.Port = port
	l.addr.Addr = ip
	return l, nil
}

func (l *loop) clock() int64 {
	l.now = int64(time.Since(l.base))
	return l.now
}

func (l *loop) rand() uint64 {
	x := l.rng
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	l.rng = x
	return x
}

func (l *loop) ctl(op int, c *conn, ev uint32) error {
	e := syscall.EpollEvent{Events: ev, Fd: c.idx, Pad: c.gen}
	return syscall.EpollCtl(l.ep, op, c.fd, &e)
}

// dial starts a connection. With ws it becomes a WebSocket on wsPath.
func (l *loop) dial(h handler, wsPath string) (*conn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if l.srcN > 0 && l.addr.Addr[0] == 127 {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindNoPrt, 1)
		var src syscall.SockaddrInet4
		src.Addr = [4]byte{127, 0, 0, byte(2 + l.srcNext%l.srcN)}
		l.srcNext++
		if err := syscall.Bind(fd, &src); err != nil {
			syscall.Close(fd)
			return nil, fmt.Errorf("bind: %w", err)
		}
	}
	c := &conn{lp: l, h: h, fd: fd, st: stConnecting, ws: wsPath != ""}
	if n := len(l.free); n > 0 {
		c.idx = l.free[n-1]
		l.free = l.free[:n-1]
		c.gen = l.conns[c.idx].gen + 1
		l.conns[c.idx] = c
	} else {
		c.idx = int32(len(l.conns))
		l.conns = append(l.conns, c)
	}
	l.live++
	c.dialAt = l.clock()
	err = syscall.Connect(fd, &l.addr)
	if err != nil && err != syscall.EINPROGRESS {
		c.kill()
		return nil, fmt.Errorf("connect: %w", err)
	}
	c.outArmed = true
	if err := l.ctl(syscall.EPOLL_CTL_ADD, c, epollIn|epollOut|epollRdhup); err != nil {
		c.kill()
		return nil, err
	}
	if c.ws {
		var raw [16]byte
		binary.LittleEndian.PutUint64(raw[:], l.rand())
		binary.LittleEndian.PutUint64(raw[8:], l.rand())
		var key [24]byte
		base64.StdEncoding.Encode(key[:], raw[:])
		var cat [60]byte
		copy(cat[:], key[:])
		copy(cat[24:], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
		sum := sha1.Sum(cat[:])
		base64.StdEncoding.Encode(c.accept[:], sum[:])
		c.out = append(c.out, "GET "...)
		c.out = append(c.out, wsPath...)
		c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
		c.out = append(c.out, l.host...)
		c.out = append(c.out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
		c.out = append(c.out, key[:]...)
		c.out = append(c.out, "\r\n\r\n"...)
	}
	return c, nil
}

// run turns the loop until done says so; tick is called about every 5 ms
// (every turn in an open loop).
func (l *loop) run(tick func() bool) {
	var nextTick int64
	for {
		timeout := l.maxWait
		if l.spin {
			timeout = 0
		}
		n, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
		if n == 0 && timeout > 0 && l.nextDue != nil {
			d := l.nextDue() - l.clock()
			ts := syscall.NsecToTimespec(min(max(d, 1), 1e7))
			if d > 2000 {
				n, _, e = syscall.Syscall6(sysEpollPwait2, uintptr(l.ep), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
			}
		} else if n == 0 && timeout > 0 {
			n, _, e = syscall.Syscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), uintptr(timeout), 0, 0)
		}
		if e != 0 {
			n = 0
		}
		start := l.clock()
		for i := 0; i < int(n); i++ {
			ev := &l.events[i]
			c := l.conns[ev.Fd]
			if c.gen != ev.Pad || c.st == stDead {
				continue
			}
			l.handle(c, ev.Events)
		}
		if n > 0 {
			l.busyNs += l.clock() - start
		}
		if l.now >= nextTick || l.nextDue != nil {
			if tick() {
				return
			}
			nextTick = l.now + tickEvery
		}
	}
}

func (l *loop) handle(c *conn, ev uint32) {
	if c.st == stConnecting {
		if ev&(epollOut|epollErr|epollHup) == 0 {
			return
		}
		if v, err := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR); err != nil || v != 0 {
			if v != 0 {
				err = syscall.Errno(v)
			}
			c.fail(fmt.Errorf("connect: %w", err))
			return
		}
		c.st = stHTTP
		if c.ws {
			c.st = stUpgrading
		}
		c.flush()
		if c.st != stDead && c.outArmed && len(c.out) == 0 {
			c.outArmed = false
			l.ctl(syscall.EPOLL_CTL_MOD, c, epollIn|epollRdhup)
		}
		return
	}
	if ev&epollOut != 0 {
		c.flush()
		if c.st == stDead {
			return
		}
	}
	if ev&(epollIn|epollRdhup|epollHup|epollErr) == 0 {
		return
	}
	have := copy(l.rbuf, c.part)
	c.part = c.part[:0]
	for {
		b := l.rbuf[have:]
		n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
		l.reads++
		if e == syscall.EINTR {
			continue
		}
		if e == syscall.EAGAIN {
			break
		}
		if e != 0 {
			c.fail(fmt.Errorf("read: %w", e))
			return
		}
		if n == 0 {
			c.fail(io.EOF)
			return
		}
		l.bytesIn += uint64(n)
		have += int(n)
		l.clock()
		used, err := c.consume(l.rbuf[:have])
		if err != nil {
			c.fail(err)
			return
		}
		if c.st == stDead {
			return
		}
		if used > 0 {
			have = copy(l.rbuf, l.rbuf[used:have])
		}
		if int(n) < len(b) {
			break
		}
		if have == len(l.rbuf) {
			c.fail(errors.New("message larger than the read buffer"))
			return
		}
	}
	if have > 0 {
		c.part = append(c.part[:0], l.rbuf[:have]...)
	}
	c.flush()
}
