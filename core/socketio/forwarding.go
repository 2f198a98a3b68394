package socketio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// Forwarding makes a load balancer without sticky sessions possible: a poll, a POST
// or an upgrade that arrives at another node than that of its session is forwarded
// there, over HTTP and as it is. All nodes must have it, and be servers of this
// library: a Node.js server in the same cluster can neither forward nor be
// forwarded to, and its sessions need to stay with it.
//
// A websocket that arrives at the wrong node goes through it for as long as it
// lives. Clients that use websocket only need no forwarding: their sessions begin
// with the connection.
//
// The id of each session gets a tag that tells the nodes, and nobody else, whose it
// is; so each node finds the way by itself. The nodes tell each other their URLs
// through the cluster, signed with the secret.
//
// A request arrives with its Host, its headers and the address of its client as the
// first node saw them. To handlers in front of the server (middleware) its
// RemoteAddr is that of the first node; X-Forwarded-For and X-Forwarded-Proto are
// kept or, if there are none, set. They run on both nodes.
type Forwarding struct {
	// URL is where the other nodes reach this one, past the load balancer: an http or
	// https URL with the path that the server is mounted at, as
	// "http://10.0.0.3:8080/socket.io/". Required.
	URL string
	// Secret is known to all nodes and nobody else; at least 16 bytes. Required.
	Secret string
	// Transport sends requests to other nodes; it must speak HTTP/1.1, for
	// websockets. Default: connections of its own, without a proxy, that are given up
	// if the node does not accept them within 2 s.
	Transport http.RoundTripper
}

// minSecret is the least length of a secret, in bytes.
const minSecret = 16

// forwardHeader is how a node says that it forwards a request, see hop.
const forwardHeader = "Sio-Forwarded"

// forwarder forwards requests to the nodes that have their sessions.
type forwarder struct {
	keys     keyring
	self     owner
	peers    *peers
	proxy    *httputil.ReverseProxy
	idle     *http.Transport // ours; nil if the user gave another
	patience time.Duration   // for the body of a request, and for a client that does not read
	logger   *slog.Logger
	warned   throttle // of nodes that are not reached
	strayed  throttle // of requests that end up here

	announced chan struct{} // closed when it was

	ctx    context.Context // ends at close
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // one for each request on its way; raised under mu
}

// newForwarder panics if the options cannot be meant. Node is asked for the
// membership of the main namespace; it returns nil while there is none.
func newForwarder(o *Options, node func() *cluster.Node) *forwarder {
	u, err := url.Parse(o.Forwarding.URL)
	switch {
	case err != nil:
		panic("socketio: Options.Forwarding.URL: " + err.Error())
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		panic(fmt.Sprintf("socketio: Options.Forwarding.URL %q is not an http or https URL of the form http://host:port/path/", o.Forwarding.URL))
	case len(o.Forwarding.Secret) < minSecret:
		panic(fmt.Sprintf("socketio: Options.Forwarding.Secret has less than %d bytes", minSecret))
	case o.Cluster == nil:
		panic("socketio: Options.Forwarding needs Options.Cluster")
	}
	f := &forwarder{keys: keyring{[]byte(o.Forwarding.Secret)}, logger: o.Logger, patience: o.patience()}
	f.announced = make(chan struct{})
	f.self = f.keys.owner(o.NodeID)
	f.peers = newPeers(f.keys, o.NodeID, u.String(), node)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	transport := o.Forwarding.Transport
	if transport == nil {
		f.idle = newPeerTransport()
		transport = f.idle
	}
	f.proxy = &httputil.ReverseProxy{
		Transport:      transport,
		FlushInterval:  -1, // nothing waits in a buffer
		BufferPool:     new(copyBuffers),
		Rewrite:        f.rewrite,
		ModifyResponse: f.modifyResponse,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { hopOf(r).err = err },
		ErrorLog:       log.New(io.Discard, "", 0), // what matters goes to the ErrorHandler
	}
	return f
}

// start has this node and the others know of each other as soon as it has joined the
// cluster.
func (f *forwarder) start() {
	node := f.peers.node()
	if node == nil || !f.begin() {
		return
	}
	go func() {
		defer f.running.Done()
		if node.Ready(f.ctx) == nil {
			f.peers.announce()
			close(f.announced)
		}
	}()
}

// ready waits until the other nodes have been told where this one is.
func (f *forwarder) ready(ctx context.Context) error {
	select {
	case <-f.announced:
		return nil
	case <-f.ctx.Done():
		return cluster.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// newPeerTransport returns the default of Forwarding.Transport. Idle connections go
// before the other node might close them, because a POST that meets a connection
// being closed is lost.
func newPeerTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	return &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   2 * time.Second,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       time.Second,
		DisableCompression:    true, // that is between the client and the owner
		ExpectContinueTimeout: time.Second,
	}
}

// hop is one request on its way to another node.
type hop struct {
	to  *peer
	sid string
	w   http.ResponseWriter
	err error // the node was not reached
}

type hopKey struct{}

func hopOf(r *http.Request) *hop { return r.Context().Value(hopKey{}).(*hop) }

// arrivedKey marks the context of a request that another node forwarded.
type arrivedKey struct{}

// receive recognizes a request that another node forwarded, and gives it back the
// address of its client. It is for this node only if the owner in its header is.
func (f *forwarder) receive(r *http.Request) *http.Request {
	values := r.Header[forwardHeader]
	if values == nil {
		return r
	}
	ctx := r.Context()
	to, remote, ok := f.keys.openHop(values[0], r.URL.Query().Get("sid"))
	if ok {
		ctx = context.WithValue(ctx, arrivedKey{}, to)
	}
	own := r.WithContext(ctx)
	own.Header = r.Header.Clone()
	own.Header.Del(forwardHeader)
	if ok {
		own.RemoteAddr = remote
	}
	return own
}

// serve is engineio.Options.UnknownSession.
func (f *forwarder) serve(w http.ResponseWriter, r *http.Request, sid string) bool {
	if to, ok := r.Context().Value(arrivedKey{}).(owner); ok {
		f.stray(r.Context(), to)
		return false
	}
	owner, ok := f.keys.ownerOf(sid)
	if !ok || owner == f.self || !f.begin() {
		return false
	}
	defer f.running.Done()
	to := f.peers.find(r.Context(), owner)
	if to == nil {
		return false
	}
	return f.forward(w, r, &hop{to: to, sid: sid, w: w})
}

// stray warns of a request that was forwarded here by mistake.
func (f *forwarder) stray(ctx context.Context, to owner) {
	if to == f.self || !f.strayed.due() { // its own: a session that has ended
		return
	}
	name := "unknown"
	if p := f.peers.find(ctx, to); p != nil {
		name = p.name
	}
	f.logger.Error("socketio: a request that was forwarded to another node has arrived here: "+
		"the URL of that node (Options.Forwarding.URL) leads to the load balancer, or to this node", "node", name)
}

// begin counts a request, unless the forwarder is closed.
func (f *forwarder) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Add(1)
	return true
}

// forward reports whether the request was answered.
func (f *forwarder) forward(w http.ResponseWriter, r *http.Request, h *hop) bool {
	rc := http.NewResponseController(w)
	// As for a session of our own: the timeouts of the http.Server are for requests
	// that should be short. Errors mean that the limits of a middleware apply.
	rc.SetReadDeadline(time.Time{})
	rc.SetWriteDeadline(time.Time{})
	if r.Method == http.MethodPost {
		rc.SetReadDeadline(time.Now().Add(f.patience))
	}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), hopKey{}, h))
	defer cancel()
	cut := make(chan struct{})
	stop := context.AfterFunc(f.ctx, func() {
		defer close(cut)
		cancel()
		rc.SetWriteDeadline(time.Now())
	})
	defer func() {
		if !stop() {
			<-cut // w is not to be touched when this has returned
		}
	}()
	f.proxy.ServeHTTP(w, r.WithContext(ctx))
	switch {
	case h.err == nil || r.Context().Err() != nil:
		return true
	case f.ctx.Err() != nil:
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	f.unreachable(h)
	return false
}

// unreachable deals with a node that did not take a request. It is asked for again
// when the next request wants to go there.
func (f *forwarder) unreachable(h *hop) {
	if dial := (*net.OpError)(nil); errors.As(h.err, &dial) && dial.Op == "dial" {
		f.peers.forget(h.to)
	}
	if f.warned.due() {
		f.logger.Warn("socketio: a request could not be forwarded to the node of its session", "node", h.to.name, "url", h.to.url.String(), "error", h.err)
	}
}

// rewrite addresses a request to the node of the hop.
func (f *forwarder) rewrite(p *httputil.ProxyRequest) {
	h := hopOf(p.In)
	p.Out.URL.Scheme, p.Out.URL.Host = h.to.url.Scheme, h.to.url.Host
	p.Out.URL.Path, p.Out.URL.RawPath = h.to.url.Path, h.to.url.RawPath
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := p.In.Header[name]; v != nil {
			p.Out.Header[name] = v
		}
	}
	if host, _, err := net.SplitHostPort(p.In.RemoteAddr); err == nil && p.Out.Header["X-Forwarded-For"] == nil {
		p.Out.Header.Set("X-Forwarded-For", host)
	}
	if p.Out.Header["X-Forwarded-Proto"] == nil {
		p.Out.Header.Set("X-Forwarded-Proto", scheme(p.In))
	}
	p.Out.Header.Set(forwardHeader, f.keys.sealHop(h.to.owner, h.sid, p.In.RemoteAddr))
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// modifyResponse keeps headers from being there twice that the owner and this node
// both set: those for other origins, and those of middleware.
func (f *forwarder) modifyResponse(res *http.Response) error {
	h := hopOf(res.Request)
	ours := h.w.Header()
	for _, name := range []string{"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Transfer-Encoding", "Upgrade"} {
		ours.Del(name) // they describe the answer, which is the owner's
	}
	for name := range ours {
		if name != "Set-Cookie" {
			res.Header.Del(name)
		}
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		http.NewResponseController(h.w).SetWriteDeadline(time.Now().Add(f.patience))
	}
	return nil
}

// tagged returns a function that makes ids of sessions, from which the nodes can
// tell that they are this node's.
func (f *forwarder) tagged(generate func(*http.Request) (string, error)) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		id, err := newID(), error(nil)
		if generate != nil {
			id, err = generate(r)
		}
		if err != nil || id == "" {
			return id, err
		}
		return f.keys.tag(id, f.self), nil
	}
}

// close cuts off all requests on their way and waits for them.
func (f *forwarder) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.running.Wait()
	if f.idle != nil {
		f.idle.CloseIdleConnections()
	}
}

// copyBuffers are those that answers are copied with.
type copyBuffers struct{ pool sync.Pool }

const copyBufferSize = 32 << 10

// Get implements [httputil.BufferPool].
func (b *copyBuffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[copyBufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, copyBufferSize)
}

// Put implements [httputil.BufferPool].
func (b *copyBuffers) Put(buf []byte) {
	if len(buf) == copyBufferSize {
		b.pool.Put((*[copyBufferSize]byte)(buf))
	}
}
