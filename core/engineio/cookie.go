package engineio

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// cookieTemplate returns a copy of c with defaults; nil stays nil. It panics if
// the cookie cannot be sent.
func cookieTemplate(c *http.Cookie) *http.Cookie {
	if c == nil {
		return nil
	}
	d := *c
	if d.Name == "" {
		d.Name = "io"
	}
	if d.Path == "" {
		d.Path = "/"
	}
	if d.SameSite == 0 {
		d.SameSite = http.SameSiteLaxMode
	}
	// No script needs it: the id is a secret, and clients know it anyway.
	d.HttpOnly = true
	d.Value = "id"
	if err := d.Valid(); err != nil {
		panic(fmt.Sprintf("engineio: Options.Cookie: %v", err))
	}
	return &d
}

// cookieFor returns the value of the Set-Cookie header for a session.
func cookieFor(template *http.Cookie, id string) string {
	c := *template
	c.Value = strings.ReplaceAll(url.QueryEscape(id), "+", "%20")
	return c.String()
}
