// Package siotest helps to test Socket.IO servers and the ways they are mounted.
//
// [Pair] connects a client to a server in memory, which is how to test handlers:
//
//	c := siotest.Pair(t, sio, nil)
//	text, err := client.Call[string](t.Context(), c, "greet", "gopher")
//
// [TestMount] proves that a router, with whatever middleware is in front of it,
// lets through everything that a server needs: use it for an adapter of your
// own, or for your application's router.
//
//	func TestRouter(t *testing.T) {
//		siotest.TestMount(t, func(h http.Handler, path string) http.Handler {
//			return newRouter(path, h) // as the application does, with h as the server
//		})
//	}
//
// A [Peer] is a client that speaks the protocol packet by packet, for tests that
// are about the bytes. [Log] collects what loggers write, [Main] fails a test
// binary that leaves goroutines behind.
package siotest

import (
	"testing"

	"github.com/gosocketio/sio/core/internal/leakcheck"
)

// Main runs the tests of m and exits; it is for TestMain. If the tests pass and
// goroutines of theirs are still there after ten seconds, it prints their stacks
// and exits with status 1. Goroutines of the runtime, of the testing package and
// of idle HTTP client connections do not count.
func Main(m *testing.M) {
	leakcheck.Main(m)
}
