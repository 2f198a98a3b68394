package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Times of the server, short so that what takes its time happens often.
const (
	pingInterval  = 2 * time.Second
	pingTimeout   = 8 * time.Second // the machine may be busy
	closeTimeout  = 3 * time.Second
	newsInterval  = 40 * time.Millisecond
	questionPause = 50 * time.Millisecond
)

// node is the server, in a process of its own.
type node struct {
	sio *socketio.Server
	log counter

	mu       sync.Mutex     // guards what follows
	written  map[string]int // the last number of each writer
	findings []string

	notes, again, answers, unanswered, refused, opened, ended atomic.Int64
}

// counter counts the lines of a log, and passes on those that should not be there.
type counter struct{ errors func(string) }

func (c counter) Write(p []byte) (int, error) {
	c.errors(string(p))
	return len(p), nil
}

func newNode(recovery time.Duration) *node {
	n := &node{written: map[string]int{}}
	n.log = counter{func(text string) { n.finding("the server has logged %s", text) }}
	n.sio = socketio.NewServer(&socketio.Options{
		PingInterval: pingInterval, PingTimeout: pingTimeout, CloseTimeout: closeTimeout, ConnectTimeout: 5 * time.Second,
		UpgradeTimeout: 5 * time.Second,
		Recovery:       &socketio.Recovery{MaxDisconnection: recovery},
		MaxQueueBytes:  1 << 20, MaxQueueMessages: 2000, MaxPayload: 200_000,
		EventLimiter: socketio.TokenBuckets(1000, 2000),
		Logger:       slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelError})),
		ErrorHandler: n.handlerFailed,
	})
	n.handle(n.sio.Namespace)
	n.handle(n.sio.OfMatch(regexp.MustCompile(teamPattern)))
	private := n.sio.Of(privateNamespace)
	private.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil || auth.Token != goodToken {
			n.refused.Add(1)
			return socketio.Reject("not you", nil)
		}
		return nil
	})
	n.handle(private)
	return n
}

// namespace is what handlers are registered on.
type namespace interface {
	socketio.Registrar
	OnConnect(func(context.Context, *socketio.Socket) error)
}

func (n *node) handle(r namespace) {
	r.OnConnect(func(context.Context, *socketio.Socket) error { n.opened.Add(1); return nil })
	r.OnDisconnect(func(*socketio.Socket, socketio.Reason) { n.ended.Add(1) })
	Write.On(r, n.write)
	Blob.On(r, func(_ context.Context, _ *socketio.Socket, data []byte) ([]byte, error) { return data, nil })
	Enter.On(r, func(_ context.Context, s *socketio.Socket, room string) error { return s.Join(room) })
	Exit.On(r, func(_ context.Context, s *socketio.Socket, room string) error { s.Leave(room); return nil })
	r.Handle("panic", socketio.HandlerFunc(func(context.Context, *socketio.Event) error { panic(errOnPurpose) }))
}

// errOnPurpose is what hostile clients can make a handler panic with.
var errOnPurpose = fmt.Errorf("on purpose")

// handlerFailed takes the errors of handlers: clients send nonsense, but only one panic is
// expected.
func (n *node) handlerFailed(_ *socketio.Socket, event string, err error) {
	if p, ok := err.(*socketio.PanicError); ok && p.Value != errOnPurpose {
		n.finding("panic in %q: %v\n%s", event, p.Value, p.Stack)
	}
}

func (n *node) finding(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.findings) < maxFindings {
		n.findings = append(n.findings, fmt.Sprintf(format, args...))
	}
}

// write takes a note. They come in order, and twice only if they say that they may.
func (n *node) write(_ context.Context, _ *socketio.Socket, note Note) (int, error) {
	if note.Number == 0 { // an attacker's
		return 0, nil
	}
	n.notes.Add(1)
	n.mu.Lock()
	last := n.written[note.Writer]
	n.written[note.Writer] = max(last, note.Number)
	n.mu.Unlock()
	switch {
	case note.Number == last+1:
	case note.Number <= last && note.Again:
		n.again.Add(1)
	case note.Number <= last:
		n.finding("note %d of %s came once more, after %d", note.Number, note.Writer, last)
	default:
		n.finding("note %d of %s came after %d: what is between is lost", note.Number, note.Writer, last)
	}
	return note.Number, nil
}

// publish sends news to the rooms until ctx ends, one after the other, so that their order
// is known.
func (n *node) publish(ctx context.Context) {
	number := map[string]int{}
	for i := 0; pause(ctx, newsInterval); i++ {
		room := roomNames[i%len(roomNames)]
		number[room]++
		news := News{Room: room, Number: number[room], Text: strings.Repeat("x", rand.IntN(1000))}
		if err := Tell.Emit(n.sio.To(room), news); err != nil {
			n.finding("news: %v", err)
		}
	}
}

// inquire asks clients, one at a time; that some do not answer is no wonder.
func (n *node) inquire(ctx context.Context) {
	for pause(ctx, questionPause) {
		for s := range n.sio.Sockets() {
			ask, cancel := context.WithTimeout(ctx, time.Second)
			number := rand.IntN(1 << 30)
			answer, err := Question.Call(ask, s, number)
			cancel()
			switch {
			case err != nil:
				n.unanswered.Add(1)
			case answer != number+1:
				n.finding("question %d was answered by %d", number, answer)
			default:
				n.answers.Add(1)
			}
			break
		}
	}
}

// pause waits, and reports false if ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// status is what the server says of itself.
type status struct {
	URL                                                       string
	Sessions, Sockets, Namespaces                             int
	Goroutines, Files                                         int
	Heap                                                      uint64 // bytes that live
	Notes, Again, Answers, Unanswered, Refused, Opened, Ended int64
	Findings                                                  []string
}

func (n *node) status(collect bool) status {
	if collect {
		runtime.GC()
		runtime.GC() // what sync.Pool kept
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	n.mu.Lock()
	findings := n.findings
	n.findings = nil
	n.mu.Unlock()
	return status{
		Sessions: n.sio.Engine().Count(), Sockets: n.sio.Count(), Namespaces: len(n.sio.Namespaces()),
		Goroutines: runtime.NumGoroutine(), Files: openFiles(), Heap: mem.HeapAlloc,
		Notes: n.notes.Load(), Again: n.again.Load(), Answers: n.answers.Load(), Unanswered: n.unanswered.Load(),
		Refused: n.refused.Load(), Opened: n.opened.Load(), Ended: n.ended.Load(), Findings: findings,
	}
}

// openFiles returns how many files the process has open, 0 if it cannot know.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// Commands for a server, one a line; each is answered by a status, one a line, as JSON.
const (
	cmdStatus  = "status"
	cmdCollect = "collect" // with a garbage collection before
	cmdForget  = "forget"  // all writers: they have left
	cmdEnd     = "shutdown"
)

// serve is the process of the server. It ends when it is told to, or in has ended.
func serve(recovery time.Duration, in io.Reader, out io.Writer) error {
	n := newNode(recovery)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hs := &http.Server{Handler: n.sio, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(n.log, nil), slog.LevelError)}
	go hs.Serve(ln)
	defer hs.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go n.publish(ctx)
	go n.inquire(ctx)
	answers := json.NewEncoder(out)
	first := n.status(false)
	first.URL = "http://" + ln.Addr().String()
	if err := answers.Encode(first); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		switch lines.Text() {
		case cmdForget:
			n.mu.Lock()
			n.written = map[string]int{}
			n.mu.Unlock()
		case cmdEnd:
			return n.end(cancel, answers)
		}
		if err := answers.Encode(n.status(lines.Text() == cmdCollect)); err != nil {
			return err
		}
	}
	return nil
}

// end shuts the server down while clients are connected.
func (n *node) end(stop func(), answers *json.Encoder) error {
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.sio.Shutdown(ctx); err != nil {
		n.finding("Shutdown: %v", err)
	}
	s := n.status(true)
	if s.Opened != s.Ended {
		s.Findings = append(s.Findings, fmt.Sprintf("OnConnect ran %d times, OnDisconnect %d times", s.Opened, s.Ended))
	}
	return answers.Encode(s)
}
