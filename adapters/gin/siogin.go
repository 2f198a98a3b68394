// Package siogin mounts a Socket.IO server on a Gin engine or group.
//
//	r := gin.Default()
//	sio := socketio.NewServer(nil)
//	siogin.Attach(r, sio) // at /socket.io/
//	log.Fatal(r.Run(":8080"))
//
// What middleware put into the gin.Context with Set, and into the request's
// context, reaches the socket:
//
//	r.Use(func(c *gin.Context) { c.Set("user", authenticate(c)) })
//	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		user, ok := siogin.Value[*User](ctx, "user")
//		…
//	})
//
// The values are copied when the request arrives; the gin.Context itself is not
// kept, because Gin uses it again for other requests. So they are those of the
// request that opened the connection, and a later Set does not change them.
//
// Gin's r.Static("/", dir) allows no other route on the engine, this one
// included. Serve static files at the root with
// r.NoRoute(gin.WrapH(http.FileServer(http.Dir(dir)))) instead.
package siogin

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// DefaultPath is where [Attach] mounts, and where Socket.IO clients look unless told otherwise.
const DefaultPath = "/socket.io/"

// Attach mounts h at /socket.io/, like [AttachAt] with [DefaultPath].
func Attach(r gin.IRoutes, h http.Handler) {
	AttachAt(r, DefaultPath, h)
}

// AttachAt mounts h at path below r, with and without a trailing slash, and at
// everything below it, for all methods that Gin knows. r is an engine or a
// group; path may contain parameters ("/tenants/:tenant/rt", see [Param]), and
// "/" is the group itself. One handler can be attached any number of times. It
// panics, as Gin does, if the routes conflict with others. Call it while setting
// up, not concurrently with other registrations.
func AttachAt(r gin.IRoutes, path string, h http.Handler) {
	serve := Wrap(h)
	base := strings.Trim(path, "/")
	if base != "" {
		base = "/" + base
	}
	if base != "" || !isRoot(r) {
		r.Any(base, serve)
	}
	r.Any(base+"/*"+rest, serve)
}

// rest names the wildcard below the mount. Gin wants every wildcard named.
const rest = "socketio"

// isRoot tells whether r's own path is "/", where the wildcard alone matches all.
func isRoot(r gin.IRoutes) bool {
	group, ok := r.(interface{ BasePath() string })
	return ok && group.BasePath() == "/"
}

// Wrap turns h into a Gin handler, for routes that [AttachAt] cannot express.
// Other than gin.WrapH it carries the values of the gin.Context over, and keeps
// Gin's record of the response right when h takes the connection over.
func Wrap(h http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := withValues(c)
		if r.Header.Get("Upgrade") == "" {
			h.ServeHTTP(controllable(c.Writer), r)
			return
		}
		serveUpgrade(c, h, r)
	}
}
