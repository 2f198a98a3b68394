// Package eioclient is an Engine.IO client, protocol 4: one connection over
// long-polling or websocket, with the upgrade from one to the other.
//
// An idle connection has one goroutine, which reads, and one timer. A writer exists
// while there is something to write.
package eioclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
)

// Message is what Send takes. Its Data is not copied, and must not be changed.
type Message struct {
	Data       []byte
	Binary     bool
	NoCompress bool
}

// Handler is told what comes. Its methods are never called concurrently. While one
// runs, nothing more is read.
type Handler interface {
	// OnMessage gets a message. It owns data.
	OnMessage(data []byte, binary bool)
	// OnUpgrade is called when the connection has moved to another transport.
	OnUpgrade(transport string)
	// OnPing is called when the server sent a ping; the answer is on its way.
	OnPing()
	// OnClose is the last call, once. Reason is one of the constants; err says more,
	// if there is more.
	OnClose(reason string, err error)
}

// Conn is a connection. All methods may be called concurrently.
type Conn struct {
	opts    *Options
	url     url.URL // http or https
	client  *http.Client
	own     *http.Transport // of client; nil if the user gave it
	hs      handshake
	first   *packet.PayloadReader // what came along with the handshake
	handler Handler               // set by Start

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines; raised under mu, unless closed
	done   chan struct{}

	mu        sync.Mutex // guards what follows
	changed   *sync.Cond // any of it
	state     state
	started   bool
	forced    bool // Close has said goodbye: how the server takes it does not matter
	tr        transport
	queue     []outgoing
	messages  int         // in queue or being written, pongs not counted
	bytes     int         // of those
	writing   bool        // the writer runs
	upgrading bool        // from the first attempt until it is over
	draining  bool        // the reader of the polling transport is to end
	paused    bool        // nothing is posted any more
	polling   bool        // the reader of the polling transport runs
	ponging   bool        // a pong is in the queue
	pings     uint64      // the last one of a websocket that was sent, see Arrived
	pongs     uint64      // the last one that was answered
	deadline  time.Time   // of the next ping, by the wall clock
	timer     *time.Timer // of the next ping
	failing   *time.Timer // of the reader, if nothing can be written any more
	reason    string
	err       error
}

type state int

const (
	open state = iota
	closing
	closed
)

// outgoing is a packet in the queue.
type outgoing struct {
	packet.Packet
	noCompress bool
}

func (o outgoing) isPong() bool { return o.Type == packet.Pong }

// transport is what a Conn writes to. Reading is different for each.
type transport interface {
	name() string
	// write sends packets, and returns when the server or the kernel has them.
	write(batch []outgoing) *Error
	// bye tells the server that this is the end.
	bye(ctx context.Context) error
	// abort ends what blocks.
	abort()
}

// handshake is the content of the open packet.
type handshake struct {
	SID          string
	Upgrades     []string
	PingInterval int64 // ms
	PingTimeout  int64 // ms
	MaxPayload   int64 // bytes of a POST; 0: unknown
}

const (
	maxSID  = 1 << 10 // bytes
	maxPing = 1 << 31 // ms
)

func (h *handshake) parse(p packet.Packet) error {
	if p.Type != packet.Open || p.Binary {
		return fmt.Errorf("%w: it begins with a packet of type %s", ErrHandshake, p.Type)
	}
	if err := json.Unmarshal(p.Data, h); err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if h.SID == "" || len(h.SID) > maxSID {
		return fmt.Errorf("%w: no usable sid", ErrHandshake)
	}
	if h.PingInterval <= 0 || h.PingTimeout <= 0 {
		return fmt.Errorf("%w: pingInterval %d, pingTimeout %d", ErrHandshake, h.PingInterval, h.PingTimeout)
	}
	h.PingInterval, h.PingTimeout = min(h.PingInterval, maxPing), min(h.PingTimeout, maxPing)
	return nil
}

// greet takes the open packet.
func (c *Conn) greet(p packet.Packet) error {
	var hs handshake
	if err := hs.parse(p); err != nil {
		return err
	}
	c.hs = hs
	return nil
}

// patience is how long the server may be silent.
func (h *handshake) patience() time.Duration {
	return time.Duration(h.PingInterval+h.PingTimeout) * time.Millisecond
}

// Dial opens a connection to u, whose path and query are kept. It blocks until the
// handshake is done, has failed (usually with an [*Error]), or ctx ends, which has no
// meaning afterwards. Nothing is read before Start is called.
func Dial(ctx context.Context, u *url.URL, o *Options) (*Conn, error) {
	c := &Conn{opts: o.withDefaults(), url: *u, done: make(chan struct{})}
	c.changed = sync.NewCond(&c.mu)
	switch u.Scheme {
	case "ws":
		c.url.Scheme = "http"
	case "wss":
		c.url.Scheme = "https"
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.openAny(ctx); err != nil {
		c.cancel()
		c.releaseClient()
		return nil, err
	}
	return c, nil
}

// openAny tries the transports, and returns the errors of all of them.
func (c *Conn) openAny(ctx context.Context) error {
	var failed error
	for _, name := range c.opts.candidates() {
		err := c.open(ctx, name)
		switch {
		case err == nil:
			return nil
		case hasEnded(ctx):
			return context.Cause(ctx)
		case failed == nil:
			failed = err
		default:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	if failed == nil {
		return errTransports
	}
	return failed
}

// hasEnded reports whether ctx has ended. Network connections that were given its
// deadline may notice a moment before it does.
func hasEnded(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

func (c *Conn) open(ctx context.Context, name string) error {
	switch name {
	case Polling:
		return c.openPolling(ctx)
	case WebSocket:
		return c.openWebSocket(ctx)
	}
	return errTransports
}

// Start begins to read. It must be called once, or Close.
func (c *Conn) Start(h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closed || c.started {
		return
	}
	c.started, c.handler = true, h
	c.deadline = c.nextDeadline()
	c.timer = time.AfterFunc(c.hs.patience(), c.silent)
	first := c.first
	c.first = nil
	switch tr := c.tr.(type) {
	case *polling:
		c.polling = true
		c.upgrading = c.canUpgrade()
		c.goLocked(func() { c.readPolls(tr, first) })
		if c.upgrading {
			c.goLocked(c.upgrade)
		}
	case *socket:
		c.goLocked(func() { c.readSocket(tr) })
	}
	c.writeLocked()
}

func (c *Conn) canUpgrade() bool {
	return !c.opts.DisableUpgrade && slices.Contains(c.opts.Transports, WebSocket) && slices.Contains(c.hs.Upgrades, WebSocket)
}

// goLocked starts a goroutine of the connection.
func (c *Conn) goLocked(f func()) {
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		f()
	}()
}

// SID returns the id of the session. Whoever knows it can take part in the session.
func (c *Conn) SID() string { return c.hs.SID }

// MaxPayload returns how many bytes the server takes in one message; 0 if it did not say.
func (c *Conn) MaxPayload() int64 { return c.hs.MaxPayload }

// Transport returns the name of the transport.
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tr.name()
}

// Writable reports whether what is sent now leaves at once.
func (c *Conn) Writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == open && c.started && !c.paused && !c.writing && len(c.queue) == 0
}

// Closing returns a channel that is closed when the connection has ended; the
// handler's OnClose follows.
func (c *Conn) Closing() <-chan struct{} { return c.ctx.Done() }

// Done returns a channel that is closed when OnClose has returned and all goroutines
// have ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Send queues messages, which stay together. It does not block. It returns ErrClosed
// or ErrQueueFull, and has queued none of them then.
func (c *Conn) Send(messages ...Message) error {
	size := 0
	for _, m := range messages {
		size += len(m.Data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state != open:
		return ErrClosed
	case over(c.messages, len(messages), c.opts.MaxQueueMessages), over(c.bytes, size, c.opts.MaxQueueBytes):
		return ErrQueueFull
	}
	for _, m := range messages {
		c.queue = append(c.queue, outgoing{packet.Packet{Type: packet.Message, Data: m.Data, Binary: m.Binary}, m.NoCompress})
	}
	c.messages += len(messages)
	c.bytes += size
	c.writeLocked()
	return nil
}

// over reports whether more does not fit into a queue. What is larger than the limit
// by itself fits into an empty one.
func over(used, more, limit int) bool { return limit > 0 && used > 0 && used+more > limit }

// writeLocked starts the writer, if it has something to do.
func (c *Conn) writeLocked() {
	if !c.writing && !c.paused && c.started && c.state != closed && len(c.queue) > 0 {
		c.writing = true
		c.goLocked(c.write)
	}
}

// write is the writer.
func (c *Conn) write() {
	for {
		tr, batch := c.nextBatch()
		if batch == nil {
			return
		}
		if err := tr.write(batch); err != nil {
			c.cannotWrite(err)
			return // and stays the writer, so that there is no other
		}
		c.written(batch)
	}
}

// lastWords is how long the reader may go on when the server takes no more.
const lastWords = time.Second

// cannotWrite ends the connection. If it looks as if the server had ended it before,
// what it said last may be on its way: the reader gets the time to find it, and to
// tell the reason.
func (c *Conn) cannotWrite(err *Error) {
	if err.Transport == Polling && err.Status != http.StatusBadRequest {
		c.end(ReasonTransportError, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != closed {
		c.failing = time.AfterFunc(lastWords, func() { c.end(ReasonTransportError, err) })
	}
}

// nextBatch takes what is to be written next. It returns nil if that is nothing, and
// the writer has to end.
func (c *Conn) nextBatch() (transport, []outgoing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused || c.state == closed || len(c.queue) == 0 {
		c.writing = false
		c.changed.Broadcast()
		return nil, nil
	}
	n := len(c.queue)
	if _, polls := c.tr.(*polling); polls && c.hs.MaxPayload > 0 {
		n = fitting(c.queue, c.hs.MaxPayload)
	}
	batch := c.queue[:n:n]
	if c.queue = c.queue[n:]; len(c.queue) == 0 {
		c.queue = nil
	}
	c.ponging = c.ponging && slices.ContainsFunc(c.queue, outgoing.isPong)
	return c.tr, batch
}

// fitting returns how many packets go into one POST, counted as the reference client
// does. One that is too large by itself is sent all the same, for the server to refuse.
func fitting(queue []outgoing, maxPayload int64) int {
	size := int64(1)
	for i, p := range queue {
		if p.Binary {
			size += (int64(len(p.Data))*133 + 99) / 100 // base64
		} else {
			size += int64(len(p.Data))
		}
		if i > 0 && size > maxPayload {
			return i
		}
		size += 2 // the separator, and the type of the next
	}
	return len(queue)
}

func (c *Conn) written(batch []outgoing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range batch {
		if p.Type == packet.Message {
			c.messages--
			c.bytes -= len(p.Data)
		}
	}
}

// handle deals with a packet. It reports false if nothing more is to be read.
func (c *Conn) handle(p packet.Packet) bool {
	if c.ctx.Err() != nil {
		return false
	}
	switch p.Type {
	case packet.Message:
		c.handler.OnMessage(p.Data, p.Binary)
	case packet.Ping:
		c.pong()
		c.handler.OnPing()
	case packet.Close:
		c.end(ReasonTransportClose, nil)
		return false
	}
	return true // others mean nothing once the connection is open
}

// pong answers a ping. One answer waits at most, whatever the server sends.
func (c *Conn) pong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closed {
		return
	}
	c.deadline = c.nextDeadline()
	c.timer.Reset(c.hs.patience())
	if !c.ponging {
		c.ponging = true
		c.queue = append(c.queue, outgoing{Packet: packet.Packet{Type: packet.Pong}})
	}
	c.writeLocked()
}

// nextDeadline returns until when the next ping must come. It is a time of the wall
// clock, since the other one may stand still while the machine sleeps.
func (c *Conn) nextDeadline() time.Time { return time.Now().Round(0).Add(c.hs.patience()) }

// silent is called when no ping came in time.
func (c *Conn) silent() { c.end(ReasonPingTimeout, errPing) }

// PingExpired reports whether no ping came in time, although the timer may not have
// noticed: that of a machine that was asleep runs late. The connection is closed then.
func (c *Conn) PingExpired() bool {
	c.mu.Lock()
	expired := c.started && c.state != closed && time.Now().After(c.deadline)
	c.mu.Unlock()
	if expired {
		c.end(ReasonPingTimeout, errPing)
	}
	return expired
}
