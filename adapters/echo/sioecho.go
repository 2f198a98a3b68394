// Package sioecho mounts a Socket.IO server on an Echo (v4) instance or group.
//
//	e := echo.New()
//	sio := socketio.NewServer(nil)
//	sioecho.Attach(e, sio) // at /socket.io/
//	log.Fatal(e.Start(":8080"))
//
// What middleware put into the request's context reaches the socket:
// s.Context().Value(key). Values that it stored in the echo.Context with Set reach
// it too, but Echo has no way to list them, so Attach has to be told their keys;
// "user", where Echo's JWT middleware puts the token, is known:
//
//	sioecho.Attach(e, sio, "tenant", "session")
//	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		tenant, ok := sioecho.Value[*Tenant](ctx, "tenant")
//		…
//	})
//
// The values are copied when the request arrives; the echo.Context itself is not
// kept, because Echo uses it again for other requests. So they are those of the
// request that opened the connection, and a later Set does not change them.
package sioecho

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// DefaultPath is where [Attach] mounts, and where Socket.IO clients look unless told otherwise.
const DefaultPath = "/socket.io/"

// DefaultKey is the key of the echo.Context that is carried over without being named.
const DefaultKey = "user"

// Router is what a server can be attached to: an *echo.Echo or an *echo.Group.
type Router interface {
	Any(path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) []*echo.Route
}

// Attach mounts h at /socket.io/, like [AttachAt] with [DefaultPath].
func Attach(r Router, h http.Handler, keys ...string) {
	AttachAt(r, DefaultPath, h, keys...)
}

// AttachAt mounts h at path below r, with and without a trailing slash, and at
// everything below it, for all methods that Echo knows. Path may contain
// parameters ("/tenants/:tenant/rt", see [Param]), and "/" is the group itself.
// The keys name the values of the echo.Context that the sockets shall see,
// besides [DefaultKey]. One handler can be attached any number of times. Call it
// while setting up, not concurrently with other registrations.
func AttachAt(r Router, path string, h http.Handler, keys ...string) {
	serve := Wrap(h, keys...)
	base := strings.Trim(path, "/")
	if base != "" {
		base = "/" + base
	}
	r.Any(base, serve)
	r.Any(base+"/*", serve)
}

// Wrap turns h into an Echo handler, for routes that [AttachAt] cannot express.
// Other than echo.WrapHandler it carries values of the echo.Context over: those
// of the keys and of [DefaultKey]. It keeps Echo's record of the response right
// when h takes the connection over. The handler never returns an error.
func Wrap(h http.Handler, keys ...string) echo.HandlerFunc {
	keys = append([]string{DefaultKey}, keys...)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return func(c echo.Context) error {
		r := withValues(c, keys)
		h.ServeHTTP(&responseWriter{c.Response()}, r)
		return nil
	}
}
