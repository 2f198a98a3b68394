//go:build linux

package hardening_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
)

// This file is what runs in the process of a server.

// config is what a test wants of its server. The zero value of a field is the default
// of socketio.Options.
type config struct {
	PingInterval, PingTimeout time.Duration
	ConnectTimeout            time.Duration
	CloseTimeout              time.Duration
	MaxPayload                int64
	MaxQueueBytes             int
	RejectFull                bool    // the queue policy is to reject
	Restless                  bool    // each callback does all that can be done with rooms
	EventsPerSecond           float64 // per socket; 0 is no limit
	MaxSessions               int
	MaxSessionsPerIP          int
	HandshakesPerSecond       float64
	Compression               int    // WebSocketCompressionThreshold
	Files                     uint64 // limit of the process; 0 leaves it as it is
}

// auth is what clients give when they connect.
type auth struct {
	Tag    string `json:"tag,omitempty"`    // by which the test finds the socket again
	Refuse bool   `json:"refuse,omitempty"` // the middleware refuses it
}

// refuseHeader in a handshake has AllowRequest refuse it.
const refuseHeader = "X-Refuse"

// app is a server under attack and what is noted of it.
type app struct {
	sio  *socketio.Server
	http *http.Server

	requests atomic.Int64  // being served
	held     atomic.Int64  // handlers that wait for release
	release  chan struct{} // closed by the test

	mu       sync.Mutex // guards what follows
	counts   Counts
	journals map[string]*Journal
	sockets  map[string]*socketio.Socket // by tag
	polls    map[string]int              // GETs that wait, by session
}

// runServer serves until the input ends, which is that of a test.
func runServer(text string) {
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	raiseFileLimit()
	if c.Files > 0 {
		limit := syscall.Rlimit{Cur: c.Files, Max: c.Files}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			panic(err)
		}
	}
	a := newApp(c)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.http.Serve(listener) }()
	fmt.Println(listener.Addr())
	control := rpc.NewServer()
	if err := control.RegisterName("Control", &Control{a}); err != nil {
		panic(err)
	}
	control.ServeConn(pipes{os.Stdin, os.Stdout})
	err = errors.Join(a.sio.Close(), a.http.Close())
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newApp(c config) *app {
	a := &app{
		release:  make(chan struct{}),
		journals: map[string]*Journal{},
		sockets:  map[string]*socketio.Socket{},
		polls:    map[string]int{},
	}
	a.counts.Reasons = map[string]int{}
	a.sio = socketio.NewServer(c.options())
	a.sio.Use(a.authenticate)
	a.sio.OnConnect(a.connected)
	a.sio.OnDisconnecting(a.disconnecting)
	a.sio.OnDisconnect(a.disconnected)
	a.handlers()
	if c.Restless {
		a.makeRestless()
	}
	mux := http.NewServeMux()
	siohttp.Attach(mux, a.sio)
	mux.HandleFunc("GET /alive", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "yes") })
	a.http = &http.Server{Handler: a.watch(mux), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	return a
}

func (c config) options() *socketio.Options {
	o := &socketio.Options{
		PingInterval:                  c.PingInterval,
		PingTimeout:                   c.PingTimeout,
		ConnectTimeout:                c.ConnectTimeout,
		CloseTimeout:                  c.CloseTimeout,
		MaxPayload:                    c.MaxPayload,
		MaxQueueBytes:                 c.MaxQueueBytes,
		MaxSessions:                   c.MaxSessions,
		MaxSessionsPerIP:              c.MaxSessionsPerIP,
		MaxHandshakesPerSecond:        c.HandshakesPerSecond,
		WebSocketCompressionThreshold: c.Compression,
		Logger:                        slog.New(slog.DiscardHandler),
		AllowRequest: func(r *http.Request) error {
			if r.Header.Get(refuseHeader) != "" {
				return errors.New("not you")
			}
			return nil
		},
	}
	if c.RejectFull {
		o.QueuePolicy = socketio.QueueReject
	}
	if c.EventsPerSecond > 0 {
		o.EventLimiter = socketio.TokenBuckets(c.EventsPerSecond, int(c.EventsPerSecond))
	}
	return o
}

// watch notes which requests are being served.
func (a *app) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		defer a.requests.Add(-1)
		if sid := r.URL.Query().Get("sid"); sid != "" && r.Method == http.MethodGet && r.Header.Get("Upgrade") == "" {
			a.polling(sid, 1)
			defer a.polling(sid, -1)
		}
		next.ServeHTTP(w, r)
	})
}

func (a *app) polling(sid string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.polls[sid] += n; a.polls[sid] == 0 {
		delete(a.polls, sid)
	}
}

// tags are where the sockets keep theirs.
var tags = socketio.NewKey[string]("tag")

func (a *app) authenticate(_ context.Context, s *socketio.Socket) error {
	var given auth
	if err := s.Auth(&given); err != nil {
		return err
	}
	if given.Refuse {
		return socketio.Reject("not you", nil)
	}
	tags.Set(s, given.Tag)
	return nil
}

// roomOf is the room that the socket with a tag is in.
func roomOf(tag string) string { return "room of " + tag }

func (a *app) connected(_ context.Context, s *socketio.Socket) error {
	tag, _ := tags.Get(s)
	s.Join("everybody", roomOf(tag))
	a.note(tag, func(j *Journal) {
		j.Connects++
		a.sockets[tag] = s
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Connects++
	return nil
}

func (a *app) disconnecting(s *socketio.Socket, reason socketio.Reason) {
	tag, _ := tags.Get(s)
	a.note(tag, func(j *Journal) {
		j.Disconnecting++
		j.RoomSeen = slices.Contains(s.Rooms(), roomOf(tag))
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Disconnecting++
}

func (a *app) disconnected(s *socketio.Socket, reason socketio.Reason) {
	tag, _ := tags.Get(s)
	a.note(tag, func(j *Journal) {
		j.Reasons = append(j.Reasons, string(reason))
		j.Ended = time.Now()
		delete(a.sockets, tag)
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Reasons[string(reason)]++
}

// note writes into the journal of a tag. Sockets without one have none, or the
// journals would grow with each wave.
func (a *app) note(tag string, write func(*Journal)) {
	if tag == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.journals[tag]
	if j == nil {
		j = new(Journal)
		a.journals[tag] = j
	}
	write(j)
}

func (a *app) socket(tag string) (*socketio.Socket, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sockets[tag]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no socket with tag %q", tag)
}

// Control is what a test can have the server do, and ask it.
type Control struct{ app *app }

// Counts are what the server has counted, and is made of.
type Counts struct {
	Sessions, Requests      int
	Held                    int // handlers
	Connects, Disconnecting int
	Reasons                 map[string]int // of the disconnects
	Goroutines              int
	Heap                    int64 // live, in bytes; if asked for
}

// Disconnects returns the number of all.
func (c Counts) Disconnects() (n int) {
	for _, of := range c.Reasons {
		n += of
	}
	return n
}

// Count counts, after a collection of all garbage if thorough.
func (c *Control) Count(thorough bool, counts *Counts) error {
	if thorough {
		for range 3 { // what pools keep is gone after the second
			runtime.GC()
		}
		debug.FreeOSMemory()
	}
	a := c.app
	a.mu.Lock()
	*counts = a.counts
	counts.Reasons = make(map[string]int, len(a.counts.Reasons))
	for reason, n := range a.counts.Reasons {
		counts.Reasons[reason] = n
	}
	a.mu.Unlock()
	counts.Sessions = a.sio.Engine().Count()
	counts.Requests = int(a.requests.Load())
	counts.Held = int(a.held.Load())
	counts.Goroutines = runtime.NumGoroutine()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	counts.Heap = int64(mem.HeapAlloc)
	return nil
}

// Stacks returns those of all goroutines.
func (c *Control) Stacks(_ bool, text *string) error {
	buf := make([]byte, 1<<20)
	*text = string(buf[:runtime.Stack(buf, true)])
	return nil
}

// Journal is what happened to the sockets with a tag.
type Journal struct {
	Connects, Disconnecting int
	RoomSeen                bool // the room was readable in OnDisconnecting
	Reasons                 []string
	Ended                   time.Time
}

// Journal returns that of a tag.
func (c *Control) Journal(tag string, j *Journal) error {
	c.app.mu.Lock()
	defer c.app.mu.Unlock()
	if found := c.app.journals[tag]; found != nil {
		*j = *found
	}
	return nil
}

// Polls reports whether a GET of the session waits.
func (c *Control) Polls(sid string, polls *bool) error {
	c.app.mu.Lock()
	defer c.app.mu.Unlock()
	*polls = c.app.polls[sid] > 0
	return nil
}
