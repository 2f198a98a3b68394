package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// target is where a connection goes to.
type target struct {
	url    *url.URL // of the requests: scheme, host, path and query
	header http.Header
}

// parseURL takes a URL apart as the reference client does: the path is the namespace.
// Without a scheme it is https.
func parseURL(raw string) (u *url.URL, namespace string, err error) {
	switch {
	case strings.HasPrefix(raw, "//"):
		raw = "https:" + raw
	case !strings.Contains(raw, "://"):
		raw = "https://" + raw
	}
	if u, err = url.Parse(raw); err != nil {
		return nil, "", fmt.Errorf("client: %w", err)
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
	default:
		return nil, "", fmt.Errorf("client: the scheme of a URL is http, https, ws or wss, not %q", u.Scheme)
	}
	if u.Host == "" {
		return nil, "", errors.New("client: the URL has no host")
	}
	namespace = u.Path
	if namespace == "" {
		namespace = "/"
	}
	if strings.Contains(namespace, ",") {
		return nil, "", errors.New("client: a namespace has no comma")
	}
	return u, namespace, nil
}

// target makes of a URL what requests go to, and with which headers.
func (o *Options) target(u *url.URL, header http.Header) target {
	to := url.URL{Scheme: u.Scheme, Host: u.Host, Path: o.Path}
	if !strings.HasPrefix(to.Path, "/") {
		to.Path = "/" + to.Path
	}
	if !strings.HasSuffix(to.Path, "/") && !o.NoTrailingSlash {
		to.Path += "/"
	}
	query := u.Query()
	for name, values := range o.Query {
		query[name] = append(query[name], values...)
	}
	to.RawQuery = query.Encode()
	if u.User != nil { // websocket URLs have none
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		password, _ := u.User.Password()
		r := http.Request{Header: header}
		r.SetBasicAuth(u.User.Username(), password)
	}
	return target{&to, header}
}
