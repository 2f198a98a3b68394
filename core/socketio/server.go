package socketio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/gosocketio/sio/core/browser"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/workers"
	"github.com/gosocketio/sio/core/parser"
)

// Server is a Socket.IO server. It is an [http.Handler], which finds out by the
// query what a request is about, so it can be mounted at any path; and it is the
// main namespace, "/". All methods may be called concurrently.
type Server struct {
	*Namespace
	opts   *Options
	engine *engineio.Server
	client *browser.Handler // nil if it is not served

	json      *parser.JSON // Options.Parser, or nil if that is another one
	workers   workers.Pool // run the handlers
	single    bool         // no other node can be in its cluster
	forwarder *forwarder   // nil unless requests are forwarded

	// Lock order: mu, then the locks of rooms.Index. A socket's mu is taken before
	// both, and before those of its queue and of its conn's session.
	mu         sync.RWMutex // guards what follows
	namespaces map[string]*Namespace
	leaving    map[string]chan struct{} // namespaces that were removed and still leave the cluster
	dynamic    []*DynamicNamespace      // in the order of registration
	onNew      []func(*Namespace)
	closing    bool

	saving     context.Context // ends when sessions cannot be kept any more
	stopSaving context.CancelFunc
	saveFailed throttle
	logged     throttles // what clients can make happen

	live sync.WaitGroup // one for each socket whose last handler has not returned
}

// NewServer returns a server; nil stands for the default options. It panics if
// opts cannot be meant.
func NewServer(opts *Options) *Server {
	s := &Server{opts: opts.withDefaults(), namespaces: make(map[string]*Namespace), leaving: make(map[string]chan struct{})}
	s.json, _ = s.opts.Parser.(*parser.JSON)
	s.saving, s.stopSaving = context.WithCancel(context.Background())
	if s.opts.NodeID == "" {
		s.opts.NodeID = newID()
	}
	if s.opts.Recovery != nil && s.opts.Cluster == nil {
		s.opts.Cluster = s.opts.Recovery.memory()
		s.single = true
	}
	if s.opts.Forwarding != nil {
		s.forwarder = newForwarder(s.opts, func() *cluster.Node { return s.cluster() })
		s.opts.GenerateID = s.forwarder.tagged(s.opts.GenerateID)
	}
	engine := s.opts.engine()
	if s.forwarder != nil {
		engine.UnknownSession = s.forwarder.serve
	}
	engine.OnConnection = func(session *engineio.Session) engineio.Handler { return newConn(s, session) }
	s.engine = engineio.NewServer(engine)
	if !s.opts.DisableClient {
		s.client = browser.NewHandler(s.opts.ClientFS)
	}
	s.Namespace = newNamespace(s, "/", nil)
	s.namespaces["/"] = s.Namespace
	s.announce(s.Namespace)
	if s.forwarder != nil {
		s.forwarder.start()
	}
	return s
}

// newID returns 120 random bits as 20 characters.
func newID() string {
	var b [15]byte
	rand.Read(b[:])
	var id [20]byte
	base64.RawURLEncoding.Encode(id[:], b[:])
	return string(id[:])
}

// ServeHTTP serves the requests of clients: polls, posts and websocket
// handshakes, and the files of the browser client. It returns when a request is
// answered, or its connection has become a websocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.client != nil && s.client.Has(r.URL.Path) {
		if !s.engine.AnswerCORS(w, r) {
			s.client.ServeHTTP(w, r)
		}
		return
	}
	if s.forwarder != nil {
		r = s.forwarder.receive(r)
	}
	s.engine.ServeHTTP(w, r)
}

// Ready waits until the server has joined its cluster with the main namespace; other
// namespaces join when they are created. Without a cluster it is ready at once. The
// server works without the cluster as well, and joins in the background when the bus
// is there: Ready is for those who do not want to serve before. It returns an error
// if ctx ends, or the server is closed, before that.
func (s *Server) Ready(ctx context.Context) error {
	node := s.cluster()
	if node == nil {
		return nil
	}
	if err := node.Ready(ctx); err != nil || s.forwarder == nil {
		return err
	}
	return s.forwarder.ready(ctx)
}

// Engine returns the Engine.IO layer.
func (s *Server) Engine() *engineio.Server { return s.engine }

// Of returns the namespace of that name; a missing "/" in front is added. It is
// created if it does not exist, and never removed. If its name matches a regular
// expression given to OfMatch, it becomes a child of that dynamic namespace.
//
// It panics if the name has a comma, with which no packet could name it.
func (s *Server) Of(name string) *Namespace {
	name = normalize(name)
	if strings.Contains(name, ",") {
		panic(fmt.Sprintf("socketio: the name of namespace %q has a comma", name))
	}
	s.mu.RLock()
	n := s.namespaces[name]
	s.mu.RUnlock()
	if n != nil {
		n.pin()
		return n
	}
	n, created := s.create(name, s.matching(name), true)
	if created {
		s.announce(n)
	}
	return n
}

func normalize(name string) string {
	if !strings.HasPrefix(name, "/") {
		return "/" + name
	}
	return name
}

// OfMatch returns a dynamic namespace: clients may connect to every namespace
// whose name matches re. Each is created when its first client connects, and
// removed after the last has gone (see Options.KeepEmptyChildNamespaces).
// Namespaces made by Of go first, then dynamic ones in the order in which they
// were registered. Anchor the expression. To keep a child for later use take it
// from Of, which also keeps it from being removed: one that was removed reaches
// nobody, even if another of its name was made since.
func (s *Server) OfMatch(re *regexp.Regexp) *DynamicNamespace {
	mustNotBeNil(re == nil, "OfMatch")
	return s.addDynamic(&DynamicNamespace{
		server: s,
		re:     re,
		match:  func(_ context.Context, name string, _ json.RawMessage) bool { return re.MatchString(name) },
	})
}

// OfFunc is like OfMatch, with a function that decides by the name and by what
// the client gave as auth (a JSON object or nil). It may block until ctx ends;
// it runs on a goroutine of the client that wants to connect.
func (s *Server) OfFunc(match func(ctx context.Context, name string, auth json.RawMessage) bool) *DynamicNamespace {
	mustNotBeNil(match == nil, "OfFunc")
	return s.addDynamic(&DynamicNamespace{server: s, match: match})
}

func (s *Server) addDynamic(d *DynamicNamespace) *DynamicNamespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dynamic = append(slices.Clip(s.dynamic), d)
	return d
}

// matching returns the dynamic namespace that a namespace made by hand belongs to.
func (s *Server) matching(name string) *DynamicNamespace {
	for _, d := range s.dynamicNamespaces() {
		if d.re != nil && d.re.MatchString(name) {
			return d
		}
	}
	return nil
}

func (s *Server) dynamicNamespaces() []*DynamicNamespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.dynamic
}

// OnNewNamespace registers a function that is called with each namespace that is
// created from now on. Clients are connected to the namespace after it has
// returned. If it panics, the namespace is not created.
func (s *Server) OnNewNamespace(fn func(*Namespace)) {
	mustNotBeNil(fn == nil, "OnNewNamespace")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onNew = append(slices.Clip(s.onNew), fn)
}

// Namespaces returns the names of the namespaces that exist now, sorted.
func (s *Server) Namespaces() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := make([]string, 0, len(s.namespaces))
	for name := range s.namespaces {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// create makes a namespace, or returns the one that was made in the meantime. It
// is pinned, or else gets a user.
func (s *Server) create(name string, parent *DynamicNamespace, pinned bool) (n *Namespace, created bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = s.namespaces[name]; n == nil {
		n, created = newNamespace(s, name, parent), true
		s.namespaces[name] = n
	}
	if pinned {
		n.pinned = true
	} else {
		n.users++
	}
	return n, created
}

// announce makes a new namespace part of the cluster and of the world.
func (s *Server) announce(n *Namespace) {
	n.broken = true
	defer func() {
		if n.broken { // a function panicked
			s.forget(n)
		}
		close(n.ready)
	}()
	n.cluster()
	s.mu.RLock()
	fns := s.onNew
	s.mu.RUnlock()
	for _, fn := range fns {
		fn(n)
	}
	n.broken = false
}

// forget removes a namespace that could not be announced.
func (s *Server) forget(n *Namespace) {
	s.mu.Lock()
	delete(s.namespaces, n.name)
	left := n.leavingLocked()
	s.mu.Unlock()
	left()
}

// mayExist reports whether it is worth asking resolve.
func (s *Server) mayExist(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[name] != nil || len(s.dynamic) > 0
}

// resolve returns the namespace that a client asks for, and counts the client as
// its user. It waits until the namespace has been announced.
func (s *Server) resolve(ctx context.Context, name string, auth json.RawMessage) (*Namespace, error) {
	n, created := s.use(name), false
	if n == nil {
		for _, d := range s.dynamicNamespaces() {
			if d.match(ctx, name, auth) {
				n, created = s.create(name, d, false)
				break
			}
		}
	}
	if n == nil {
		return nil, errInvalidNamespace
	}
	if created {
		s.announce(n)
		return n, nil
	}
	if n.isReady(ctx) && !n.broken {
		return n, nil
	}
	n.release()
	return nil, errInternal
}

// isReady waits until the namespace has been announced, and reports false if ctx ends
// before.
func (n *Namespace) isReady(ctx context.Context) bool {
	select {
	case <-n.ready: // nearly always; asking ctx would cost each socket a channel
		return true
	default:
	}
	select {
	case <-n.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// use returns the namespace and counts a user; nil if it does not exist.
func (s *Server) use(name string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	if n != nil {
		n.users++
	}
	return n
}

// all returns the namespaces that exist now.
func (s *Server) all() []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Namespace, 0, len(s.namespaces))
	for _, n := range s.namespaces {
		list = append(list, n)
	}
	return list
}

// hold counts a new socket, unless the server is closing. See letGo.
func (s *Server) hold() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closing {
		return false
	}
	s.live.Add(1)
	s.workers.Hold()
	return true
}

// letGo ends what hold began.
func (s *Server) letGo() {
	s.workers.Release()
	s.live.Done()
}

func (s *Server) isClosing() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closing
}

// safely runs a hook, whose panic is logged.
func (s *Server) safely(hook func()) {
	defer func() {
		if p := recover(); p != nil {
			s.opts.Logger.Error("socketio: panic in a hook of Options.Trace", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	hook()
}

func (s *Server) refused(namespace string, err error) {
	if t := s.opts.Trace; t.Refused != nil {
		s.safely(func() { t.Refused(namespace, err) })
	}
}
