package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A request of a session may get stuck: its body does not come, or nobody reads its
// answer. A deadline for each is a timer of the runtime's, and four of them are a
// fifteenth of what a message costs over polling. The heartbeat does as well: who sends a
// body answers no ping meanwhile, and the end of the session cuts it short (post.cancel).
// An answer that is being written gets its deadline with the next heartbeat, when the
// session ends, or when another answer of its kind follows. Deadlines come first only
// where there are others: see response.overrides.

// response is an answer in the making.
type response struct {
	bounded bool // there may be deadlines that are not ours from the beginning
	http1   bool
	began   time.Time

	mu      sync.Mutex
	rc      *http.ResponseController
	limited bool // it has its deadline
	done    bool // rc must not be used any more
}

func newResponse(q *request) response {
	server, known := q.r.Context().Value(http.ServerContextKey).(*http.Server)
	http1 := q.r.ProtoMajor == 1
	return response{
		bounded: !http1 || !known || server.ReadTimeout > 0 || server.WriteTimeout > 0,
		http1:   http1,
		began:   time.Now(),
		rc:      http.NewResponseController(q.w),
	}
}

// longAgo is when a middleware that sets deadlines may have meant one to have passed.
const longAgo = time.Second

// overrides reports whether there may be deadlines that are not ours and have to be moved:
// those of the server, which is known to have none in the case that counts, and after a
// while those of a middleware.
func (a *response) overrides() bool { return a.bounded || time.Since(a.began) >= longAgo }

// takeTime keeps the server's timeout for answers away from a request that may take
// longer. With HTTP/1 there is nothing to do: a deadline that has passed means nothing
// until something is written, and before that another one is set.
func (a *response) takeTime() {
	if !a.http1 {
		a.rc.SetWriteDeadline(time.Time{})
	}
}

// limit makes the answer fail that is not written after d. Only the first call counts; nil
// is fine.
func (a *response) limit(d time.Duration) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done && !a.limited {
		a.limited = true
		a.rc.SetWriteDeadline(time.Now().Add(d))
	}
}

// answerKind is what an answer is to: there is at most one of each kind that has no
// deadline.
type answerKind uint8

const (
	pollAnswer answerKind = iota
	postAnswer
	answerKinds
)

// writeBody writes the headers of a polling response and body, and makes sure
// that it was handed to the kernel.
func (s *Session) writeBody(q *request, a *response, kind answerKind, body []byte) error {
	h := q.w.Header()
	s.server.setHeaders(h, q.r)
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	s.beginAnswer(a, kind)
	defer s.endAnswer(a, kind)
	if _, err := q.w.Write(body); err != nil {
		return err
	}
	if err := a.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func (s *Session) beginAnswer(a *response, kind answerKind) {
	s.mu.Lock()
	before, ended := s.answers[kind], s.state == stateEnded
	s.answers[kind] = a
	s.mu.Unlock()
	before.limit(s.server.ioTimeout)
	if ended || a.overrides() {
		a.limit(s.server.ioTimeout)
	}
}

func (s *Session) endAnswer(a *response, kind answerKind) {
	s.mu.Lock()
	if s.answers[kind] == a {
		s.answers[kind] = nil
	}
	s.mu.Unlock()
	a.mu.Lock()
	a.done = true
	a.mu.Unlock()
}

// limitAnswers gives what is being written its deadline.
func (s *Session) limitAnswers() {
	s.mu.Lock()
	answers := s.answers
	s.mu.Unlock()
	for _, a := range answers {
		a.limit(s.server.ioTimeout)
	}
}
