package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// round is the goroutine that makes a connection: one attempt, or one after the
// other with growing delays.
type round struct {
	m      *Manager
	ctx    context.Context // ends if no socket needs the connection any more
	cancel context.CancelFunc
	again  bool // there was a connection, which broke: the first attempt has to wait too
}

// connectLocked begins to make a connection, if there is none.
func (m *Manager) connectLocked(again bool) {
	if m.round != nil || m.link != nil {
		return
	}
	r := &round{m: m, again: again}
	r.ctx, r.cancel = context.WithCancel(m.ctx)
	m.round = r
	m.tasks.start(r.run)
}

func (r *round) run() {
	defer r.cancel()
	m := r.m
	if !r.again {
		if r.attempt(0) {
			return
		}
		if m.opts.Reconnection.Disable {
			r.giveUp()
			return
		}
	}
	delays := backoff{Reconnection: &m.opts.Reconnection}
	for !delays.exhausted() {
		if !sleep(r.ctx, delays.next()) {
			return
		}
		if hook := m.opts.Trace.ReconnectAttempt; hook != nil {
			hook(m, delays.attempts)
		}
		if r.attempt(delays.attempts) {
			return
		}
	}
	if hook := m.opts.Trace.ReconnectFailed; r.giveUp() && hook != nil {
		hook(m)
	}
}

// attempt makes the connection once. It reports false if it has to be tried again.
func (r *round) attempt(n int) (over bool) {
	if r.ctx.Err() != nil {
		return true
	}
	conn, err := r.dial(n)
	if err == nil {
		r.m.opened(r, n, conn)
		return true
	}
	return !r.failed(n, err)
}

var (
	errTimeout error = timeoutError{}
	errGaveUp        = errors.New("client: connect: no more attempts")
)

func (r *round) dial(n int) (engine, error) {
	ctx, cancel := r.ctx, context.CancelFunc(func() {})
	if d := r.m.opts.ConnectTimeout; d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	to, err := r.m.target(ctx, n)
	if err != nil {
		return nil, err
	}
	o := r.m.engine
	o.Header = to.header
	r.m.mu.Lock()
	o.PreferWebSocket = r.m.opts.RememberUpgrade && r.m.upgraded
	r.m.mu.Unlock()
	conn, err := dialEngine(ctx, to.url, &o)
	switch {
	case err == nil:
		return conn, nil
	case r.ctx.Err() == nil && past(ctx):
		return nil, fmt.Errorf("client: connect: %w: %w", errTimeout, err)
	}
	return nil, fmt.Errorf("client: connect: %w", err)
}

// past reports whether the deadline of ctx is over, which those who made timers of
// their own for it may know before ctx does.
func past(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// timeoutError says that an attempt took too long.
type timeoutError struct{}

func (timeoutError) Error() string        { return "timeout" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// target asks the user where to connect to, if he wants to be asked.
func (m *Manager) target(ctx context.Context, attempt int) (t target, err error) {
	u, header := m.url, m.opts.Header
	if m.opts.Endpoint == nil {
		return m.opts.target(u, header), nil
	}
	var raw string
	var h = header
	err = safely(func() (err error) {
		raw, h, err = m.opts.Endpoint(ctx, attempt)
		return err
	})
	if err == nil && raw != "" {
		u, err = parseEndpoint(raw)
	}
	if err != nil {
		return t, fmt.Errorf("client: endpoint: %w", err)
	}
	if h != nil {
		header = h.Clone()
	}
	return m.opts.target(u, header), nil
}

func parseEndpoint(raw string) (*url.URL, error) {
	u, _, err := parseURL(raw)
	return u, err
}

// failed tells the sockets that an attempt has failed. It reports false if the
// connection is not needed any more.
func (r *round) failed(n int, err error) bool {
	m := r.m
	m.mu.Lock()
	if m.round != r {
		m.mu.Unlock()
		return false
	}
	for _, s := range m.sockets {
		s.attemptFailedLocked(err)
	}
	m.mu.Unlock()
	if hook := m.opts.Trace.ReconnectError; hook != nil && n > 0 {
		hook(m, err)
	}
	return true
}

// giveUp leaves the sockets disconnected. It reports false if the round was given up
// before.
func (r *round) giveUp() bool {
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.round != r {
		return false
	}
	m.round = nil
	for _, s := range m.sockets {
		s.state = idle
		s.connectDoneLocked(errGaveUp) // those who began to wait after the last attempt
	}
	return true
}

// opened takes a connection that was made.
func (m *Manager) opened(r *round, n int, conn engine) {
	m.mu.Lock()
	if m.round != r {
		m.mu.Unlock()
		m.close(conn)
		return
	}
	m.round = nil
	l := newLink(m, conn)
	m.link = l
	var joining []join
	for _, s := range m.orderedLocked() {
		if j, ok := s.joinLocked(l); ok {
			joining = append(joining, j)
		}
	}
	m.mu.Unlock()
	conn.Start(l)
	if hook := m.opts.Trace.Opened; hook != nil {
		hook(m, conn.Transport())
	}
	for _, j := range joining {
		j.start()
	}
	if hook := m.opts.Trace.Reconnected; hook != nil && n > 0 {
		hook(m, n)
	}
}

// close closes a connection in the background.
func (m *Manager) close(conn engine) {
	m.tasks.start(func() {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if d := m.opts.CloseTimeout; d > 0 {
			ctx, cancel = context.WithTimeout(ctx, d)
		}
		defer cancel()
		conn.Close(ctx)
		<-conn.Done()
	})
}
