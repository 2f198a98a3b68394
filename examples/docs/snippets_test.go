package docs

import (
	"net/http"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// The functions of this file are what docs/deployment.md shows.

func publicServer() *socketio.Server {
	sio := socketio.NewServer(&socketio.Options{
		TrustedProxies:         []string{"10.0.0.0/8"},
		MaxSessions:            50_000,                         // what memory and file descriptors allow
		MaxSessionsPerIP:       200,                            // a company may have one address
		MaxHandshakesPerSecond: 500,                            // after a restart everybody comes at once
		EventLimiter:           socketio.TokenBuckets(50, 200), // events per second of a socket, and how many at once
		MaxQueueBytes:          1 << 20,                        // for a client that does not read
		MaxInflightBytes:       1 << 20,                        // for one that sends faster than it is served
		MaxAttachmentBytes:     1 << 20,                        // all attachments of an event
		MaxPayload:             100_000,                        // the largest message that your clients have a reason to send
		BindSession: func(r *http.Request) string { // an id alone is not enough to take a session over
			cookie, err := r.Cookie("login")
			if err != nil {
				return ""
			}
			return cookie.Value
		},
	})
	return sio
}

func serveTLS(sio *socketio.Server) error {
	server := &http.Server{Addr: ":443", Handler: sio, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServeTLS("site.pem", "site.key")
}
