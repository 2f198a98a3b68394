package engineio

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/internal/ws"
)

const (
	closeNormal    = 1000
	closeGoingAway = 1001
)

// closeLinger is for clients that send their close frame before their last
// messages, see Session.ExpectClose.
const closeLinger = 100 * time.Millisecond

// The first bytes of message frames: the type as text, and as the byte that
// starts the binary frames of protocol 3.
var (
	messagePrefix = []byte("4")
	binaryPrefix3 = []byte{4}
)

var controlText = map[packet.Type][]byte{packet.Ping: []byte("2"), packet.Pong: []byte("3")}

// openWebSocket serves a handshake that is a websocket request.
func (s *Server) openWebSocket(q *request) {
	id, refused := s.newID(q)
	if refused != nil {
		s.refuse(q, refused)
		return
	}
	session := newSession(s, id, q)
	conn, err := s.upgradeConn(q, id)
	if err != nil {
		return
	}
	conn.SetWaiter((*waiting)(session))
	session.conn = conn
	session.queue.pushControl(packet.Open)
	if p := s.opts.InitialPacket; p != nil {
		o := &Outgoing{Data: p, Keep: true}
		session.queue.push(o, o.size())
	}
	if refused := s.register(q, session); refused != nil {
		// The 101 cannot be taken back, so the refusal can only be a close frame.
		s.report(refused)
		conn.Close(closeGoingAway, "")
		return
	}
	session.open() // starts the reader
}

// upgradeConn answers the request with 101, which goes out with what is written first; id
// is that of a new session, or empty. If it cannot, it has answered with the refusal.
func (s *Server) upgradeConn(q *request, id string) (*ws.Conn, error) {
	conn, err := s.upgrader.Upgrade(q.w, q.r, s.upgradeHeader(q, id))
	if err != nil {
		s.refuseUpgrade(q, err)
	}
	return conn, err
}

// upgradeHeader returns what a 101 carries besides that of the protocol: what middleware
// has set, and the hooks set.
func (s *Server) upgradeHeader(q *request, id string) http.Header {
	h := q.w.Header().Clone()
	if id != "" {
		s.setHandshakeHeaders(h, q.r, id)
	}
	if s.opts.OnHeaders != nil {
		s.opts.OnHeaders(h, q.r)
	}
	for _, name := range ownUpgradeHeaders {
		delete(h, name)
	}
	return h
}

var ownUpgradeHeaders = []string{"Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Upgrade"}

func (s *Server) refuseUpgrade(q *request, err error) {
	refusal := s.upgradeRefusal(q, err)
	if refusal.Status == statusNone {
		s.report(refusal)
	} else {
		s.refuse(q, refusal)
	}
}

// statusNone is the status of a request whose connection broke before it could
// be answered.
const statusNone = 0

func (s *Server) upgradeRefusal(q *request, err error) *ConnectionError {
	var bad *ws.HandshakeError
	if errors.As(err, &bad) {
		for name, values := range bad.Header {
			q.w.Header()[name] = values
		}
		e := q.refusal(codeBadRequest, "TRANSPORT_HANDSHAKE_ERROR", nil)
		e.Message, e.Status = bad.Message, bad.Status
		return e
	}
	e := q.refusal(codeBadRequest, "TRANSPORT_HANDSHAKE_ERROR", nil)
	e.Context["error"] = err.Error()
	e.Status = statusNone
	var cannot *ws.HijackError
	if errors.As(err, &cannot) {
		e.Status = http.StatusInternalServerError
		e.Context["writer"] = cannot.Writer
		e.advice = "the response writer " + cannot.Writer + " cannot be hijacked: a middleware in front of the server " +
			"(compression, timeout or logging) hides the connection; let it skip requests with an Upgrade header, " +
			"or give its writer an Unwrap method. Clients stay on polling"
	}
	return e
}

// read is the only goroutine that reads from the websocket, until it is replaced. It
// counts in Server.running.
func (s *Session) read(conn *ws.Conn, r reader) {
	var left, finish bool
	if ws.CanPark && conn.CanTry() && !s.server.opts.KeepReaders { // then readers do not stay where it is silent
		left, finish = s.readHigh(conn, r, false)
	} else {
		left, finish = s.readFrom(conn, r)
	}
	if left {
		s.endTurn()
		s.server.running.Done()
	}
	if finish {
		s.finish()
	}
}

// readHigh is readFrom higher up on the stack. The collector halves the stack of a goroutine
// that uses less than a fourth of it, and readers use little while they wait: with the next
// message it would have to grow again. For messages of 4 KiB, which keep the collector busy,
// that is 12 % of their cost. Silent sessions have no reader and no stack.
//
//go:noinline
func (s *Session) readHigh(conn *ws.Conn, r reader, never bool) (left, finish bool) {
	if never { // see growStack
		var room [3 << 9]byte
		fill(room[:])
	}
	return s.readFrom(conn, r)
}

// readFrom reads until the session ends, or its connection is parked. It reports false
// if another reader has taken over, and whether finish is left to the caller.
func (s *Session) readFrom(conn *ws.Conn, r reader) (left, finish bool) {
	for {
		if now := s.server.sweeps.Load(); s.waitsSince.Load() != now { // to store costs as much as a mutex
			s.waitsSince.Store(now)
		}
		data, binary, err := conn.Read()
		r.stopLingering(s)
		if err == ws.ErrIdle {
			if s.park(conn) {
				return true, false
			}
			continue
		}
		if err == ws.ErrClosed { // exactly: whoever closed it ends the session, and knows why
			return true, false
		}
		if err != nil {
			return true, s.ends(readReason(err), err)
		}
		p, err := s.decode(data, binary)
		if err != nil {
			return true, s.ends(ParseError, err)
		}
		switch s.receive(p) {
		case replaced:
			return false, false
		case stop:
			return true, false
		}
		if s.reusable(p.Data) {
			conn.Reuse(data)
		}
		if r.leaves(s, p) {
			s.endTurn()
			if s.park(conn) {
				return true, false
			}
		}
	}
}

// readReason maps an error of a websocket to the reason of the session's end:
// a peer that closed, with or without a close frame, or one that broke the
// protocol or its limits.
func readReason(err error) Reason {
	if e, ok := err.(*ws.CloseError); ok && !e.Remote {
		return TransportError
	}
	return TransportClose
}

func (s *Session) decode(data []byte, binary bool) (packet.Packet, error) {
	if binary {
		return packet.DecodeBinary(data, s.protocol)
	}
	return packet.DecodeText(data, s.protocol)
}

// droppingBatch bounds a batch in bytes where the rest of the queue may be dropped:
// what is being written can not.
const droppingBatch = 64 << 10

var framePool = sync.Pool{New: func() any { return new([]ws.Frame) }}

// write runs while there is something to write. Each turn takes everything that
// is queued and hands it to the connection in one batch. Only one write runs at
// a time (Session.writing).
func (s *Session) write(conn *ws.Conn) {
	defer s.server.running.Done()
	pooled := framePool.Get().(*[]ws.Frame)
	frames := *pooled
	unsent, err := s.writeUnsent(conn)
	if err == ws.ErrClosed { // see readFrom; the batch makes no room for those who wait for it
		return
	}
	batch, closing := s.nextBatch(unsent)
	for ; batch != nil; batch, closing = s.nextBatch(batch) {
		frames = s.appendFrames(frames[:0], batch, conn.Compressed())
		s.traceWritten(transportWebSocket, batch)
		err := conn.Write(frames...)
		clear(frames)
		if err == ws.ErrClosed { // as above
			return
		}
		if err != nil {
			s.end(TransportError, err)
		}
	}
	recycleFrames(pooled, frames)
	if closing {
		conn.Close(closeNormal, "")
		s.end(ForcedClose, nil)
	}
}

// writeUnsent writes what the reader could not, and returns its batch.
func (s *Session) writeUnsent(conn *ws.Conn) ([]item, error) {
	s.mu.Lock()
	batch := s.unsent
	s.unsent = nil
	s.mu.Unlock()
	if batch == nil {
		return nil, nil
	}
	err := conn.Write()
	if err != nil && err != ws.ErrClosed {
		s.end(TransportError, err)
	}
	return batch, err
}

// recycleFrames puts back what framePool had, with what it has become.
func recycleFrames(pooled *[]ws.Frame, frames []ws.Frame) {
	clear(frames)
	if cap(frames) <= maxSpare {
		*pooled = frames[:0]
		framePool.Put(pooled)
	}
}

// nextBatch releases the previous batch and returns what is queued, or nil if
// nothing is or the session has ended. A nil batch ends the writer, unless the
// session is closing: then it keeps its right to write, for the close frame.
func (s *Session) nextBatch(previous []item) (batch []item, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(previous)
	if len(s.queue.items) == 0 {
		s.writing = s.state == stateClosing
		return nil, s.writing
	}
	if s.server.opts.QueuePolicy == QueueDropOldest {
		return s.queue.take(droppingBatch), false
	}
	return s.queue.takeAll(), false
}

func (s *Session) appendFrames(frames []ws.Frame, batch []item, compressed bool) []ws.Frame {
	for _, it := range batch {
		switch {
		case it.out != nil:
			frames = s.appendOutgoing(frames, it.out, compressed)
		case it.control == packet.Open:
			frames = append(frames, ws.Frame{Payload: packet.AppendText(nil, s.openPacket(), s.protocol)})
		default:
			frames = append(frames, ws.Frame{Payload: controlText[it.control]})
		}
	}
	return frames
}

func (s *Session) appendOutgoing(frames []ws.Frame, o *Outgoing, compressed bool) []ws.Frame {
	first := len(frames)
	frames = s.appendFrame(frames, o.Data, o.Binary)
	for _, a := range o.Attachments {
		frames = s.appendFrame(frames, a, true)
	}
	if !compressed || o.NoCompress {
		return frames
	}
	for i := range frames[first:] {
		f := &frames[first+i]
		f.Compress = len(f.Payload) >= s.server.opts.WebSocketCompressionThreshold
		if f.Compress && !s.base64 {
			f.Shared = &o.sharedForms(s.protocol)[i]
		}
	}
	return frames
}

func (s *Session) appendFrame(frames []ws.Frame, data []byte, binary bool) []ws.Frame {
	frames = append(frames, ws.Frame{})
	f := &frames[len(frames)-1]
	switch {
	case !binary:
		f.Prefix, f.Payload = messagePrefix, data
	case s.base64:
		p := packet.Packet{Type: packet.Message, Data: data, Binary: true}
		f.Payload = packet.AppendText(nil, p, s.protocol)
	case s.protocol == 3:
		f.Prefix, f.Payload, f.Binary = binaryPrefix3, data, true
	default:
		f.Payload, f.Binary = data, true
	}
	return frames
}
