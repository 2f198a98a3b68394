package ws

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// CanPark says whether connections can be parked on this system.
const CanPark = true

// Parker waits for data on behalf of connections whose readers have gone: one
// goroutine, and one epoll instance, for all of them. Its zero value is ready to use;
// all methods may be called concurrently.
type Parker struct {
	mu      sync.Mutex
	fd      int      // the epoll instance
	poll    *os.File // of fd, which the runtime watches in its own; nil at first
	raw     syscall.RawConn
	broken  bool // there will be no poll
	running bool // the goroutine is
	last    uint64
	parked  map[uint64]*Conn
	events  []syscall.EpollEvent // of the goroutine
}

// mostEvents is how many events the kernel tells at a time.
const mostEvents = 256

// Park calls wake, once and on another goroutine, as soon as there is something to
// read from c or c has ended. It reports false if that cannot be done; then the caller
// has to go on reading. It must be called by the reader after ErrIdle. Whoever closes c must call
// Unpark.
func (p *Parker) Park(c *Conn, wake func()) bool {
	if !c.reading.try() { // it is being closed
		return false
	}
	defer c.reading.give()
	if !c.silent() {
		return false
	}
	c.spare = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.openLocked() {
		return false
	}
	p.last++
	c.parkedAs, c.wake = p.last, wake
	p.parked[p.last] = c
	if c.watch(p) != nil { // it is closed
		delete(p.parked, p.last)
		return false
	}
	if !p.running {
		p.running = true
		go p.run()
	}
	return true
}

// openLocked makes the epoll instance. Where there is none to be had, connections are
// not parked.
func (p *Parker) openLocked() bool {
	if p.poll != nil || p.broken {
		return !p.broken
	}
	p.broken = true
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	if syscall.SetNonblock(fd, true) != nil {
		syscall.Close(fd)
		return false
	}
	p.fd, p.poll = fd, os.NewFile(uintptr(fd), "epoll")
	if p.raw, err = p.poll.SyscallConn(); err != nil {
		return false
	}
	if p.poll.SetReadDeadline(time.Time{}) != nil {
		return false // the runtime does not watch it
	}
	p.parked = make(map[uint64]*Conn)
	p.events = make([]syscall.EpollEvent, mostEvents)
	p.broken = false
	return true
}

// watch asks the kernel to tell once that there is something to read, or was before.
// It is called with p locked.
func (c *Conn) watch(p *Parker) error {
	op := syscall.EPOLL_CTL_MOD
	if !c.watched {
		op = syscall.EPOLL_CTL_ADD
	}
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT,
		Fd:     int32(uint32(c.parkedAs)), Pad: int32(uint32(c.parkedAs >> 32)),
	}
	var err error
	if controlErr := c.wire.raw.Control(func(fd uintptr) {
		err = syscall.EpollCtl(p.fd, op, int(fd), &event)
	}); controlErr != nil {
		return controlErr
	}
	c.watched = c.watched || err == nil
	return err
}

// Unpark forgets a connection that is being closed. It does nothing if c is not
// parked.
func (p *Parker) Unpark(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parked[c.parkedAs] != c {
		return
	}
	delete(p.parked, c.parkedAs)
	if len(p.parked) == 0 {
		p.poll.SetReadDeadline(past) // nobody is left to run for
	}
}

// run wakes connections until none is parked.
func (p *Parker) run() {
	n := 0
	wait := func(fd uintptr) bool {
		var err error
		n, err = syscall.EpollWait(int(fd), p.events, 0)
		return n > 0 || err != nil && err != syscall.EINTR
	}
	var woken []func()
	for {
		n = 0
		err := p.raw.Read(wait)
		p.mu.Lock()
		switch {
		case isTimeout(err): // see Unpark
			p.poll.SetReadDeadline(time.Time{})
		case err != nil || n < 0: // not known to happen; the readers find out the rest
			p.broken = true
			for id, c := range p.parked {
				delete(p.parked, id)
				woken = append(woken, c.wake)
			}
		}
		for _, e := range p.events[:max(n, 0)] {
			id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
			if c := p.parked[id]; c != nil {
				delete(p.parked, id)
				woken = append(woken, c.wake)
			}
		}
		done := len(p.parked) == 0
		p.running = !done
		p.mu.Unlock()
		for _, wake := range woken {
			wake()
		}
		clear(woken)
		woken = woken[:0]
		if done {
			return
		}
	}
}
