package siohttp

import (
	"context"
	"net/http"
)

type pathValuesKey struct{}

// PathValue returns what the named wildcard of the pattern given to [AttachAt]
// matched in the request that opened the connection, and "" if the pattern has
// no such wildcard. ctx is a socket's context, or one derived from it. It is safe
// for concurrent use and works as long as the socket lives.
func PathValue(ctx context.Context, name string) string {
	values, _ := ctx.Value(pathValuesKey{}).(map[string]string)
	return values[name]
}

// withPathValues copies the values of the wildcards into the context, so that a
// socket does not have to keep the request for them.
func withPathValues(r *http.Request, names []string) *http.Request {
	values := make(map[string]string, len(names))
	for _, name := range names {
		values[name] = r.PathValue(name)
	}
	return r.WithContext(context.WithValue(r.Context(), pathValuesKey{}, values))
}
