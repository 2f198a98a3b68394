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

// Handshake describes the request that opened a session. It stays valid after the
// request ended, and belongs to the caller.
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

// opening is what a session keeps of the request that opened it. The maps of a
// Handshake would take as much memory as the rest of the session.
type opening struct {
	context          context.Context
	header           []string // names and values in turns
	path, rawPath    string   // of the URL
	query            string
	url              *url.URL // nil if there is nothing else in it
	host, remoteAddr string
	client           netip.Addr
	tls              *tls.ConnectionState
	time             time.Time
}

// of fills in what r says, and returns o.
func (o *opening) of(r *http.Request) *opening {
	o.context = context.WithoutCancel(r.Context())
	o.header = flatten(r.Header)
	u := *r.URL
	o.path, o.rawPath, o.query = u.Path, u.RawPath, u.RawQuery
	u.Path, u.RawPath, u.RawQuery = "", "", ""
	if u != (url.URL{}) {
		rest := u
		o.url = &rest
	}
	o.host, o.remoteAddr, o.tls = r.Host, r.RemoteAddr, r.TLS
	o.time = time.Now()
	return o
}

func flatten(h http.Header) []string {
	n := 0
	for _, values := range h {
		n += 2 * len(values)
	}
	flat := make([]string, 0, n)
	for name, values := range h {
		for _, v := range values {
			flat = append(flat, name, v)
		}
	}
	return flat
}

// Handshake describes the request that opened the session. Each call makes a new copy.
func (s *Session) Handshake() *Handshake {
	o := s.opening
	h := make(http.Header, len(o.header)/2)
	for i := 0; i < len(o.header); i += 2 {
		h[o.header[i]] = append(h[o.header[i]], o.header[i+1])
	}
	var u url.URL
	if o.url != nil {
		u = *o.url
	}
	u.Path, u.RawPath, u.RawQuery = o.path, o.rawPath, o.query
	return &Handshake{
		Context: o.context, Header: h, URL: &u, Query: u.Query(), Host: o.host, RemoteAddr: o.remoteAddr,
		ClientIP: o.client, TLS: o.tls, Time: o.time,
	}
}

// Context returns Handshake().Context.
func (s *Session) Context() context.Context { return s.opening.context }

// randomID returns 120 random bits as 20 characters.
func randomID(*http.Request) (string, error) {
	var b [15]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	var id [20]byte
	base64.RawURLEncoding.Encode(id[:], b[:])
	return string(id[:]), nil
}
