package engineio

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
)

var (
	errPostTwice   = errors.New("engineio: a second POST while one was in progress")
	errPostClosed  = errors.New("engineio: data request connection closed prematurely")
	errPostSlow    = errors.New("engineio: body not received in time")
	errContentType = errors.New("engineio: binary body in protocol 4")
	errEmptyBody   = errors.New("engineio: empty body")
	errTooLarge    = errors.New("engineio: body too large")
	errTooMany     = errors.New("engineio: more packets in a body than Options.MaxPacketsPerPayload")
)

var okBody = []byte("ok")

// firstRead is how much is allocated for a body before any of it was received.
const firstRead = 16 << 10

// cancelRead makes the read of the body return; nil is fine.
func (q *request) cancelRead() {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.read {
		q.control().SetReadDeadline(time.Unix(1, 0))
	}
}

func (q *request) bodyRead() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.read = true
}

// servePost serves a POST of an open session.
func (s *Session) servePost(q *request) {
	q.begin(q.r)
	if q.r.ContentLength > s.server.opts.MaxPayload {
		s.refusePost(q, http.StatusRequestEntityTooLarge)
		return
	}
	if refused := s.beginPost(q); refused != nil {
		s.server.refuse(q, refused)
		return
	}
	status := s.receivePost(q)
	s.endPost()
	if status != http.StatusOK {
		s.refusePost(q, status)
		return
	}
	s.keepStep()
	q.w.Header()["Content-Type"] = textHTML
	if s.writeBody(q, postAnswer, okBody) != nil {
		s.end(TransportError, errPostClosed)
	}
}

// refusePost answers with an empty body, as the reference server.
func (s *Session) refusePost(q *request, status int) {
	if status == http.StatusRequestEntityTooLarge {
		e := q.refusal(codeBadRequest, "PAYLOAD_TOO_LARGE", nil)
		e.advice = "a message or a batch of messages is larger than Options.MaxPayload: raise it, or send less at once"
		s.server.warnings.warn(s.server.opts.Logger, "PAYLOAD_TOO_LARGE", e)
	}
	q.w.Header().Set("Connection", "close") // or net/http would read the rest
	q.limit(s.server.ioTimeout)
	q.w.WriteHeader(status)
}

// beginPost makes q the POST in progress. A second one ends the session.
func (s *Session) beginPost(q *request) *ConnectionError {
	return s.begin(q, errPostTwice, func() bool {
		if s.post != nil {
			return false
		}
		s.post = q
		s.talks, s.hasPosted = s.hasPosted, true
		return true
	})
}

// endPost lets the next POST in, and the reader of a websocket that took over
// meanwhile. It comes before the answer: the client may send again as soon as
// it has it.
func (s *Session) endPost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.post = nil
	s.dispatching = false
	s.deliveredLocked()
	if s.posted != nil {
		close(s.posted)
		s.posted = nil
	}
}

// receivePost reads and handles the body and returns the status of the answer.
func (s *Session) receivePost(q *request) int {
	encoding, ok := s.postEncoding(q.r)
	if !ok {
		s.end(TransportError, errContentType)
		return http.StatusBadRequest
	}
	if q.bounded {
		q.control().SetReadDeadline(time.Now().Add(s.server.ioTimeout))
	}
	// OnMessage may block for longer than the server allows a handler to write.
	q.takeTime()
	body, err := readBody(q.r, s.server.opts.MaxPayload)
	q.bodyRead()
	if err != nil {
		return s.badBody(err)
	}
	if q.bounded {
		q.control().SetReadDeadline(time.Time{})
	}
	if s.jsonp {
		if body, err = packet.DecodeJSONPBody(body); err != nil {
			s.end(ParseError, err)
			return http.StatusBadRequest
		}
	}
	s.keepStep()
	if !s.dispatch(body, encoding) {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

func (s *Session) postEncoding(r *http.Request) (packet.Encoding, bool) {
	binary := r.Header.Get("Content-Type") == "application/octet-stream"
	switch {
	case s.protocol == 4:
		return packet.Text4, !binary
	case binary:
		return packet.Binary3, true
	default:
		return packet.Text3, true
	}
}

// badBody ends the session for a body that could not be read. One that is too
// large is refused, and the session goes on.
func (s *Session) badBody(err error) int {
	select {
	case <-s.done: // end made the read return
		return http.StatusBadRequest
	default:
	}
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.end(TransportError, errPostSlow)
		return http.StatusRequestTimeout
	default:
		s.end(TransportError, errPostClosed)
		return http.StatusBadRequest
	}
}

// dispatch handles the packets of a body in order. It reports false if what was
// in it ended the session with an error. If the server closed it meanwhile, the
// client is to learn that from its poll, not from a failed POST.
func (s *Session) dispatch(body []byte, encoding packet.Encoding) bool {
	if len(body) == 0 {
		s.end(ParseError, errEmptyBody)
		return false
	}
	s.mu.Lock()
	s.dispatching = true
	s.mu.Unlock()
	payload, limit := packet.NewPayloadReader(body, encoding), s.server.opts.MaxPacketsPerPayload
	for n := 1; ; n++ {
		p, err := payload.Next()
		if err == io.EOF {
			return true
		}
		if err == nil && limit >= 0 && n > limit {
			err = errTooMany
		}
		if err != nil {
			s.end(ParseError, err)
			return false
		}
		if s.receive(p) != goOn {
			return !s.failed()
		}
		s.reuse.Store(nil) // of no use here: the next packet is read already, or in another body
	}
}

// failed reports whether the session has ended because of its peer's mistake.
func (s *Session) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason == ParseError || s.reason == TransportError
}

// readBody reads at most limit bytes and one more. The memory grows with what
// arrives, not with what was announced.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	size := r.ContentLength
	if size < 0 || size > firstRead {
		size = min(firstRead, limit)
	}
	// One byte more than the body, so that the end is seen without growing.
	buf := make([]byte, 0, size+1)
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, errTooLarge
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(int64(2*cap(buf)), limit+1))
			copy(grown, buf)
			buf = grown
		}
	}
}
