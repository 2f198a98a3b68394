package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
)

// patience is how long it may take to leave.
const patience = 5 * time.Second

// maxLine is the length of a line of the input at most, in bytes.
const maxLine = 16 << 20

// errInterrupted is told if the program is interrupted before it can send anything.
var errInterrupted = errors.New("interrupted while connecting")

// cat is one run of the program.
type cat struct {
	cfg     *config
	first   *client.Socket
	sockets map[string]*client.Socket
	ended   chan error // why it does not go on; has room for one

	start time.Time
	mu    sync.Mutex // guards out
	out   io.Writer
}

// run connects, and sends the lines of in until its end or that of ctx.
func run(ctx context.Context, cfg *config, in io.Reader, out io.Writer) error {
	c := &cat{cfg: cfg, sockets: map[string]*client.Socket{}, ended: make(chan error, 1), start: time.Now(), out: out}
	opts := cfg.options
	opts.Trace = c.trace()
	opts.ErrorHandler = func(s *client.Socket, event string, err error) { c.print("!", s, name(event), err) }
	first, err := client.New(cfg.url, &opts)
	if err != nil {
		return err
	}
	c.first = first
	defer c.leave()
	if err := c.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	return c.serve(ctx, in)
}

// connect connects all namespaces.
func (c *cat) connect(ctx context.Context) error {
	list := []*client.Socket{c.first}
	for _, namespace := range c.cfg.namespaces {
		list = append(list, c.first.Of(namespace))
	}
	for _, s := range list {
		if c.sockets[s.Namespace()] == nil {
			c.sockets[s.Namespace()] = s
			c.listen(s)
		}
	}
	for _, s := range list {
		if err := s.Connect(ctx); err != nil {
			return err
		}
	}
	return nil
}

// listen has everything printed that happens to a socket.
func (c *cat) listen(s *client.Socket) {
	s.OnConnect(func(context.Context) {
		recovered := ""
		if s.Recovered() {
			recovered = ", recovered"
		}
		c.print("+", s, "id "+printable(s.ID())+recovered)
	})
	s.OnDisconnect(func(reason client.Reason, err error) {
		c.print("-", s, reason, err)
		if reason == client.ServerDisconnect || reason != client.ClientDisconnect && c.cfg.options.Reconnection.Disable {
			c.end(fmt.Errorf("%s: %s", s.Namespace(), reason))
		}
	})
	s.OnConnectError(func(err error) {
		var refused *client.ConnectError
		if !errors.As(err, &refused) {
			c.print("!", s, err)
			return
		}
		c.print("!", s, err, printable(string(refused.Data)))
		c.end(err)
	})
	s.OnAny(func(_ context.Context, event string, args parser.Args) {
		c.print("<", s, name(event), show(args))
	})
	for event, answer := range c.cfg.answers {
		s.Handle(event, func(context.Context, parser.Args) ([]any, error) { return []any{answer}, nil })
	}
}

// trace tells about the connection, if that is wanted.
func (c *cat) trace() *client.Trace {
	t := &client.Trace{
		ReconnectFailed: func(*client.Manager) { c.end(errors.New("could not reconnect")) },
	}
	if !c.cfg.verbose {
		return t
	}
	t.Opened = func(_ *client.Manager, transport string) { c.print("*", nil, "opened:", transport) }
	t.Upgraded = func(_ *client.Manager, transport string) { c.print("*", nil, "upgraded:", transport) }
	t.Closed = func(_ *client.Manager, reason client.Reason, err error) { c.print("*", nil, "closed:", reason, err) }
	t.Ping = func(*client.Manager) { c.print("*", nil, "ping") }
	t.ReconnectAttempt = func(_ *client.Manager, attempt int) { c.print("*", nil, "attempt", attempt) }
	t.ReconnectError = func(_ *client.Manager, err error) { c.print("*", nil, "attempt failed:", err) }
	return t
}

// serve sends lines, and goes on as long as it should.
func (c *cat) serve(ctx context.Context, in io.Reader) error {
	lines := make(chan string)
	go c.read(ctx, in, lines)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.ended:
			return err
		case text, more := <-lines:
			if !more {
				return c.linger(ctx)
			}
			c.send(ctx, text)
		}
	}
}

// read reads lines until the end of the input. Nothing can interrupt that.
func (c *cat) read(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return
		}
	}
	if err := scanner.Err(); err != nil {
		c.print("!", nil, err)
	}
}

// linger goes on as long as is wanted.
func (c *cat) linger(ctx context.Context) error {
	var over <-chan time.Time
	if c.cfg.wait >= 0 {
		timer := time.NewTimer(c.cfg.wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-over:
	case err := <-c.ended:
		return err
	}
	return nil
}

// send does what a line says.
func (c *cat) send(ctx context.Context, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	l, err := parseLine(text, func(word string) bool { return c.sockets[word] != nil })
	if err != nil {
		c.print("!", nil, err)
		return
	}
	s := c.first
	if l.namespace != "" {
		s = c.sockets[l.namespace]
	}
	c.print(">", s, name(l.event), showSent(l.args))
	if l.ask || c.cfg.ask {
		c.ask(ctx, s, l)
	} else if err := s.Emit(l.event, l.args...); err != nil {
		c.print("!", s, name(l.event), err)
	}
}

func (c *cat) ask(ctx context.Context, s *client.Socket, l line) {
	began := time.Now()
	answer, err := s.Ask(ctx, l.event, l.args...)
	if err != nil {
		c.print("!", s, name(l.event), err)
		return
	}
	took := time.Since(began).Round(10 * time.Microsecond)
	c.print("<", s, fmt.Sprintf("%s acknowledged after %v:", name(l.event), took), show(answer))
}

// end has the program end with err, if nothing else ends it.
func (c *cat) end(err error) {
	select {
	case c.ended <- err:
	default:
	}
}

// leave sends what is left, and disconnects.
func (c *cat) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.first.Manager().Close(ctx); err != nil {
		c.print("!", nil, err)
	}
}

// print prints what is not nil or empty.
func (c *cat) print(sign string, s *client.Socket, what ...any) {
	text := fmt.Sprintf("%9.3f %s", time.Since(c.start).Seconds(), sign)
	if s != nil {
		text += " " + printable(s.Namespace())
	}
	for _, w := range what {
		if w == nil || w == "" {
			continue
		}
		if err, ok := w.(error); ok {
			w = printable(err.Error())
		}
		text += fmt.Sprint(" ", w)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.out, text)
}
