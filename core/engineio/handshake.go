package engineio

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Handshake describes the request that opened a session. It is a copy: it stays
// valid after the request ended. Do not change it.
type Handshake struct {
	// Context carries the values of the request's context and is never cancelled.
	Context context.Context
	// Header holds the headers of the request.
	Header http.Header
	// URL is the request's URL and Query its parsed query.
	URL   *url.URL
	Query url.Values
	// Host and RemoteAddr are as in http.Request.
	Host, RemoteAddr string
	// ClientIP is the address of the client, see Server.ClientIP.
	ClientIP netip.Addr
	// TLS is the state of the connection, nil without TLS.
	TLS *tls.ConnectionState
	// Time is when the handshake was received.
	Time time.Time
}

// of fills in what r says, and returns h.
func (h *Handshake) of(r *http.Request) *Handshake {
	u := *r.URL
	h.Context = context.WithoutCancel(r.Context())
	h.Header = r.Header.Clone()
	h.URL, h.Query = &u, u.Query()
	h.Host, h.RemoteAddr = r.Host, r.RemoteAddr
	h.TLS = r.TLS
	h.Time = time.Now()
	return h
}

// randomID returns 120 random bits as 20 characters.
func randomID(*http.Request) (string, error) {
	var b [15]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
