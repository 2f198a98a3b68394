package socketio

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/parser"
)

// EventLimiter decides which events of a socket, or of several, are handled. See
// Options.EventLimiter.
type EventLimiter interface {
	// Allow is called for each event before it waits for its handler, by the reader
	// of the connection: it must not block. An error refuses the event: no handler
	// sees it, the acknowledgement is what Options.ErrorReply makes of the error, and
	// Trace.EventRefused is told. For a limiter of several sockets it is called
	// concurrently.
	Allow(event string) error
}

// ErrRateLimited is what a [TokenBucket] refuses events with. It is an [*Error]: the
// client may see it.
var ErrRateLimited error = &Error{Message: "rate limited"}

// TokenBucket is an [EventLimiter] that refuses events which come too fast. Its
// methods may be called concurrently.
type TokenBucket struct {
	perSecond float64
	burst     float64

	mu     sync.Mutex
	tokens float64
	last   time.Time // when tokens was right
}

// NewTokenBucket returns a bucket that lets burst events in at once, and perSecond
// events in the long run. It panics if either would let nothing in.
func NewTokenBucket(perSecond float64, burst int) *TokenBucket {
	if !(perSecond > 0) || burst < 1 {
		panic("socketio: a token bucket needs a positive rate and burst")
	}
	return &TokenBucket{perSecond: perSecond, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

// Allow takes a token, or returns [ErrRateLimited] if there is none.
func (b *TokenBucket) Allow(string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.perSecond)
	b.last = now
	if b.tokens < 1 {
		return ErrRateLimited
	}
	b.tokens--
	return nil
}

// TokenBuckets returns an Options.EventLimiter that gives each socket a [TokenBucket]
// of its own. A client that opens many connections has many, however: where users are
// known, give each user one, as in the example.
func TokenBuckets(perSecond float64, burst int) func(*Socket) EventLimiter {
	NewTokenBucket(perSecond, burst) // panics now rather than later
	return func(*Socket) EventLimiter { return NewTokenBucket(perSecond, burst) }
}

// makeLimiter gives the socket its limiter. A panic refuses the socket.
func (s *Socket) makeLimiter() (err error) {
	if s.server.opts.EventLimiter == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			s.failed("", &PanicError{Value: p, Stack: debug.Stack()})
			err = errInternal
		}
	}()
	s.limiter = s.server.opts.EventLimiter(s)
	return nil
}

// mayHandle asks the limiter about an event. One that it refuses is answered here.
func (s *Socket) mayHandle(p *parser.Packet) bool {
	if s.limiter == nil {
		return true
	}
	defer s.recover(p.Event) // then the event is refused
	err := s.limiter.Allow(p.Event)
	if err != nil {
		s.refuseEvent(p, err)
	}
	return err == nil
}

func (s *Socket) refuseEvent(p *parser.Packet, err error) {
	if t := s.server.opts.Trace; t.EventRefused != nil {
		t.EventRefused(s, p.Event, err)
	}
	if s.server.logged.due("refused: " + err.Error()) {
		s.server.opts.Logger.Warn("socketio: event refused; reported once a minute for each cause",
			"namespace", s.name, "socket", s.logID(), "event", p.Event, "error", err)
	}
	if p.HasID {
		e := &Event{socket: s, packet: p}
		e.Reply(s.server.opts.ErrorReply(err))
	}
}
