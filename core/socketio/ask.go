package socketio

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
)

// pendingAck waits for one acknowledgement. Its methods do not block; exactly one
// is called, once.
type pendingAck interface {
	answer(id string, args parser.Args) // id of the socket
	fail(err error)
}

// expect registers ack. It returns ErrDisconnected if the socket has ended, or
// ErrTooManyCalls. While an answer is awaited the client's events are read on, even
// if many wait for their handlers: the answer comes behind them.
func (s *Socket) expect(id uint64, ack pendingAck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() == ended {
		return ErrDisconnected
	}
	if max := s.server.opts.MaxPendingAcks; max >= 0 && len(s.acks) >= max {
		return ErrTooManyCalls
	}
	if s.acks == nil {
		s.acks = make(map[uint64]pendingAck, 1)
		s.queue.Lift(true)
	}
	s.acks[id] = ack
	return nil
}

// forget takes an acknowledgement back, and reports whether it was still awaited.
func (s *Socket) forget(id uint64) (pendingAck, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ack, ok := s.acks[id]
	if !ok {
		return nil, false
	}
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
		s.queue.Lift(false)
	}
	return ack, true
}

// onAck takes an acknowledgement from the client. One that nobody awaits (any
// more) is ignored.
func (s *Socket) onAck(p *parser.Packet) {
	if !p.HasID {
		return
	}
	if ack, ok := s.forget(p.ID); ok {
		ack.answer(s.id, p.Args)
	}
}

// singleAck is the pendingAck of Socket.Ask.
type singleAck struct {
	done chan struct{}
	args parser.Args
	err  error
}

func (a *singleAck) answer(_ string, args parser.Args) { a.args = args; close(a.done) }
func (a *singleAck) fail(err error)                    { a.err = err; close(a.done) }

// Ask sends an event and waits for the acknowledgement of the client, whose
// arguments it returns undecoded. It blocks until the answer is there, ctx ends
// (and returns its error) or the socket is disconnected (ErrDisconnected). If too many
// answers of the client are awaited already, it returns ErrTooManyCalls at once. It may
// be called in a handler. [Call] also decodes the answer.
func (s *Socket) Ask(ctx context.Context, event string, args ...any) (parser.Args, error) {
	start := time.Now()
	answer, err := s.ask(ctx, event, args)
	if t := s.server.opts.Trace; t.Answered != nil {
		t.Answered(s.ns.name, event, time.Since(start), err)
	}
	return answer, err
}

func (s *Socket) ask(ctx context.Context, event string, args []any) (parser.Args, error) {
	if err := checkName(event); err != nil {
		return parser.Args{}, err
	}
	if ctx.Err() != nil {
		return parser.Args{}, gaveUp(ctx)
	}
	id := s.ns.ackID.Add(1)
	out, err := s.server.entry(&parser.Header{Type: parser.Event, Namespace: s.ns.name, Event: event, ID: id, HasID: true}, args)
	if err != nil {
		return parser.Args{}, err
	}
	ack := &singleAck{done: make(chan struct{})}
	if err := s.expect(id, ack); err != nil {
		return parser.Args{}, err
	}
	s.sawOutgoing(event, args)
	if err := s.send(out); err != nil {
		s.forget(id)
		return parser.Args{}, err
	}
	s.conn.session.Yield() // in a handler of this socket, nobody would read the answer
	select {
	case <-ack.done:
		return ack.args, ack.err
	case <-ctx.Done():
		s.forget(id)
		return parser.Args{}, gaveUp(ctx)
	}
}

// gaveUp is why a question is given up whose context has ended.
func gaveUp(ctx context.Context) error {
	if d := (*DisconnectError)(nil); errors.As(context.Cause(ctx), &d) {
		return ErrDisconnected
	}
	return ctx.Err()
}

// Audience is what CallAll asks: a [Broadcaster], a [*Namespace] or a [*Server].
type Audience interface{ broadcaster() Broadcaster }

func (b Broadcaster) broadcaster() Broadcaster { return b }

// AskAll sends an event to the selected sockets, of all nodes, and yields the
// acknowledgements as they come: the id of the socket (empty if another node did
// not tell) and the undecoded arguments. It ends when all have answered, or are
// gone (which is not known of sockets in a cluster), or ctx has ended; in the last
// two cases a [*MissingError] comes as the last value. Nothing is sent before the iteration begins, which must not be
// repeated. [CallAll] also decodes the answers.
//
// The answers are awaited until ctx ends: give it a deadline.
func (b Broadcaster) AskAll(ctx context.Context, event string, args ...any) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		if err := b.askable(event); err != nil {
			yield(Answer{}, err)
			return
		}
		if b.nobody() {
			return
		}
		if node := b.peers(); node != nil {
			b.askCluster(ctx, node, event, args, yield)
			return
		}
		b.askLocal(ctx, event, args, yield)
	}
}

// Answer is one acknowledgement of many.
type Answer struct {
	Socket string // id of the socket; empty if it is not known
	Args   parser.Args
}

func (b Broadcaster) askable(event string) error {
	if b.dynamic != nil {
		return errors.New("socketio: a dynamic namespace cannot be asked")
	}
	return checkName(event)
}

func (b Broadcaster) askLocal(ctx context.Context, event string, args []any, yield func(Answer, error) bool) {
	q := &question{ns: b.ns, id: b.ns.ackID.Add(1), wake: make(chan struct{}, 1)}
	enc, err := b.server().opts.Parser.Encode(parser.Header{Type: parser.Event, Namespace: b.ns.name, Event: event, ID: q.id, HasID: true}, args...)
	if err != nil {
		yield(Answer{}, err)
		return
	}
	q.ask(b, enc, event, args)
	defer q.close()
	for {
		answers, open := q.take()
		for _, a := range answers {
			if !yield(a, nil) {
				return
			}
		}
		if open == 0 {
			break
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			yield(Answer{}, &MissingError{Sockets: open + q.lost(), Err: ctx.Err()})
			return
		}
	}
	if lost := q.lost(); lost > 0 {
		yield(Answer{}, &MissingError{Sockets: lost, Err: ErrDisconnected})
	}
}

// question is an event that was sent to many and asks each for an answer. It is
// the pendingAck of all of them.
type question struct {
	ns    *Namespace
	id    uint64
	wake  chan struct{} // has room for one signal
	asked []*Socket

	mu      sync.Mutex
	open    int // answers to come
	gone    int // sockets that ended without an answer
	answers []Answer
}

// ask sends the event to the selected sockets of this node.
func (q *question) ask(b Broadcaster, enc parser.Encoded, event string, args []any) {
	out := b.flags.outgoing(enc)
	q.asked = b.ns.selectLocal(b.selector())
	q.open = len(q.asked)
	for _, s := range q.asked {
		if err := s.expect(q.id, q); err != nil {
			q.fail(err)
			continue
		}
		s.sawOutgoing(event, args)
		if !s.deliverInOrder(out) {
			if _, ok := s.forget(q.id); ok {
				q.fail(ErrDisconnected)
			}
		}
	}
}

func (q *question) answer(id string, args parser.Args) {
	q.mu.Lock()
	q.open--
	q.answers = append(q.answers, Answer{id, args})
	q.mu.Unlock()
	q.signal()
}

func (q *question) fail(error) {
	q.mu.Lock()
	q.open--
	q.gone++
	q.mu.Unlock()
	q.signal()
}

func (q *question) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the answers that have come since, and how many are open.
func (q *question) take() (answers []Answer, open int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	answers, q.answers = q.answers, nil
	return answers, q.open
}

func (q *question) lost() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gone
}

// close makes the sockets forget the question.
func (q *question) close() {
	for _, s := range q.asked {
		s.forget(q.id)
	}
}

func (b Broadcaster) askCluster(ctx context.Context, node *cluster.Node, event string, args []any, yield func(Answer, error) bool) {
	payload, err := encodePayload(event, args)
	if err != nil {
		yield(Answer{}, err)
		return
	}
	call := node.Call(ctx, b.selector(), b.flags.cluster(), payload)
	defer call.Close()
	for id, answer := range call.Answers() {
		args, err := decodePayload(answer)
		if !yield(Answer{id, args}, err) {
			return
		}
	}
	if err := call.Err(); err != nil {
		yield(Answer{}, missing(err))
	}
}
