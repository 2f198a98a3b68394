package eioclient

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The names of the transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Options configure a connection; the zero value of a field is its default.
type Options struct {
	// Transports are tried in this order, and upgraded to if they come later.
	// Default: polling, websocket.
	Transports []string
	// TryAllTransports goes on with the next transport if one cannot be opened.
	TryAllTransports bool
	// DisableUpgrade stays with the transport that was opened.
	DisableUpgrade bool
	// PreferWebSocket begins with websocket if it is one of Transports.
	PreferWebSocket bool
	// ForceBase64 sends and asks for binary as text.
	ForceBase64 bool
	// TimestampParam is the name of the query parameter that keeps caches from
	// answering polls; default "t". NoTimestamp leaves it out.
	TimestampParam string
	NoTimestamp    bool

	// Header is sent with every request and websocket handshake.
	Header http.Header
	// Jar takes and gives the cookies of both transports. Default: none.
	Jar http.CookieJar
	// HTTPClient makes the requests of the polling transport. Default: one made of
	// the fields that follow. Its Jar, if it has one, goes before the field here; its
	// Timeout has no meaning, since polls take their time.
	HTTPClient *http.Client
	// TLS configures both transports.
	TLS *tls.Config
	// Proxy is as in [http.Transport]; default [http.ProxyFromEnvironment].
	Proxy func(*http.Request) (*url.URL, error)
	// DialContext opens network connections.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Subprotocols are offered in websocket handshakes.
	Subprotocols []string

	// CompressionThreshold offers permessage-deflate and compresses websocket
	// messages of at least so many bytes. Default: off.
	CompressionThreshold int
	// RequestTimeout bounds each POST. Default: none but the heartbeat.
	RequestTimeout time.Duration
	// UpgradeTimeout bounds an upgrade. Default 10 s, negative: unlimited.
	UpgradeTimeout time.Duration
	// CloseTimeout bounds what is left to do after Close has flushed: the answer to
	// the last words. Default 5 s, negative: unlimited.
	CloseTimeout time.Duration
	// MaxMessage bounds an incoming message, in bytes; four times as much an answer
	// to a poll. Default 16 MiB, negative: unlimited.
	MaxMessage int64
	// MaxQueueBytes and MaxQueueMessages bound what waits to be sent, what is being
	// sent included. Default 16 MiB and 10,000; negative: unlimited.
	MaxQueueBytes    int
	MaxQueueMessages int
}

func (o *Options) withDefaults() *Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Transports == nil {
		opts.Transports = []string{Polling, WebSocket}
	}
	opts.Transports = slices.Clone(opts.Transports)
	if opts.Proxy == nil {
		opts.Proxy = http.ProxyFromEnvironment
	}
	if opts.DialContext == nil {
		opts.DialContext = new(net.Dialer).DialContext
	}
	orDefault(&opts.TimestampParam, "t")
	orDefault(&opts.UpgradeTimeout, 10*time.Second)
	orDefault(&opts.CloseTimeout, 5*time.Second)
	orDefault(&opts.MaxMessage, 16<<20)
	orDefault(&opts.MaxQueueBytes, 16<<20)
	orDefault(&opts.MaxQueueMessages, 10_000)
	return &opts
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// candidates are the transports to begin with, in order.
func (o *Options) candidates() []string {
	list := o.Transports
	if o.PreferWebSocket && slices.Contains(list, WebSocket) {
		rest := slices.DeleteFunc(slices.Clone(list), func(name string) bool { return name == WebSocket })
		list = append([]string{WebSocket}, rest...)
	}
	if !o.TryAllTransports && len(list) > 0 {
		list = list[:1]
	}
	return list
}
