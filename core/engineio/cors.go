package engineio

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS opens the server to pages of other origins, on every transport.
type CORS struct {
	// Origins lists the allowed origins: exact ("https://example.com"), with a
	// wildcard for one or more labels in front of a host
	// ("https://*.example.com"), or "*" for any.
	Origins []string
	// AllowOrigin decides about origins that Origins does not list; it is called
	// concurrently, for every request. Nil: they are refused.
	AllowOrigin func(r *http.Request, origin string) bool
	// Credentials allows cookies and authorization headers.
	Credentials bool
	// AllowedHeaders answers preflight requests. Empty: the headers that the
	// browser asks for are allowed.
	AllowedHeaders []string
	// ExposedHeaders lists response headers that scripts may read.
	ExposedHeaders []string
	// Methods answers preflight requests. Default GET, HEAD, PUT, PATCH, POST, DELETE.
	Methods []string
	// MaxAge is how long a browser may cache a preflight answer. 0: not sent.
	MaxAge time.Duration
	// OptionsSuccessStatus is the status of preflight answers. Default 204.
	OptionsSuccessStatus int
}

// clone returns a copy with defaults. It panics on patterns that match nothing.
func (c *CORS) clone() *CORS {
	if c == nil {
		return nil
	}
	d := *c
	d.Origins = slices.Clone(c.Origins)
	for i, origin := range d.Origins {
		d.Origins[i] = strings.ToLower(origin)
		if !validOriginPattern(origin) {
			panic(fmt.Sprintf("engineio: %q in CORS.Origins is no origin (scheme://host[:port], without a path)", origin))
		}
	}
	if len(d.Methods) == 0 {
		d.Methods = []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"}
	}
	if d.OptionsSuccessStatus == 0 {
		d.OptionsSuccessStatus = http.StatusNoContent
	}
	return &d
}

func validOriginPattern(origin string) bool {
	if origin == "*" || origin == "null" {
		return true
	}
	scheme, host, ok := strings.Cut(origin, "://")
	host = strings.TrimPrefix(host, "*.")
	return ok && scheme != "" && host != "" && !strings.ContainsAny(host, "/*?# ")
}

func (c *CORS) allowsAny() bool { return slices.Contains(c.Origins, "*") }

// allows reports whether pages of origin may use the server.
func (c *CORS) allows(r *http.Request, origin string) bool {
	lower := strings.ToLower(origin)
	for _, pattern := range c.Origins {
		if pattern == "*" || pattern == lower || matchesWildcard(pattern, lower) {
			return true
		}
	}
	return c.AllowOrigin != nil && c.AllowOrigin(r, origin)
}

func matchesWildcard(pattern, origin string) bool {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok || after == "" {
		return false
	}
	label, ok := strings.CutPrefix(origin, before)
	if !ok {
		return false
	}
	label, ok = strings.CutSuffix(label, after)
	return ok && label != "" && !strings.ContainsAny(label, "/:@")
}

// AnswerCORS sets the CORS headers of a response, as Options.CORS says, and reports
// whether the request was a preflight, which it has answered then. ServeHTTP does so
// itself; this is for what is served beside it.
func (s *Server) AnswerCORS(w http.ResponseWriter, r *http.Request) bool {
	return s.opts.CORS.answers(w, r)
}

// answers sets the CORS headers of the response and reports whether the request
// was a preflight, which it has answered then. c may be nil.
func (c *CORS) answers(w http.ResponseWriter, r *http.Request) bool {
	if c == nil {
		return false
	}
	preflight := r.Method == http.MethodOptions
	c.setHeaders(w.Header(), r, preflight)
	if preflight {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(c.OptionsSuccessStatus)
	}
	return preflight
}

func (c *CORS) setHeaders(h http.Header, r *http.Request, preflight bool) {
	origin := r.Header.Get("Origin")
	reflects := !c.allowsAny() || c.Credentials
	if reflects {
		addVary(h, "Origin")
	}
	if origin == "" || !printable(origin) || !sameHost(r, origin) && !c.allows(r, origin) {
		return
	}
	if h.Get("Access-Control-Allow-Origin") != "" {
		return // a middleware in front speaks for the server
	}
	if reflects {
		h.Set("Access-Control-Allow-Origin", origin)
	} else {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposedHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposedHeaders, ","))
	}
	if preflight {
		c.setPreflightHeaders(h, r)
	}
}

func (c *CORS) setPreflightHeaders(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Methods", strings.Join(c.Methods, ","))
	headers := strings.Join(c.AllowedHeaders, ",")
	if headers == "" {
		headers = r.Header.Get("Access-Control-Request-Headers")
		addVary(h, "Access-Control-Request-Headers")
	}
	if headers != "" && printable(headers) {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
}

func addVary(h http.Header, name string) (added bool) {
	if hasToken(h["Vary"], name) {
		return false
	}
	h.Add("Vary", name)
	return true
}

// checkOrigin applies one rule to every request and transport, with or without
// a session: no Origin, the same host, or an origin that CORS allows.
func (s *Server) checkOrigin(q *request) *ConnectionError {
	origin := q.r.Header.Get("Origin")
	if origin == "" {
		return s.checkFetchSite(q)
	}
	if !printable(origin) {
		return q.refusal(codeBadRequest, "INVALID_ORIGIN", map[string]any{"origin": origin})
	}
	if sameHost(q.r, origin) || s.opts.CORS != nil && s.opts.CORS.allows(q.r, origin) {
		return nil
	}
	return q.originRefusal()
}

// checkFetchSite refuses what a page of another site can do without an Origin
// header: loading a JSONP answer as a script, with the user's cookies.
func (s *Server) checkFetchSite(q *request) *ConnectionError {
	if !q.hasJSONP || q.r.Header.Get("Sec-Fetch-Site") != "cross-site" || s.opts.CORS != nil && s.opts.CORS.allowsAny() {
		return nil
	}
	return q.originRefusal()
}

func (q *request) originRefusal() *ConnectionError {
	e := q.refusal(codeForbidden, "ORIGIN_NOT_ALLOWED", map[string]any{"origin": q.r.Header.Get("Origin")})
	e.Status = http.StatusForbidden
	e.advice = "a page of another origin tried to connect: add its origin to Options.CORS.Origins if that is wanted " +
		"(behind a proxy that changes the Host header, too)"
	return e
}

// printable keeps everything out of response headers and logs that is no printable
// ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func sameHost(r *http.Request, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(withoutPort(u.Host, u.Scheme), withoutPort(r.Host, u.Scheme))
}

// withoutPort removes the port that scheme implies.
func withoutPort(host, scheme string) string {
	switch scheme {
	case "http", "ws":
		return strings.TrimSuffix(host, ":80")
	case "https", "wss":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
