package engineio

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/internal/workers"
	"github.com/gosocketio/sio/core/internal/ws"
)

// Server serves Engine.IO, protocol 4 and, if allowed, 3. It is an http.Handler
// that looks at the query of a request, never at its path, so it can be mounted
// anywhere, also more than once. All methods may be called concurrently.
type Server struct {
	opts      Options
	ioTimeout time.Duration // for reading a body and for writing anything
	proxies   proxies
	warnings  warnings
	upgrader  *ws.Upgrader
	parker    ws.Parker
	workers   workers.Pool
	turns     turns
	flusher   flusher
	lingering lingering
	date      date
	// How open packets go on behind the id.
	behindIDOfPolling, behindIDOfWebSocket string
	// How much may be kept back in a turn.
	keptMessages, keptBytes int
	sweeps                  atomic.Uint32 // how often sweep has run, and one

	// running counts the open sessions and the goroutines that belong to them.
	// It is only raised for something that a counted one vouches for, or under mu.
	running sync.WaitGroup

	// mu guards what follows. It is never held together with a session's.
	mu         sync.RWMutex
	sessions   map[string]*Session
	admissions admissions
	refusing   bool       // no new sessions
	ended      [64]string // ids of sessions that ended last, a ring
	oldest     int        // in ended
	sweeping   bool       // sweep is going to run
}

// NewServer returns a server with a copy of opts; nil means all defaults. It
// panics if opts can only be a mistake (negative durations, unknown
// transports, an invalid cookie, origin pattern or proxy).
func NewServer(opts *Options) *Server {
	s := &Server{opts: opts.withDefaults(), sessions: make(map[string]*Session)}
	s.sweeps.Store(1)
	s.proxies = parseProxies(s.opts.TrustedProxies)
	s.admissions.clients = make(map[netip.Addr]int)
	if s.opts.Logger == nil {
		s.opts.Logger = slog.Default()
	}
	// A body or an answer that takes longer than a silent peer may live is stuck.
	s.ioTimeout = s.opts.PingInterval + s.opts.PingTimeout
	s.upgrader = ws.NewUpgrader(&ws.Options{
		MaxMessage:   s.opts.MaxPayload,
		Compression:  s.opts.WebSocketCompressionThreshold > 0,
		WriteTimeout: s.ioTimeout,
		Linger:       closeLinger,
		HoldResponse: true, // the open packet follows at once
	})
	s.behindIDOfPolling, s.behindIDOfWebSocket = s.behindID(s.upgrades()), s.behindID([]string{})
	s.flusher.most = runtime.GOMAXPROCS(0)
	s.keptMessages = keptOf(s.opts.MaxQueueMessages, mostKept)
	s.keptBytes = keptOf(s.opts.MaxQueueBytes, mostKeptBytes)
	return s
}

// ServeHTTP serves one request. A poll blocks until there is something to
// answer; a websocket handshake returns once the connection is hijacked.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := newRequest(w, r)
	if !q.upgrade {
		growStack(false)
	}
	if s.opts.CORS.answers(w, r) {
		return
	}
	session, refused := s.verify(q)
	switch {
	case refused != nil && refused.mayBeElsewhere() && s.servedElsewhere(q):
	case refused != nil:
		s.refuse(q, refused)
	case session == nil:
		s.serveHandshake(q)
	case q.upgrade:
		session.serveUpgrade(q)
	case r.Method == http.MethodGet:
		session.servePoll(q)
	case r.Method == http.MethodPost:
		session.servePost(q)
	default:
		w.WriteHeader(http.StatusInternalServerError) // as the reference server
	}
}

// servedElsewhere reports whether Options.UnknownSession has answered the request.
func (s *Server) servedElsewhere(q *request) bool {
	return s.opts.UnknownSession != nil && s.opts.UnknownSession(q.w, q.r, q.sid)
}

// serveHandshake serves a request for a new session, which is in order.
func (s *Server) serveHandshake(q *request) {
	if refused := s.admit(q); refused != nil {
		s.refuse(q, refused)
		return
	}
	defer s.dismiss(q)
	if refused := s.allow(q); refused != nil {
		s.refuse(q, refused)
		return
	}
	if q.upgrade {
		s.openWebSocket(q)
	} else {
		s.openPolling(q)
	}
}

// openPolling serves a handshake over polling.
func (s *Server) openPolling(q *request) {
	id, refused := s.newID(q)
	if refused != nil {
		s.refuse(q, refused)
		return
	}
	session := newSession(s, id, q)
	session.wake = make(chan struct{}, 1)
	if refused := s.register(q, session); refused != nil {
		s.refuse(q, refused)
		return
	}
	session.open()
	s.setHandshakeHeaders(q.w.Header(), q.r, id)
	packets := []packet.Packet{{Type: packet.Open, Data: session.openData(s.behindIDOfPolling)}}
	if p := s.opts.InitialPacket; p != nil {
		packets = append(packets, packet.Packet{Type: packet.Message, Data: p})
	}
	q.begin(q.r)
	err := session.writePackets(q, packets, true)
	if err != nil {
		session.end(TransportError, err)
	}
}

func (s *Server) newID(q *request) (string, *ConnectionError) {
	id, err := s.opts.GenerateID(q.r)
	if err == nil && id == "" {
		err = errEmptyID
	}
	if _, used := s.lookup(id); err == nil && used {
		err = errUsedID
	}
	if err != nil {
		return "", q.idRefusal(err)
	}
	return id, nil
}

var (
	errEmptyID = errors.New("engineio: empty session id")
	errUsedID  = errors.New("engineio: session id already in use")
)

func (q *request) idRefusal(err error) *ConnectionError {
	return q.refusal(codeBadRequest, "ID_GENERATION_ERROR", map[string]any{"error": err})
}

// setHandshakeHeaders sets what only the answer to a handshake carries.
func (s *Server) setHandshakeHeaders(h http.Header, r *http.Request, id string) {
	if c := s.opts.Cookie; c != nil {
		h.Add("Set-Cookie", cookieFor(c, id))
	}
	if s.opts.OnInitialHeaders != nil {
		s.opts.OnInitialHeaders(h, r)
	}
}

func newSession(s *Server, id string, q *request) *Session {
	return &Session{
		server:    s,
		id:        id,
		protocol:  q.protocol(),
		base64:    q.base64,
		jsonp:     q.hasJSONP && !q.upgrade,
		jsonpCall: packet.JSONPIndex(q.jsonp),
		opening:   q.opening.of(q.r),
		bound:     s.binding(q.r),
		done:      make(chan struct{}),
		receiving: true, // until OnConnection has returned
		turnPlace: s.turns.begun.Add(1),
	}
}

// openMessage is the data of the open packet; the order of the keys is that of
// the reference server.
type openMessage struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // milliseconds
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int64    `json:"maxPayload"`
}

// beforeID is how an openMessage begins.
const beforeID = `{"sid":`

// behindID returns an openMessage from behind the id on.
func (s *Server) behindID(upgrades []string) string {
	data := mustMarshal(openMessage{"", upgrades, s.opts.PingInterval.Milliseconds(), s.opts.PingTimeout.Milliseconds(), s.opts.MaxPayload})
	return string(data[len(beforeID+`""`):])
}

// mustMarshal is for strings and integers, which always marshal.
func mustMarshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// openData returns an openMessage. It does without json.Marshal as a rule: that takes more
// stack than all else on the goroutine of a handshake.
func (s *Session) openData(behindID string) []byte {
	b := make([]byte, 0, len(beforeID)+len(s.id)+2+len(behindID))
	b = append(b, beforeID...)
	if strings.ContainsFunc(s.id, special) {
		b = append(b, mustMarshal(s.id)...)
	} else {
		b = append(b, '"')
		b = append(b, s.id...)
		b = append(b, '"')
	}
	return append(b, behindID...)
}

// special reports whether r may not stand for itself in JSON.
func special(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }

// openPacket is the open packet of a websocket handshake.
func (s *Session) openPacket() packet.Packet {
	return packet.Packet{Type: packet.Open, Data: s.openData(s.server.behindIDOfWebSocket)}
}

func (s *Server) upgrades() []string {
	if s.opts.DisableUpgrades || !s.hasTransport(transportWebSocket) {
		return []string{}
	}
	return []string{transportWebSocket}
}

// connect tells the hooks about a session and returns its handler.
func (s *Server) connect(session *Session) Handler {
	if trace := s.opts.Trace.SessionOpened; trace != nil {
		trace(session)
	}
	if s.opts.OnConnection == nil {
		return discard{}
	}
	if h := s.opts.OnConnection(session); h != nil {
		return h
	}
	return discard{}
}

// register adds a session, which counts as running until it was finished.
func (s *Server) register(q *request, session *Session) *ConnectionError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusing {
		return q.shuttingDown()
	}
	if _, used := s.sessions[session.id]; used {
		return q.idRefusal(errUsedID)
	}
	s.sessions[session.id] = session
	s.sweepLaterLocked()
	s.running.Add(1)
	s.workers.Hold()
	s.admissions.opening--
	q.registered = true
	return nil
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session.id)
	s.uncountLocked(session.opening.client)
	s.ended[s.oldest] = session.id
	s.oldest = (s.oldest + 1) % len(s.ended)
}

// endedLately reports whether id is that of a session that has just ended: a
// last poll or POST of its client is nothing to warn about.
func (s *Server) endedLately(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return id != "" && slices.Contains(s.ended[:], id)
}

func (s *Server) lookup(id string) (*Session, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	session, ok := s.sessions[id]
	return session, ok
}

// Count returns the number of open sessions.
func (s *Server) Count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sessions)
}

// Session returns the open session with the given id.
func (s *Server) Session(id string) (*Session, bool) { return s.lookup(id) }

// Sessions iterates over the sessions that were open when the iteration began,
// in no particular order.
func (s *Server) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for _, session := range s.snapshot() {
			if !yield(session) {
				return
			}
		}
	}
}

func (s *Server) snapshot() []*Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		all = append(all, session)
	}
	return all
}

// StopAccepting refuses new sessions with 503 from now on. The open ones go on.
func (s *Server) StopAccepting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = true
}

// Shutdown stops accepting, closes every session gracefully and waits until all
// have ended and their OnClose has returned. If ctx ends first, the rest is
// aborted and Shutdown returns ctx.Err(). It must not be called by a Handler.
func (s *Server) Shutdown(ctx context.Context) error {
	s.StopAccepting()
	for _, session := range s.snapshot() {
		session.Close()
		session.endIfIdle()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.running.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.abortAll()
	<-ended
	return ctx.Err()
}

// Close stops accepting, ends every session with ForcedClose, discarding what is
// queued, and waits until their OnClose has returned. It must not be called by a
// Handler. The error is always nil.
func (s *Server) Close() error {
	s.StopAccepting()
	s.abortAll()
	s.running.Wait()
	return nil
}

func (s *Server) abortAll() {
	for _, session := range s.snapshot() {
		session.end(ForcedClose, nil)
	}
}
