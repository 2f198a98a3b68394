package siogin

import (
	"maps"
	"net/http"
	"strings"
)

// compresses reports whether middleware announced that it encodes the body.
// Gin's gzip middleware does before it calls the handler, and would spoil a body
// that the handler has compressed already.
func compresses(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return true
	}
	for _, vary := range h.Values("Vary") {
		if strings.Contains(strings.ToLower(vary), "accept-encoding") {
			return true
		}
	}
	return false
}

// withoutAcceptEncoding returns a copy of r whose sender seems to want no encoding.
func withoutAcceptEncoding(r *http.Request) *http.Request {
	if r.Header.Get("Accept-Encoding") == "" {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = maps.Clone(r.Header)
	r.Header.Del("Accept-Encoding")
	return r
}
