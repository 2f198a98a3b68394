package engineio

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"net/http"
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
	// TLS is the state of the connection, nil without TLS.
	TLS *tls.ConnectionState
	// Time is when the handshake was received.
	Time time.Time
}

func newHandshake(r *http.Request, query url.Values) *Handshake {
	u := *r.URL
	return &Handshake{
		Context:    context.WithoutCancel(r.Context()),
		Header:     r.Header.Clone(),
		URL:        &u,
		Query:      query,
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
		TLS:        r.TLS,
		Time:       time.Now(),
	}
}

// randomID returns 120 random bits as 20 characters.
func randomID(*http.Request) (string, error) {
	var b [15]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
