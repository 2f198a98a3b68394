package sioredis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
)

// acl lets a user do what nodes and emitters need, and little more. The pattern that
// a node of the classic format subscribes to must be there as it is.
var acl = []string{"--user", "sio", "on", ">word", "resetchannels", "&socket.io*", "&socket.io#/#*", "~socket.io", "~sio:session:*",
	"-@all", "+@connection", "-@dangerous", "+@pubsub", "+xadd", "+xread", "+xrange", "+xrevrange", "+getdel", "+get", "+set", "+del", "+multi", "+exec", "+info"}

// TestTLS: nodes and emitters meet on a Redis that speaks TLS only and lets in who has
// a certificate and a password, also as a user with few rights.
func TestTLS(t *testing.T) {
	for format := range formats {
		for user, password := range map[string]string{"": "", "sio": "word"} {
			t.Run(format+" "+user, func(t *testing.T) {
				server := redistest.StartTLS(t, acl...)
				exchange := testTogether(t, format, func() redis.UniversalClient {
					opts := server.Options()
					if user != "" {
						opts.Username, opts.Password = user, password
					}
					return redis.NewClient(opts)
				})
				exchange("over TLS")
			})
		}
	}
}

// TestTLSRefused: a node that Redis does not let in says so.
func TestTLSRefused(t *testing.T) {
	for name, spoil := range map[string]func(*redis.Options){
		"no certificate":      func(o *redis.Options) { o.TLSConfig.Certificates = nil },
		"unknown authority":   func(o *redis.Options) { o.TLSConfig = &tls.Config{ServerName: "127.0.0.1"} },
		"wrong name":          func(o *redis.Options) { o.TLSConfig.ServerName = "example.com" },
		"no TLS":              func(o *redis.Options) { o.TLSConfig = nil },
		"a password, but bad": func(o *redis.Options) { o.Password = "wrong" },
	} {
		server := redistest.StartTLS(t)
		opts := server.Options()
		spoil(opts)
		rdb := redis.NewClient(opts)
		defer rdb.Close()
		for format, newBackend := range formats {
			t.Run(name+" "+format, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				l, err := newBackend(rdb, 200*time.Millisecond, quiet).Open(ctx, "/", "a", quietly)
				if !errors.Is(err, sioredis.ErrUnavailable) {
					t.Errorf("got %v, %v, want ErrUnavailable", l, err)
				}
			})
		}
	}
}

// TestTLSAway: what is said of a Redis that is away holds with TLS too, where a dial
// of the library waits longer than it should for a server that does not answer.
func TestTLSAway(t *testing.T) {
	for format, newBackend := range formats {
		for way, leave := range ways {
			t.Run(format+" "+way, func(t *testing.T) {
				server := redistest.StartTLS(t)
				testAway(t, newBackend(secureClient(t, server), 500*time.Millisecond, quiet), func() func() { return leave(server) })
			})
		}
		t.Run(format+" closed", func(t *testing.T) {
			server := redistest.StartTLS(t)
			testCloseWhileAway(t, newBackend(secureClient(t, server), 200*time.Millisecond, quiet), server)
		})
	}
}

func secureClient(t *testing.T, server *redistest.Server) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(server.Options())
	t.Cleanup(func() { rdb.Close() })
	return rdb
}
