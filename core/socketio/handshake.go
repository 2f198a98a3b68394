package socketio

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// Handshake is what is known of how a client connected: of the HTTP request that
// opened the connection, and of the CONNECT packet. It must not be changed.
type Handshake struct {
	Header     http.Header
	URL        *url.URL
	Query      url.Values
	Host       string
	RemoteAddr string               // IP address and port
	Address    string               // IP address of the client, see Options.TrustedProxies
	TLS        *tls.ConnectionState // nil without TLS
	Secure     bool                 // TLS was used
	XDomain    bool                 // the request has an Origin header
	Time       time.Time
	Auth       json.RawMessage // what the client gave as auth: a JSON object, or nil
}

func newHandshake(h *engineio.Handshake, auth json.RawMessage) *Handshake {
	return &Handshake{
		Header:     h.Header,
		URL:        h.URL,
		Query:      h.Query,
		Host:       h.Host,
		RemoteAddr: h.RemoteAddr,
		Address:    addressOf(h),
		TLS:        h.TLS,
		Secure:     h.TLS != nil,
		XDomain:    h.Header.Get("Origin") != "",
		Time:       h.Time,
		Auth:       auth,
	}
}

// addressOf returns the IP address of the client, or what stands for one if its peer
// has none.
func addressOf(h *engineio.Handshake) string {
	if h.ClientIP.IsValid() {
		return h.ClientIP.String()
	}
	if host, _, err := net.SplitHostPort(h.RemoteAddr); err == nil {
		return host
	}
	return h.RemoteAddr
}

// wireHandshake is the form that the Node.js server gives a handshake.
type wireHandshake struct {
	Headers map[string]string `json:"headers"`
	Time    string            `json:"time"`
	Address string            `json:"address"`
	XDomain bool              `json:"xdomain"`
	Secure  bool              `json:"secure"`
	Issued  int64             `json:"issued"`
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Auth    json.RawMessage   `json:"auth"`
}

// MarshalJSON encodes the handshake as the Node.js server does: header names in
// lower case, each header and query parameter one string, the time as JavaScript
// prints it.
func (h *Handshake) MarshalJSON() ([]byte, error) {
	w := wireHandshake{
		Headers: make(map[string]string, len(h.Header)+1),
		Time:    h.Time.UTC().Format("Mon Jan 02 2006 15:04:05 GMT+0000") + " (Coordinated Universal Time)",
		Address: h.Address, XDomain: h.XDomain, Secure: h.Secure,
		Issued: h.Time.UnixMilli(),
		Query:  make(map[string]string, len(h.Query)),
		Auth:   h.Auth,
	}
	if h.URL != nil {
		w.URL = h.URL.RequestURI()
	}
	if len(w.Auth) == 0 {
		w.Auth = json.RawMessage("{}")
	}
	for name, values := range h.Header {
		w.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if h.Host != "" {
		w.Headers["host"] = h.Host
	}
	for name := range h.Query {
		w.Query[name] = h.Query.Get(name)
	}
	return json.Marshal(w)
}

// UnmarshalJSON decodes what MarshalJSON made, on this node or another.
func (h *Handshake) UnmarshalJSON(data []byte) error {
	var w wireHandshake
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*h = Handshake{
		Header: make(http.Header, len(w.Headers)), Query: make(url.Values, len(w.Query)),
		Host: w.Headers["host"], RemoteAddr: w.Address, Address: w.Address,
		Secure: w.Secure, XDomain: w.XDomain, Time: time.UnixMilli(w.Issued), Auth: w.Auth,
	}
	h.URL, _ = url.Parse(w.URL)
	for name, v := range w.Headers {
		h.Header.Set(name, v)
	}
	for name, v := range w.Query {
		h.Query.Set(name, v)
	}
	return nil
}
