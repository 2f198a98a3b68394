package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A request of a session may get stuck: its body does not come, or nobody reads its
// answer. A deadline for each is a timer of the runtime's, and four of them are a
// fifteenth of what a message costs over polling. The heartbeat does as well: who sends a
// body answers no ping meanwhile, and the end of the session cuts it short (post.cancel).
// An answer that is being written gets its deadline with the next heartbeat, when the
// session ends, or when another answer of its kind follows. Deadlines come first only
// where there are others: see response.overrides.

// response is the answer to a request in the making.
type response struct {
	w       http.ResponseWriter
	bounded bool // there may be deadlines that are not ours from the beginning
	http1   bool
	began   time.Time
	length  [1]string // the value of Content-Length

	mu      sync.Mutex
	limited bool // it has its deadline
	done    bool // w must not be used any more
}

// begin is called before anything else, for answers of polling.
func (a *response) begin(r *http.Request) {
	server, known := r.Context().Value(http.ServerContextKey).(*http.Server)
	a.http1 = r.ProtoMajor == 1
	a.bounded = !a.http1 || !known || server.ReadTimeout > 0 || server.WriteTimeout > 0
	a.began = time.Now()
}

// control is what sets deadlines. It is not kept: so it is not allocated.
func (a *response) control() *http.ResponseController { return http.NewResponseController(a.w) }

// longAgo is when a middleware that sets deadlines may have meant one to have passed.
const longAgo = time.Second

// overrides reports whether there may be deadlines that are not ours and have to be moved:
// those of the server, which is known to have none in the case that counts, and after a
// while those of a middleware.
func (a *response) overrides(now time.Time) bool {
	return a.bounded || now.Sub(a.began) >= longAgo
}

// takeTime keeps the server's timeout for answers away from a request that may take
// longer. With HTTP/1 there is nothing to do: a deadline that has passed means nothing
// until something is written, and before that another one is set.
func (a *response) takeTime() {
	if !a.http1 {
		a.control().SetWriteDeadline(time.Time{})
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
		a.control().SetWriteDeadline(time.Now().Add(d))
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
func (s *Session) writeBody(q *request, kind answerKind, body []byte) error {
	h, now := q.w.Header(), time.Now()
	s.server.setHeaders(h, q.r)
	if _, set := h["Date"]; !set {
		h["Date"] = s.server.date.of(now)
	}
	q.length[0] = strconv.Itoa(len(body))
	h["Content-Length"] = q.length[:]
	s.beginAnswer(&q.response, kind, now)
	defer s.endAnswer(&q.response, kind)
	if _, err := q.w.Write(body); err != nil {
		return err
	}
	if err := q.control().Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func (s *Session) beginAnswer(a *response, kind answerKind, now time.Time) {
	s.mu.Lock()
	before, ended := s.answers[kind], s.state == stateEnded
	s.answers[kind] = a
	s.mu.Unlock()
	before.limit(s.server.ioTimeout)
	if ended || a.overrides(now) {
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

// date is the value of the Date header. It is made once a second: net/http would make it
// for each answer, for 0.5 µs.
type date struct{ last atomic.Pointer[second] }

type second struct {
	unix  int64
	value []string
}

func (d *date) of(now time.Time) []string {
	last, unix := d.last.Load(), now.Unix()
	if last == nil || last.unix != unix {
		last = &second{unix, []string{now.UTC().Format(http.TimeFormat)}}
		d.last.Store(last)
	}
	return last.value
}

// growStack makes the stack large enough for writing an answer, for which net/http needs
// half of it. It has to grow for that on each new connection, which is the more work the
// more calls are on it, and here are the fewest: a client that begins with polling and
// upgrades costs 3 % less.
//
//go:noinline
func growStack(never bool) {
	if never { // the frame has its size all the same, but nothing is spent on its contents
		var room [4 << 10]byte
		fill(room[:])
	}
}

//go:noinline
func fill(room []byte) { room[0] = 1 }
