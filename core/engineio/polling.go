package engineio

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/internal/pace"
	"github.com/gosocketio/sio/core/internal/packet"
)

// maxPollBatch bounds one polling answer, in bytes, if it can be split.
const maxPollBatch = 1 << 20

var (
	errPollClosed = errors.New("poll connection closed prematurely")
	errPollTwice  = errors.New("engineio: a second poll while one was waiting")
)

// answer is what a poll returns: a batch of the queue, then a noop, then a close
// packet.
type answer struct {
	batch       []item
	noop, close bool
	last        bool // the session ends once it was written
}

// servePoll serves a GET of an open session.
func (s *Session) servePoll(q *request) {
	q.begin(q.r)
	q.takeTime()
	if refused := s.beginPoll(q); refused != nil {
		s.server.refuse(q, refused)
		return
	}
	a, ok := s.await(q)
	if !ok {
		s.end(TransportError, errPollClosed)
		return
	}
	if q.waited {
		s.keepStep()
	}
	s.traceWritten(transportPolling, a.batch)
	if err := s.writeAnswer(q, a); err != nil {
		s.end(TransportError, errPollClosed)
	}
	if a.batch != nil {
		s.batchDone(a.batch)
	}
	if a.last {
		s.end(ForcedClose, nil)
	}
}

// keepStep lets other goroutines come as far as this one. Where a server is busy, those
// that have bodies to handle, or answers to write, do so one after the other then (see
// package pace); in between, the handlers go before the answers to POSTs, which nobody
// waits for. On one busy core that saves 10 of the 61 µs that a round trip over polling
// takes without it, and a sixth of the time until the reply is there.
// Sessions that have sent one POST do without: they are about to upgrade, most often.
func (s *Session) keepStep() {
	s.mu.Lock()
	talks := s.talks
	s.mu.Unlock()
	if talks {
		pace.GiveWay()
	}
}

// beginPoll makes q the waiting poll. A second one ends the session.
func (s *Session) beginPoll(q *request) *ConnectionError {
	return s.begin(q, errPollTwice, func() bool {
		if s.poll != nil {
			return false
		}
		s.poll = q
		return true
	})
}

// begin lets a request of an open polling session in. Take is called with the
// session locked and reports false if one of its kind is under way: that ends the
// session, for the reason twice.
func (s *Session) begin(q *request, twice error, take func() bool) *ConnectionError {
	s.mu.Lock()
	ended, upgraded := s.state == stateEnded, s.conn != nil
	taken := !ended && !upgraded && take()
	s.mu.Unlock()
	switch {
	case taken:
		return nil
	case ended:
		return q.unknownSession()
	case upgraded:
		return q.transportMismatch(transportWebSocket)
	}
	s.end(TransportError, twice)
	return q.refusal(codeBadRequest, "OVERLAPPING_REQUESTS", nil)
}

// await waits until there is something to answer. It reports false if the
// client has gone before.
func (s *Session) await(q *request) (answer, bool) {
	var timer *time.Timer
	var tick <-chan time.Time
	first := true
	for {
		a, ready, wait := s.nextAnswer(q)
		if ready {
			return a, true
		}
		if first {
			// The server's timeouts are for requests that should be short. Errors mean
			// that a middleware hides the connection; then its limits apply.
			q.control().SetReadDeadline(time.Time{})
			first = false
		}
		if wait > 0 {
			if timer == nil {
				timer = time.NewTimer(wait)
				defer timer.Stop()
				tick = timer.C
			} else {
				timer.Reset(wait)
			}
		}
		select {
		case <-s.wake:
		case <-tick:
		case <-q.r.Context().Done():
			if !s.pollGone() {
				return answer{noop: true}, true
			}
			return answer{}, false
		}
	}
}

// pollGone takes back the waiting poll: its client went away. It reports false if the
// session no longer needed it.
func (s *Session) pollGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = nil
	return s.conn == nil && s.state != stateEnded
}

// nextAnswer returns what the poll q is to be answered with, if it is time, or how long
// to wait at most (0: until woken). Once it returned an answer, q is no longer the
// waiting poll: the client may poll again before the handler has returned.
func (s *Session) nextAnswer(q *request) (a answer, ready bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateEnded:
		a = answer{noop: s.peerClosed, close: !s.peerClosed}
	case s.conn != nil:
		a.close = true
	case s.writing:
		return a, false, s.pollWait(q)
	case len(s.queue.items) > 0:
		// The close packet waits for the next poll: clients act on it before they
		// hand on the messages of the same answer.
		a.batch = s.queue.take(maxPollBatch)
		s.writing = true
	case s.state == stateClosing:
		a = answer{noop: !q.waited, close: true, last: true}
		s.writing = true
	default:
		if wait := s.pollWait(q); wait >= 0 {
			q.waited = true
			return a, false, wait
		}
		a.noop = true
		s.noopSentLocked()
	}
	s.poll = nil
	return a, true, 0
}

// pollWait says how long the poll q may wait for a message; 0 means without a limit, and
// a negative value that it is to be answered with a noop now.
func (s *Session) pollWait(q *request) time.Duration {
	var wait time.Duration
	if limit := s.server.opts.PollTimeout; limit > 0 {
		if wait = limit - time.Since(q.began); wait <= 0 {
			return -1
		}
	}
	if s.probe == nil || !s.probe.answered {
		return wait
	}
	noop := s.probe.noopWait()
	if noop <= 0 {
		return -1
	}
	if wait == 0 || noop < wait {
		wait = noop
	}
	return wait
}

func (s *Session) noopSentLocked() {
	if s.probe != nil && s.probe.answered {
		s.probe.noops++
		s.probe.lastNoop = time.Now()
	}
}

var packetPool = sync.Pool{New: func() any { return new([]packet.Packet) }}

// writeAnswer writes the response of a poll.
func (s *Session) writeAnswer(q *request, a answer) error {
	pooled := packetPool.Get().(*[]packet.Packet)
	packets := appendPackets((*pooled)[:0], a)
	err := s.writePackets(q, packets, compressible(a.batch))
	clear(packets)
	if cap(packets) <= maxSpare {
		*pooled = packets[:0]
		packetPool.Put(pooled)
	}
	return err
}

func appendPackets(packets []packet.Packet, a answer) []packet.Packet {
	for _, it := range a.batch {
		if it.out == nil {
			packets = append(packets, packet.Packet{Type: it.control})
			continue
		}
		packets = append(packets, packet.Packet{Type: packet.Message, Data: it.out.Data, Binary: it.out.Binary})
		for _, att := range it.out.Attachments {
			packets = append(packets, packet.Packet{Type: packet.Message, Data: att, Binary: true})
		}
	}
	if a.noop {
		packets = append(packets, packet.Packet{Type: packet.Noop})
	}
	if a.close {
		packets = append(packets, packet.Packet{Type: packet.Close})
	}
	return packets
}

// compressible reports whether any message of the batch may be compressed.
func compressible(batch []item) bool {
	for _, it := range batch {
		if it.out != nil && !it.out.NoCompress {
			return true
		}
	}
	return false
}

// writePackets writes a 200 with the packets as payload, in the encoding that
// the client understands.
func (s *Session) writePackets(q *request, packets []packet.Packet, compress bool) error {
	scratch := takeBuffer()
	defer scratch.free()
	encoding, contentType := s.encodingOf(packets)
	scratch.b = packet.AppendPayload(scratch.b, packets, encoding)
	if s.jsonp {
		script := takeBuffer()
		defer script.free()
		script.b = packet.AppendJSONP(script.b, s.jsonpCall, scratch.b)
		scratch, script = script, scratch
	}
	body := scratch.b
	h := q.w.Header()
	h["Content-Type"] = contentType
	h["X-Accel-Buffering"] = unbuffered // nginx would otherwise hold answers back
	if compress && s.server.compresses(len(body)) {
		packed := takeBuffer()
		defer packed.free()
		if encode(packed, h, q.r, body) {
			body = packed.b
		}
	}
	return s.writeBody(q, pollAnswer, body)
}

func (s *Session) encodingOf(packets []packet.Packet) (packet.Encoding, []string) {
	if s.protocol == 4 {
		return packet.Text4, textPayload
	}
	if !s.base64 && !s.jsonp {
		for i := range packets {
			if packets[i].Binary {
				return packet.Binary3, binPayload
			}
		}
	}
	return packet.Text3, textPayload
}

// Header values that are the same in every response are shared. Without spare
// capacity an Add by someone else copies them.
var (
	noStore     = []string{"no-store"}
	unbuffered  = []string{"no"}
	textPayload = []string{"text/plain; charset=UTF-8"}
	binPayload  = []string{"application/octet-stream"}
	textHTML    = []string{"text/html"}
)

// setHeaders sets what every polling response carries.
func (s *Server) setHeaders(h http.Header, r *http.Request) {
	h["Cache-Control"] = noStore
	if agent := r.Header.Get("User-Agent"); strings.Contains(agent, ";MSIE") || strings.Contains(agent, "Trident/") {
		h.Set("X-XSS-Protection", "0")
	}
	if s.opts.OnHeaders != nil {
		s.opts.OnHeaders(h, r)
	}
}
