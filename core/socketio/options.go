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
	QueueDropOldest = engineio.QueueDropOldest // the oldest events in the queue are lost; see Options.QueuePolicy
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
	// PollTimeout answers a poll that has waited for so long, if nothing was to be
	// sent. Set it below the limit of a timeout middleware in front of the server. By
	// default a poll waits until there is something, and at most for the next ping.
	PollTimeout time.Duration
	// ConnectTimeout is how long a connection may be open without having joined a
	// namespace; 45 s by default.
	ConnectTimeout time.Duration
	// AttachmentTimeout is how long each attachment of a packet may take to come;
	// 1 min by default. Then the connection is closed.
	AttachmentTimeout time.Duration

	// MaxPayload is the greatest size of an incoming message or POST body, in
	// bytes; 1,000,000 by default.
	MaxPayload int64
	// MaxPacketsPerPayload is how many packets a POST of a client on polling may
	// have. More close the connection. By default it depends on MaxPayload, and is far
	// more than clients send.
	MaxPacketsPerPayload int
	// MaxPreConnectBytes is the size in bytes of all that a client may send before it
	// has joined its first namespace, auth included; 64 KiB by default. Beyond, the
	// connection is closed.
	MaxPreConnectBytes int
	// MaxNamespaces is how many namespaces a connection may be in at a time, those
	// included whose handlers still run after it has left; 100 by default. Beyond,
	// it gets connect_error. (A connection that was refused 1000 times without having
	// joined a namespace in between is closed.)
	MaxNamespaces int
	// MaxNamespaceLength is the greatest length in bytes of the name of a namespace
	// that a client asks for; 512 by default. A packet with a longer one closes the
	// connection. The query that clients of version 2 put behind it is not counted.
	// It concerns the default parser only, as do the other limits of packets:
	// MaxEventLength, MaxArguments, MaxDepth, MaxAttachments and MaxAttachmentBytes.
	MaxNamespaceLength int
	// MaxEventLength is the greatest length in bytes of an event name that a client
	// sends; 256 by default. A longer one closes the connection.
	MaxEventLength int
	// MaxArguments is the greatest number of arguments of an event or acknowledgement
	// that a client sends; 1000 by default. More close the connection.
	MaxArguments int
	// MaxDepth is how deeply arrays and objects may be nested in what a client sends,
	// the list of arguments included; 512 by default. Deeper ones close the connection.
	MaxDepth int
	// MaxAttachments is the greatest number of binary attachments of a packet that a
	// client sends; 1000 by default. More close the connection. (The Node.js server
	// takes 10.)
	MaxAttachments int
	// MaxAttachmentBytes is the greatest total size of the attachments of a packet that
	// a client sends; 16 MiB by default. More close the connection.
	MaxAttachmentBytes int64
	// MaxInflight and MaxInflightBytes are how many events of a socket may wait for
	// their handlers, and with how many bytes of memory, before the server stops
	// reading from its connection; 1024 and 16 MiB by default. A single event may be
	// larger. While a Call waits for an answer of the client, reading goes on, and a
	// client of which 16 times as many events wait (and at least 4096), or twice as
	// many bytes, is disconnected.
	MaxInflight      int
	MaxInflightBytes int
	// MaxPendingAcks is how many acknowledgements of a client may be awaited at a time;
	// 10,000 by default. Beyond, Call and Ask return ErrTooManyCalls, and CallAll
	// counts the client among those who did not answer.
	MaxPendingAcks int
	// MaxRooms is how many rooms a socket may be in, its own not counted; 4096 by
	// default. Beyond, Join returns ErrTooManyRooms.
	MaxRooms int
	// MaxRoomLength is the greatest length in bytes of the name of a room; 512 by
	// default. Join returns ErrRoomNameTooLong for longer ones.
	MaxRoomLength int
	// EventLimiter makes the limiter of a socket's events, which may refuse some: see
	// [TokenBuckets]. It is called when the connect middleware have let the socket in,
	// so that it can know the user. A nil limiter refuses nothing. By default there is
	// none.
	EventLimiter func(s *Socket) EventLimiter

	// MaxSessions is how many connections there may be, those being opened included;
	// 100,000 by default. Beyond, handshakes are refused with status 503 and
	// Retry-After. The process must be allowed that many open files.
	MaxSessions int
	// MaxSessionsPerIP is how many connections one client address (see
	// TrustedProxies) may have; of IPv6, a /64. Beyond, handshakes are refused with
	// status 429 and Retry-After. It is off by default: behind a proxy that is not
	// in TrustedProxies all clients have the same address, as have the people behind
	// one NAT.
	MaxSessionsPerIP int
	// MaxHandshakesPerSecond is how many handshakes may begin in a second. Beyond, they
	// are refused with status 503 and Retry-After before AllowRequest is called, so
	// that clients that all come back after a restart come one after the other. It is
	// off by default: how many the machine takes depends on what a handshake and the
	// connect middleware do.
	MaxHandshakesPerSecond float64
	// MaxPendingHandshakes is how many handshakes may be under way, whose AllowRequest
	// has not returned; 4,096 by default. Beyond, they are refused with status 503 and
	// Retry-After.
	MaxPendingHandshakes int
	// MaxHeaderBytes is the greatest size in bytes of what is kept of a handshake: URL,
	// host and headers, with 32 bytes added for each header and query parameter; 16 KiB
	// by default. Larger ones are refused with status 431.
	MaxHeaderBytes int

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
	// TrustedProxies are the reverse proxies in front of the server: IP addresses,
	// CIDR prefixes, or "unix" for peers on Unix sockets. What these add to the
	// X-Forwarded-For header is believed, and nothing else. Each must append to the
	// header or replace it. By default there are none, and the address of a client is
	// that of its peer.
	TrustedProxies []string
	// AllowRequest decides on each handshake. An error refuses it with status 403
	// and the error's text.
	AllowRequest func(r *http.Request) error
	// BindSession returns what the connections of a client are bound to: the user, a
	// cookie, the address. Each request of a connection must give the value that its
	// handshake gave; others are refused as if the session did not exist. It must not
	// block. By default who knows the id of a session may use it.
	BindSession func(r *http.Request) string
	// GenerateID makes the id of a session, which must be unique and hard to guess.
	GenerateID func(r *http.Request) (string, error)
	// OnInitialHeaders may add headers to the answer to a handshake.
	OnInitialHeaders func(h http.Header, r *http.Request)
	// OnHeaders may add headers to each answer.
	OnHeaders func(h http.Header, r *http.Request)
	// OnConnectionError is told of each refused request.
	OnConnectionError func(*engineio.ConnectionError)

	// MaxQueueBytes and MaxQueueMessages bound what is queued for one client, in bytes
	// of memory (an event takes 256 besides its data, and an eighth if these are 1024 or
	// more, and so does each attachment) and in messages; 16 MiB and 10,000 by default.
	MaxQueueBytes    int
	MaxQueueMessages int
	// QueuePolicy says what happens beyond; the client is disconnected by default. With
	// QueueDropOldest the events are lost that have waited longest, and if none can be,
	// the new one (Emit to one socket returns ErrQueueFull then). Acknowledgements, and
	// the packets that make and end connections, are never lost: if they alone fill the
	// queue, the client is disconnected. Recovery does not bring lost events back.
	QueuePolicy QueuePolicy

	// KeepReaders keeps a goroutine for each websocket. By default, on Linux and for
	// connections that are TCP as the process sees them (not TLS), one that has been
	// silent for some seconds takes neither a goroutine nor a buffer.
	KeepReaders bool

	// Parser is the packet format; JSON by default. Clients must use the same.
	Parser parser.Parser
	// Recovery turns connection state recovery on.
	Recovery *Recovery
	// KeepEmptyChildNamespaces keeps the namespaces that OfMatch and OfFunc made
	// for a client when their last socket is gone.
	KeepEmptyChildNamespaces bool

	// ErrorHandler gets the errors of handlers, among them *ArgError and
	// *PanicError, and those of the protocol. By default they are logged: at level
	// Warn, panics at level Error, and at level Debug an *Error or *ArgError that the
	// client was told.
	ErrorHandler func(s *Socket, event string, err error)
	// ErrorReply makes the acknowledgement of an event whose handler returned an
	// error, or that was refused by its EventLimiter. By default it is
	// {"error": message}, with the data of an *Error; the message of an *ArgError is
	// what its Public says, that of other errors "internal error".
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
	defaultConnectTimeout     = 45 * time.Second
	defaultAttachmentTimeout  = time.Minute
	defaultMaxPreConnectBytes = 64 << 10
	defaultMaxNamespaces      = 100
	defaultMaxInflight        = 1024
	defaultMaxInflightBytes   = 16 << 20
	defaultMaxPendingAcks     = 10_000
	defaultMaxRooms           = 4096
	defaultMaxRoomLength      = 512
	defaultMaxQueueMessages   = 10_000
	defaultMaxQueueBytes      = 16 << 20
	defaultMaxDisconnection   = 2 * time.Minute
)

// withDefaults returns a copy of o with the defaults filled in.
func (o *Options) withDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	c.limit()
	if c.Parser == nil {
		c.Parser = c.parser()
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
	if c.ErrorReply == nil {
		c.ErrorReply = defaultErrorReply
	}
	return &c
}

// limit fills in the limits that are not left to the engine or the parser.
func (o *Options) limit() {
	setDefault(&o.ConnectTimeout, defaultConnectTimeout)
	setDefault(&o.AttachmentTimeout, defaultAttachmentTimeout)
	setDefault(&o.MaxPreConnectBytes, defaultMaxPreConnectBytes)
	setDefault(&o.MaxNamespaces, defaultMaxNamespaces)
	setDefault(&o.MaxInflight, defaultMaxInflight)
	setDefault(&o.MaxInflightBytes, defaultMaxInflightBytes)
	setDefault(&o.MaxPendingAcks, defaultMaxPendingAcks)
	setDefault(&o.MaxRooms, defaultMaxRooms)
	setDefault(&o.MaxRoomLength, defaultMaxRoomLength)
	setDefault(&o.MaxQueueMessages, defaultMaxQueueMessages)
	setDefault(&o.MaxQueueBytes, defaultMaxQueueBytes)
}

// parser returns the default parser.
func (o *Options) parser() *parser.JSON {
	return &parser.JSON{
		MaxNamespaceLength: o.MaxNamespaceLength,
		MaxEventLength:     o.MaxEventLength,
		MaxArguments:       o.MaxArguments,
		MaxDepth:           o.MaxDepth,
		MaxAttachments:     o.MaxAttachments,
		MaxAttachmentBytes: o.MaxAttachmentBytes,
	}
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
		PollTimeout:                   o.PollTimeout,
		MaxPayload:                    o.MaxPayload,
		MaxPacketsPerPayload:          o.MaxPacketsPerPayload,
		MaxSessions:                   o.MaxSessions,
		MaxSessionsPerIP:              o.MaxSessionsPerIP,
		MaxHandshakesPerSecond:        o.MaxHandshakesPerSecond,
		MaxPendingHandshakes:          o.MaxPendingHandshakes,
		MaxHeaderBytes:                o.MaxHeaderBytes,
		TrustedProxies:                o.TrustedProxies,
		BindSession:                   o.BindSession,
		KeepReaders:                   o.KeepReaders,
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
