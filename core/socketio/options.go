package socketio

import (
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// CORS says which origins other than the server's own may connect.
type CORS = engineio.CORS

// QueuePolicy says what happens when a client's queue is full.
type QueuePolicy = engineio.QueuePolicy

// What happens when the queue of what a client has not yet read is full.
const (
	QueueDisconnect = engineio.QueueDisconnect // the client is disconnected, with reason SlowConsumer
	QueueReject     = engineio.QueueReject     // the message is not sent; Emit to one socket returns ErrQueueFull
)

// Options are the options of a server. The zero value of each field means its
// default; a negative number or duration turns a limit off.
type Options struct {
	// PingInterval is the time between a pong and the next ping; 25 s by default.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a ping; 20 s by default.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to websocket may take; 10 s by default.
	UpgradeTimeout time.Duration
	// CloseTimeout is how long a closing connection may take to fetch what is
	// queued for it; 30 s by default.
	CloseTimeout time.Duration
	// ConnectTimeout is how long a connection may be open without having joined a
	// namespace; 45 s by default.
	ConnectTimeout time.Duration
	// MaxPayload is the greatest size of an incoming message or POST body, in
	// bytes; 1,000,000 by default.
	MaxPayload int64
	// MaxAttachments is the greatest number of binary attachments of a packet; 10
	// by default. It concerns the default parser only.
	MaxAttachments int
	// MaxInflight is how many events of a socket may wait for their handlers
	// before the server stops reading from its connection; 1024 by default. While a
	// Call waits for an answer of the client, reading goes on, and a client of which
	// 16 times as many events wait (and at least 4096) is disconnected.
	MaxInflight int

	// MaxNamespaces is how many namespaces a connection may be in at a time, those
	// included whose handlers still run after it has left; 100 by default. Beyond,
	// it gets connect_error.
	MaxNamespaces int

	// Transports are the transports that are offered, "polling" and "websocket";
	// both by default.
	Transports []string
	// DisableClient does not hand out the browser client. By default it is served
	// below the path of the server, as socket.io.js, socket.io.esm.js, and their
	// minified forms: see package browser.
	DisableClient bool
	// ClientFS has the files that are handed out instead, by the same names: the dist
	// folder of the official client, for instance. Default: our own client.
	ClientFS fs.FS
	// DisableUpgrades keeps clients on the transport that they started with.
	DisableUpgrades bool
	// AllowEIO3 admits clients of version 2, which speak Engine.IO protocol 3.
	AllowEIO3 bool
	// InitialPacket is a text message that is sent along with the handshake.
	InitialPacket []byte

	// HTTPCompressionThreshold is the size in bytes from which on the answers to
	// polls are compressed; 1024 by default.
	HTTPCompressionThreshold int
	// WebSocketCompressionThreshold turns permessage-deflate on for messages of at
	// least that many bytes. It is off by default, since it costs much memory.
	WebSocketCompressionThreshold int

	// Cookie is the template of a cookie that carries the session's id, for load
	// balancers; none by default. The name is "io", the path "/", SameSite Lax if
	// they are not set.
	Cookie *http.Cookie
	// CORS admits pages of other origins. By default only requests of the same
	// host, or without an Origin header, are served.
	CORS *CORS
	// AllowRequest decides on each handshake. An error refuses it with status 403
	// and the error's text.
	AllowRequest func(r *http.Request) error
	// GenerateID makes the id of a session, which must be unique and hard to guess.
	GenerateID func(r *http.Request) (string, error)
	// OnInitialHeaders may add headers to the answer to a handshake.
	OnInitialHeaders func(h http.Header, r *http.Request)
	// OnHeaders may add headers to each answer.
	OnHeaders func(h http.Header, r *http.Request)
	// OnConnectionError is told of each refused request.
	OnConnectionError func(*engineio.ConnectionError)

	// MaxQueueBytes and MaxQueueMessages bound what is queued for one client;
	// 16 MiB and 10,000 by default.
	MaxQueueBytes    int
	MaxQueueMessages int
	// QueuePolicy says what happens beyond; the client is disconnected by default.
	QueuePolicy QueuePolicy

	// Parser is the packet format; JSON by default. Clients must use the same.
	Parser parser.Parser
	// Recovery turns connection state recovery on.
	Recovery *Recovery
	// KeepEmptyChildNamespaces keeps the namespaces that OfMatch and OfFunc made
	// for a client when their last socket is gone.
	KeepEmptyChildNamespaces bool

	// ErrorHandler gets the errors of handlers, among them *ArgError and
	// *PanicError, and those of the protocol. It logs them by default.
	ErrorHandler func(s *Socket, event string, err error)
	// ErrorReply makes the acknowledgement of an event whose handler returned an
	// error. By default it is {"error": message}, with the data of an *Error; the
	// message of other errors than *Error and *ArgError is "internal error".
	ErrorReply func(err error) any

	// Logger is slog.Default() by default.
	Logger *slog.Logger
	// Trace has hooks for metrics and tracing.
	Trace *Trace

	// Cluster connects the server to other nodes. By default there are none.
	Cluster cluster.Backend
	// NodeID names this node in its cluster; random by default.
	NodeID string
	// Forwarding has requests that reach the wrong node of the cluster forwarded to
	// the right one, so that sessions need not be sticky; off by default.
	Forwarding *Forwarding
}

// Recovery are the options of connection state recovery: a client that comes
// back in time after its connection broke gets its id, rooms and values back,
// and the events that it missed. Volatile events and acknowledgements are not
// recovered.
//
// In a cluster, clients get an event once the bus has kept it, since only then is its
// place among those of all nodes known; what is sent after it waits too. If the bus is
// away, the event goes to the clients of this node without being kept; if it hangs,
// that takes up to 10 s.
type Recovery struct {
	// MaxDisconnection is how long a client may be away; 2 min by default.
	MaxDisconnection time.Duration
	// RunMiddleware runs the connect middleware also for a client that is recovered.
	RunMiddleware bool
	// MaxEvents and MaxBytes bound the events kept for each namespace; 10,000 and
	// 16 MiB by default. A client that missed more, or more than MaxQueueMessages
	// and MaxQueueBytes of Options let it be sent, is not recovered.
	MaxEvents int
	MaxBytes  int
}

const (
	defaultConnectTimeout   = 45 * time.Second
	defaultMaxInflight      = 1024
	defaultMaxNamespaces    = 100
	defaultMaxQueueMessages = 10_000
	defaultMaxQueueBytes    = 16 << 20
	defaultMaxDisconnection = 2 * time.Minute
)

// withDefaults returns a copy of o with the defaults filled in.
func (o *Options) withDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	setDefault(&c.ConnectTimeout, defaultConnectTimeout)
	setDefault(&c.MaxInflight, defaultMaxInflight)
	setDefault(&c.MaxNamespaces, defaultMaxNamespaces)
	setDefault(&c.MaxQueueMessages, defaultMaxQueueMessages)
	setDefault(&c.MaxQueueBytes, defaultMaxQueueBytes)
	if c.Parser == nil {
		c.Parser = &parser.JSON{MaxAttachments: c.MaxAttachments}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Trace == nil {
		c.Trace = new(Trace)
	}
	if c.Recovery != nil {
		r := *c.Recovery
		setDefault(&r.MaxDisconnection, defaultMaxDisconnection)
		setDefault(&r.MaxEvents, defaultMaxQueueMessages)
		setDefault(&r.MaxBytes, defaultMaxQueueBytes)
		c.Recovery = &r
	}
	if c.Forwarding != nil {
		f := *c.Forwarding
		c.Forwarding = &f
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = c.logError
	}
	if c.ErrorReply == nil {
		c.ErrorReply = defaultErrorReply
	}
	return &c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// patience is how long the engine lets a body or an answer take.
func (o *Options) patience() time.Duration {
	interval, timeout := o.PingInterval, o.PingTimeout
	setDefault(&interval, 25*time.Second) // as the engine
	setDefault(&timeout, 20*time.Second)
	return interval + timeout
}

// engine returns the options of the Engine.IO layer.
func (o *Options) engine() *engineio.Options {
	return &engineio.Options{
		PingInterval:                  o.PingInterval,
		PingTimeout:                   o.PingTimeout,
		UpgradeTimeout:                o.UpgradeTimeout,
		CloseTimeout:                  o.CloseTimeout,
		MaxPayload:                    o.MaxPayload,
		Transports:                    o.Transports,
		DisableUpgrades:               o.DisableUpgrades,
		AllowEIO3:                     o.AllowEIO3,
		InitialPacket:                 o.InitialPacket,
		HTTPCompressionThreshold:      o.HTTPCompressionThreshold,
		WebSocketCompressionThreshold: o.WebSocketCompressionThreshold,
		Cookie:                        o.Cookie,
		CORS:                          o.CORS,
		AllowRequest:                  o.AllowRequest,
		GenerateID:                    o.GenerateID,
		OnInitialHeaders:              o.OnInitialHeaders,
		OnHeaders:                     o.OnHeaders,
		OnConnectionError:             o.OnConnectionError,
		MaxQueueBytes:                 o.MaxQueueBytes,
		MaxQueueMessages:              o.MaxQueueMessages,
		QueuePolicy:                   o.QueuePolicy,
		Logger:                        o.Logger,
		Trace:                         o.Trace.Engine,
	}
}

func (o *Options) logError(s *Socket, event string, err error) {
	attrs := []any{slog.String("namespace", s.Namespace().Name()), slog.String("socket", s.ID()), slog.Any("error", err)}
	if event != "" {
		attrs = append(attrs, slog.String("event", event))
	}
	if p, ok := err.(*PanicError); ok {
		o.Logger.Error("socketio: panic in a handler", append(attrs, slog.String("stack", string(p.Stack)))...)
		return
	}
	o.Logger.Warn("socketio: handler failed", attrs...)
}

// errorReply is the default acknowledgement of a failed event.
type errorReply struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}

func defaultErrorReply(err error) any {
	switch e, arg := asError(err); {
	case e != nil:
		return errorReply{Error: e.Message, Data: e.Data}
	case arg != nil:
		return errorReply{Error: arg.Error()}
	}
	return errorReply{Error: "internal error"}
}
