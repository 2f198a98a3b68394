package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/parser"
)

// BufferPolicy says what happens to events that do not fit among those that wait to
// be sent.
type BufferPolicy int

const (
	// BufferReject has Emit return ErrBufferFull.
	BufferReject BufferPolicy = iota
	// BufferDropOldest makes room: the events that have waited longest are lost, and
	// a Call among them fails with ErrBufferFull.
	BufferDropOldest
)

// Options are the options of a client. The zero value of each field means its
// default; a negative number or duration turns a limit off.
type Options struct {
	// Auth is sent when a socket connects, to each namespace. It must be encoded as a
	// JSON object: a struct or a map.
	Auth any
	// AuthFunc makes it instead, anew for each attempt to connect to a namespace. It
	// may block, and may be called for several namespaces at a time; ctx ends when the
	// attempt does, because the connection broke or the socket has left. An error goes
	// to OnConnectError, and it is called again after a delay as between reconnections.
	// It must not call Close but with ctx, which ends then.
	AuthFunc func(ctx context.Context, namespace string) (any, error)

	// Path is where the server listens; "/socket.io/" by default. A slash is added if
	// it does not end in one, unless NoTrailingSlash is set.
	Path            string
	NoTrailingSlash bool
	// Query is added to that of the URL in each request.
	Query url.Values
	// Header is sent with each request and websocket handshake.
	Header http.Header
	// Endpoint says, before each attempt to connect, where to and with which headers;
	// attempt is 0 for the first one and then that of the reconnection. Path and
	// query of the result are as those of the URL given to New, but the path, which
	// would be the namespace, is ignored. It may block, within ConnectTimeout. An
	// empty url stands for that given to New, a nil header for Header.
	Endpoint func(ctx context.Context, attempt int) (url string, header http.Header, err error)

	// Reconnection says how connections that break are made anew.
	Reconnection Reconnection
	// ConnectTimeout is how long it may take to open a connection; 20 s by default.
	ConnectTimeout time.Duration
	// AckTimeout is how long a Call or Ask waits whose context has no deadline. By
	// default there is no limit, but 10 s if Retries is set: then it is how long each
	// try may take.
	AckTimeout time.Duration
	// Retries has each event sent until it is acknowledged, and up to that many times
	// more. Events are sent one at a time then; the server may get one twice. Volatile
	// ones are exempt. Off by default.
	Retries int

	// MaxBufferBytes and MaxBufferMessages bound, for each socket, the events that
	// wait for it to be connected, and, for each connection, those that wait to be
	// written; 16 MiB and 10,000 by default.
	MaxBufferBytes    int
	MaxBufferMessages int
	// BufferPolicy says what happens beyond.
	BufferPolicy BufferPolicy
	// MaxInflight is how many events of a socket may wait for their handlers before
	// the client stops reading from the connection; 1024 by default. While a Call
	// waits for its answer reading goes on, and the connection is given up if 16
	// times as many wait (and at least 4096).
	MaxInflight int
	// MaxMessage is the greatest size of an incoming message in bytes; 16 MiB by
	// default. A server that sends more loses the connection.
	MaxMessage int64

	// Transports are tried in this order; {"polling", "websocket"} by default. The
	// connection begins with the first and goes over to websocket if that is listed.
	Transports []string
	// TryAllTransports goes on with the next one if the first cannot be opened.
	TryAllTransports bool
	// DisableUpgrade stays on the transport that was opened.
	DisableUpgrade bool
	// RememberUpgrade begins with websocket after an upgrade has once succeeded.
	RememberUpgrade bool
	// ForceBase64 sends and asks for binary data as text.
	ForceBase64 bool
	// TimestampParam is the name of the parameter that keeps caches from answering
	// polls; "t" by default. NoTimestamp leaves it out.
	TimestampParam string
	NoTimestamp    bool
	// CompressionThreshold offers permessage-deflate and compresses websocket
	// messages of at least that many bytes. It is off by default. Servers that take it,
	// but not without context takeover (aiohttp), cannot be connected to then.
	CompressionThreshold int
	// RequestTimeout bounds each POST of the polling transport; off by default.
	RequestTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to websocket may take; 10 s by default.
	UpgradeTimeout time.Duration
	// CloseTimeout is how long a connection that is being closed may take to send what
	// is queued; 5 s by default. Close takes the time of its context instead.
	CloseTimeout time.Duration

	// Jar keeps cookies, of all transports. By default there are none.
	Jar http.CookieJar
	// HTTPClient makes the requests of the polling transport. By default one is made
	// of the fields below.
	HTTPClient *http.Client
	// TLS configures connections to https and wss URLs.
	TLS *tls.Config
	// Proxy is http.ProxyFromEnvironment by default.
	Proxy func(*http.Request) (*url.URL, error)
	// DialContext opens the network connections.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Subprotocols are offered in websocket handshakes.
	Subprotocols []string

	// Parser is the packet format; JSON by default. The server must use the same.
	Parser parser.Parser
	// MaxAttachments is the greatest number of binary attachments of a packet that is
	// received; 1000 by default. It concerns the default parser only.
	MaxAttachments int

	// ErrorHandler gets the errors of handlers, among them *ArgError and *PanicError,
	// and of retries that were given up. It logs them by default.
	ErrorHandler func(s *Socket, event string, err error)
	// Logger is slog.Default() by default.
	Logger *slog.Logger
	// Trace has hooks for what happens to the connection, for metrics and tracing.
	Trace *Trace
}

// Reconnection says how a connection that broke, or could not be made, is made anew.
// The delay before attempt n is Delay doubled n-1 times, more or less by Jitter, and
// at most DelayMax.
type Reconnection struct {
	// Disable leaves it at one attempt: a socket whose connection breaks stays
	// disconnected until it is opened again.
	Disable bool
	// Attempts is the greatest number of them in a row; unlimited by default.
	Attempts int
	// Delay comes before the first attempt; 1 s by default.
	Delay time.Duration
	// DelayMax is 5 s by default.
	DelayMax time.Duration
	// Jitter is the part of the delay by which it varies, up to 1; 0.5 by default,
	// none if negative.
	Jitter float64
}

const (
	defaultPath           = "/socket.io/"
	defaultConnectTimeout = 20 * time.Second
	defaultRetryTimeout   = 10 * time.Second
	defaultCloseTimeout   = 5 * time.Second
	defaultBufferBytes    = 16 << 20
	defaultBufferMessages = 10_000
	defaultMaxInflight    = 1024
	defaultDelay          = time.Second
	defaultDelayMax       = 5 * time.Second
	defaultJitter         = 0.5
)

// withDefaults returns a copy of o with the defaults filled in.
func (o *Options) withDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	setDefault(&c.Path, defaultPath)
	setDefault(&c.ConnectTimeout, defaultConnectTimeout)
	setDefault(&c.CloseTimeout, defaultCloseTimeout)
	setDefault(&c.MaxBufferBytes, defaultBufferBytes)
	setDefault(&c.MaxBufferMessages, defaultBufferMessages)
	setDefault(&c.MaxInflight, defaultMaxInflight)
	setDefault(&c.Reconnection.Delay, defaultDelay)
	setDefault(&c.Reconnection.DelayMax, defaultDelayMax)
	setDefault(&c.Reconnection.Jitter, defaultJitter)
	if c.Retries > 0 {
		setDefault(&c.AckTimeout, defaultRetryTimeout)
	}
	if c.Parser == nil {
		c.Parser = &parser.JSON{MaxAttachments: c.MaxAttachments}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = c.logError
	}
	if c.Trace == nil {
		c.Trace = new(Trace)
	}
	c.Transports = slices.Clone(c.Transports)
	c.Header = c.Header.Clone()
	c.Query = url.Values(http.Header(c.Query).Clone())
	return &c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// check reports options that cannot work.
func (o *Options) check() error {
	switch {
	case o.Auth != nil && o.AuthFunc != nil:
		return errors.New("client: Options has both Auth and AuthFunc")
	case o.Reconnection.Jitter > 1:
		return errors.New("client: Options.Reconnection.Jitter is more than 1")
	case o.Retries > 0 && o.AckTimeout < 0:
		return errors.New("client: Options.Retries needs an AckTimeout")
	}
	for _, name := range o.Transports {
		if name != eioclient.Polling && name != eioclient.WebSocket {
			return fmt.Errorf("client: unknown transport %q", name)
		}
	}
	return nil
}

// engine returns the options of the Engine.IO layer.
func (o *Options) engine() *eioclient.Options {
	return &eioclient.Options{
		Transports:           o.Transports,
		TryAllTransports:     o.TryAllTransports,
		DisableUpgrade:       o.DisableUpgrade,
		ForceBase64:          o.ForceBase64,
		TimestampParam:       o.TimestampParam,
		NoTimestamp:          o.NoTimestamp,
		Header:               o.Header,
		Jar:                  o.Jar,
		HTTPClient:           o.HTTPClient,
		TLS:                  o.TLS,
		Proxy:                o.Proxy,
		DialContext:          o.DialContext,
		Subprotocols:         o.Subprotocols,
		CompressionThreshold: o.CompressionThreshold,
		RequestTimeout:       o.RequestTimeout,
		UpgradeTimeout:       o.UpgradeTimeout,
		CloseTimeout:         o.CloseTimeout,
		MaxMessage:           o.MaxMessage,
		MaxQueueBytes:        o.MaxBufferBytes,
		MaxQueueMessages:     o.MaxBufferMessages,
	}
}

func (o *Options) logError(s *Socket, event string, err error) {
	attrs := []any{slog.String("namespace", s.namespace)}
	if event != "" {
		attrs = append(attrs, slog.String("event", event))
	}
	attrs = append(attrs, slog.Any("error", err))
	if p, ok := err.(*PanicError); ok {
		o.Logger.Error("client: panic in a handler", append(attrs, slog.String("stack", string(p.Stack)))...)
		return
	}
	o.Logger.Warn("client: handler failed", attrs...)
}

// errorReply is the acknowledgement of a failed event.
type errorReply struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}
