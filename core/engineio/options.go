package engineio

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"time"
)

// Names of the transports, as they appear in the query of a request and in the
// upgrades of the open packet.
const (
	transportPolling   = "polling"
	transportWebSocket = "websocket"
)

// QueuePolicy says what Send does when the outbound queue of a session is full.
type QueuePolicy int

const (
	// QueueDisconnect ends the session with SlowConsumer. Send returns ErrQueueFull.
	QueueDisconnect QueuePolicy = iota
	// QueueReject keeps the session; Send returns ErrQueueFull and the message is not queued.
	QueueReject
	// QueueDropOldest drops the oldest entries that are not being written, and are
	// not Outgoing.Keep, until there is room. If there are none left, the new one is
	// dropped, and Send returns ErrQueueFull; if that is to be kept, the session ends
	// as with QueueDisconnect. See Trace.QueueDropped.
	QueueDropOldest
)

// Options configures a Server. The zero value of a field means its default, a
// negative number means off (for the fields that can be off). NewServer copies
// the struct; changing it later has no effect.
type Options struct {
	// OnConnection is called once per session, before the handshake is answered,
	// and returns what receives its messages. It may call Send, Close and Abort
	// of the session; what it sends follows the open packet (on polling in the
	// first poll, not in the handshake response). It may block, which delays the
	// handshake of this session only. It is called concurrently for different
	// sessions. Nil, or a nil Handler, discards what is received.
	OnConnection func(*Session) Handler

	// PingInterval is the time between two pings of the server (protocol 4), or
	// the interval announced to clients of protocol 3. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is how long the answer to a ping may take. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout bounds a transport upgrade. Default 10 s.
	UpgradeTimeout time.Duration
	// CloseTimeout bounds a graceful close: how long it waits for a poll, or for
	// the queue to be flushed. Default 30 s.
	CloseTimeout time.Duration
	// PollTimeout answers a poll that waited this long with a noop packet. Set it
	// below the limit of a timeout middleware in front of the server. Default
	// off: a poll waits for a message, at most until the next ping.
	PollTimeout time.Duration

	// MaxPayload is the largest accepted POST body and the largest accepted
	// websocket message (over all fragments, and inflated), in bytes. Larger
	// bodies are answered with 413. Default 1,000,000. Called maxHttpBufferSize
	// in the Node server.
	MaxPayload int64
	// MaxPacketsPerPayload is how many packets one POST may have. More end the
	// session with ParseError; those before the limit were delivered. Default
	// MaxPayload/8, but at least 1,000: no client of Socket.IO can have more events
	// in a body, and they may send all that they had kept while offline at once. The
	// time that a body takes is proportional to its size, with or without the limit.
	// Negative: no limit.
	MaxPacketsPerPayload int
	// Transports lists the accepted transports. Default polling and websocket.
	Transports []string
	// DisableUpgrades stops announcing websocket to polling clients.
	DisableUpgrades bool
	// AllowEIO3 accepts clients of protocol 3 (Socket.IO v2 clients).
	AllowEIO3 bool
	// InitialPacket is a text message sent together with the open packet.
	InitialPacket []byte

	// HTTPCompressionThreshold is the size in bytes from which polling bodies are
	// compressed (gzip, then deflate, if the client accepts it). Default 1024,
	// negative: never.
	HTTPCompressionThreshold int
	// WebSocketCompressionThreshold is the size in bytes from which websocket
	// messages are compressed with permessage-deflate (without context takeover).
	// Default 0: the extension is not negotiated.
	WebSocketCompressionThreshold int

	// Cookie is the template of a cookie that carries the session id, for
	// load balancers. Nil: none. Defaults: Name "io", Path "/", SameSite Lax; it
	// is always HttpOnly. SameSite http.SameSiteDefaultMode omits the attribute.
	Cookie *http.Cookie
	// CORS opens the server to other origins. Nil: only requests from the same
	// host, or without an Origin header, are accepted.
	CORS *CORS

	// AllowRequest decides about a handshake (never about later requests of a
	// session). An error refuses it with code 4 and the text of the error as
	// message. It may block; r must not be kept. Server.ClientIP tells the address.
	AllowRequest func(r *http.Request) error
	// GenerateID makes the id of a session. It must be unguessable and unique; an
	// error, an empty or a used id refuse the handshake. Default: 20 characters,
	// base64url of 15 random bytes.
	GenerateID func(r *http.Request) (string, error)
	// OnInitialHeaders may change the headers of the handshake response (polling:
	// 200, websocket: 101). Called once per session.
	OnInitialHeaders func(h http.Header, r *http.Request)
	// OnHeaders may change the headers of every polling response and of the
	// websocket 101. It runs after OnInitialHeaders. Neither runs for refusals.
	OnHeaders func(h http.Header, r *http.Request)
	// OnConnectionError is told about every refused request.
	OnConnectionError func(*ConnectionError)
	// UnknownSession is called for a request that names a session which this server
	// does not have, when its transport and its origin were found in order. It
	// returns true if it has answered the request, which may take its time; else the
	// request is refused with code 1. It may set no headers then. Use it if the
	// session may be one of another process. CORS headers are set on w already. It is
	// called concurrently. Nil: such requests are refused.
	UnknownSession func(w http.ResponseWriter, r *http.Request, sid string) bool

	// MaxQueueBytes and MaxQueueMessages bound the outbound queue of each session,
	// including what is being written. Bytes are those of memory: each message and
	// each attachment counts with MessageOverhead added, and an eighth of its size if
	// that is 1024 bytes or more. Defaults 16 MiB and 10,000; negative: unbounded. An
	// empty queue accepts one message of any size.
	MaxQueueBytes    int
	MaxQueueMessages int
	// QueuePolicy says what happens when the queue is full. Default QueueDisconnect.
	QueuePolicy QueuePolicy

	// MaxSessions bounds the open sessions, those being opened included. Beyond,
	// handshakes are refused with 503 and Retry-After. Default 100,000; negative:
	// no limit. The limit of open files (ulimit -n) has to be higher.
	MaxSessions int
	// MaxSessionsPerIP bounds the sessions of one client address (Server.ClientIP);
	// of IPv6, those of a /64. Beyond, handshakes are refused with 429 and
	// Retry-After. Default off: behind a proxy that is not in TrustedProxies all
	// clients have one address, as have the people behind one NAT.
	MaxSessionsPerIP int
	// MaxHandshakesPerSecond bounds the handshakes that begin in a second, at once
	// or spread over it. Beyond, they are refused with 503 and Retry-After, before
	// AllowRequest is called, so that clients that all come back after a restart
	// come one after the other. Default off: how many the machine takes depends on
	// what AllowRequest and OnConnection do.
	MaxHandshakesPerSecond float64
	// MaxPendingHandshakes bounds the handshakes that have begun and are not
	// answered: those whose AllowRequest or OnConnection runs. Beyond, they are
	// refused with 503 and Retry-After. Default 4,096; negative: no limit.
	MaxPendingHandshakes int
	// MaxHeaderBytes bounds what a session keeps of its handshake: URL, host, and
	// headers, each header and query parameter with 32 bytes added. Larger ones are
	// refused with 431. Default 16 KiB (the limit of Node's HTTP parser); negative:
	// no limit but that of the http.Server.
	MaxHeaderBytes int
	// TrustedProxies lists the reverse proxies in front of the server: IP addresses,
	// CIDR prefixes, or "unix" for peers on Unix sockets. Only what these add to
	// X-Forwarded-For is believed, see Server.ClientIP. Each of them must append to
	// the header, or replace it. Default none.
	TrustedProxies []string
	// BindSession returns what the sessions of a client are bound to: the user, a
	// cookie, the address. Each request of a session must give the value that its
	// handshake gave; others are refused as if the session did not exist, and are
	// never passed to UnknownSession. Thus a stolen session id is of no use. It is
	// called for handshakes that AllowRequest let in and for all later requests,
	// concurrently, and must not block. Nil: who knows the id of a session may use it.
	BindSession func(r *http.Request) string

	// KeepReaders keeps a goroutine for each websocket. By default, on Linux and for
	// connections that are TCP as the process sees them (not TLS), one that has been
	// silent for some seconds is watched by the server instead (epoll), and takes
	// neither a goroutine nor a buffer.
	KeepReaders bool

	// Logger receives warnings, rate-limited per cause. Default slog.Default().
	Logger *slog.Logger
	// Trace holds hooks for metrics. Nil: none.
	Trace *Trace
}

// Trace holds hooks for metrics and tracing. Nil fields are skipped. The hooks
// are called synchronously and concurrently; they must be fast and must not
// call back into the server.
type Trace struct {
	// SessionOpened is called before OnConnection.
	SessionOpened func(*Session)
	// SessionClosed is called once per opened session, before Handler.OnClose.
	SessionClosed func(*Session, Reason)
	// Upgraded is called when a session moved from polling to websocket.
	Upgraded func(*Session)
	// Refused is called for every refused request.
	Refused func(*ConnectionError)
	// QueueDropped tells how many messages QueueDropOldest has dropped because of a
	// new one, which may be among them.
	QueueDropped func(session *Session, messages int)
	// PacketRead and PacketWritten get the transport and the size in bytes of
	// every engine packet (without the framing of the transport, and before
	// base64 and compression) that was received, or is handed to the transport.
	PacketRead, PacketWritten func(transport string, bytes int)
}

// withDefaults returns a copy of o with every zero field set. It panics on
// values that can only be mistakes in the program.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	setDuration(&c.PingInterval, 25*time.Second)
	setDuration(&c.PingTimeout, 20*time.Second)
	setDuration(&c.UpgradeTimeout, 10*time.Second)
	setDuration(&c.CloseTimeout, 30*time.Second)
	if c.MaxPayload == 0 {
		c.MaxPayload = 1_000_000
	}
	if c.MaxPayload < 0 {
		panic("engineio: negative Options.MaxPayload")
	}
	c.setLimits()
	setInt(&c.HTTPCompressionThreshold, 1024)
	setInt(&c.MaxQueueBytes, 16<<20)
	setInt(&c.MaxQueueMessages, 10_000)
	if c.GenerateID == nil {
		c.GenerateID = randomID
	}
	if c.Trace == nil {
		c.Trace = &Trace{}
	}
	c.Transports = transportsOf(c.Transports)
	c.Cookie = cookieTemplate(c.Cookie)
	c.CORS = c.CORS.clone()
	return c
}

func (o *Options) setLimits() {
	setInt(&o.MaxSessions, 100_000)
	setInt(&o.MaxPendingHandshakes, 4096)
	setInt(&o.MaxHeaderBytes, 16<<10)
	// The shortest event is 42["a"], and a separator. Half a million packets, all that
	// a megabyte can hold, take 30 ms.
	setInt(&o.MaxPacketsPerPayload, int(min(max(o.MaxPayload/8, 1000), math.MaxInt32)))
	if math.IsNaN(o.MaxHandshakesPerSecond) {
		panic("engineio: Options.MaxHandshakesPerSecond is no number")
	}
	if o.QueuePolicy < QueueDisconnect || o.QueuePolicy > QueueDropOldest {
		panic("engineio: unknown Options.QueuePolicy")
	}
}

func setDuration(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
	if *d < 0 {
		panic("engineio: negative duration in Options")
	}
}

func setInt(n *int, def int) {
	if *n == 0 {
		*n = def
	}
}

func transportsOf(names []string) []string {
	if len(names) == 0 {
		return []string{transportPolling, transportWebSocket}
	}
	for _, name := range names {
		if name != transportPolling && name != transportWebSocket {
			panic(fmt.Sprintf("engineio: unknown transport %q in Options.Transports", name))
		}
	}
	return slices.Clone(names)
}
