package socketio

import "context"

// Concurrent returns a registrar like r, but for the handlers of events: these run on
// goroutines of their own. The events behind one need not wait until it has been handled,
// and may overtake it. For each socket up to n events of one name are handled at a time;
// the next one waits, and with it those behind.
//
//	socketio.OnCall(socketio.Concurrent(sio, 4), "report", makeReport)
//
// Errors, panics and acknowledgements are as ever. OnDisconnect does not wait for such
// handlers, but Shutdown does. Event middleware and Trace.EventHandled see them return,
// without an error, when they have begun. It panics if n is less than 1.
func Concurrent(r Registrar, n int) Registrar {
	if n < 1 {
		panic("socketio: Concurrent needs room for one handler at least")
	}
	return concurrently{r, n}
}

type concurrently struct {
	Registrar
	n int
}

// Handle implements Registrar.
func (c concurrently) Handle(event string, h Handler) {
	if !isNil(h) { // or the registrar says what it thinks of it
		h = &concurrentHandler{h, c.n}
	}
	c.Registrar.Handle(event, h)
}

type concurrentHandler struct {
	Handler
	n int
}

// HandleEvent implements Handler. It returns when the other goroutine has the event.
func (h *concurrentHandler) HandleEvent(ctx context.Context, e *Event) error {
	s := e.socket
	places := s.placesFor(h)
	select {
	case places <- struct{}{}:
	case <-ctx.Done(): // the client is gone, and the handlers before hang
		return nil
	}
	s.server.live.Add(1) // the socket itself is counted
	s.server.workers.Hold()
	s.server.workers.Go(&concurrentTask{h, ctx, e, places})
	return nil
}

// placesFor returns what bounds how often h runs at a time for the socket.
func (s *Socket) placesFor(h *concurrentHandler) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := s.places[h]
	if places == nil {
		if s.places == nil {
			s.places = make(map[*concurrentHandler]chan struct{}, 1)
		}
		places = make(chan struct{}, h.n)
		s.places[h] = places
	}
	return places
}

// concurrentTask is one event that is being handled.
type concurrentTask struct {
	h      *concurrentHandler
	ctx    context.Context
	e      *Event
	places chan struct{}
}

// Work implements workers.Task.
func (t *concurrentTask) Work() {
	s := t.e.socket
	defer s.server.letGo()
	defer func() { <-t.places }()
	defer s.recover(t.e.Name())
	if err := t.h.Handler.HandleEvent(t.ctx, t.e); err != nil {
		s.handlerFailed(t.e, err)
	}
}
