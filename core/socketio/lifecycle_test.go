package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Row 40, N6, N7, SO17, CL9, C6, C26: exactly one disconnect, with its reason.
func TestDisconnectReasons(t *testing.T) {
	type ending func(h *harness, c *client, s *socketio.Socket)
	for _, test := range []struct {
		name string
		end  ending
		want socketio.Reason
	}{
		{"client leaves", func(_ *harness, c *client, _ *socketio.Socket) { c.send("41") }, socketio.ClientNamespaceDisconnect},
		{"close packet", func(_ *harness, c *client, _ *socketio.Socket) { c.send("1") }, socketio.TransportClose},
		{"close frame", func(_ *harness, c *client, _ *socketio.Socket) { c.write(8, "\x03\xe9") }, socketio.TransportClose},
		{"connection cut", func(_ *harness, c *client, _ *socketio.Socket) { c.ws.NetConn().Close() }, socketio.TransportClose},
		{"ping timeout", func(_ *harness, c *client, _ *socketio.Socket) {
			c.mute.Store(true)
			time.Sleep(46 * time.Second)
		}, socketio.PingTimeout},
		{"server disconnects", func(_ *harness, _ *client, s *socketio.Socket) { s.Disconnect(false) }, socketio.ServerNamespaceDisconnect},
		{"server closes", func(_ *harness, _ *client, s *socketio.Socket) { s.Disconnect(true) }, socketio.ServerNamespaceDisconnect},
		{"shutdown", func(h *harness, _ *client, _ *socketio.Socket) { h.sio.Shutdown(context.Background()) }, socketio.ServerShuttingDown},
		{"server is closed", func(h *harness, _ *client, _ *socketio.Socket) { h.sio.Close() }, socketio.ServerShuttingDown},
		{"undecodable packet", func(_ *harness, c *client, _ *socketio.Socket) { c.send("4abc") }, socketio.ForcedClose},
		{"no engine packet", func(_ *harness, c *client, _ *socketio.Socket) { c.send("x") }, socketio.ParseError},
		{"packet out of order", func(_ *harness, c *client, _ *socketio.Socket) { c.send("40") }, socketio.ForcedServerClose},
		{"ping from the client", func(_ *harness, c *client, _ *socketio.Socket) { c.send("2") }, socketio.TransportError},
		{"message too large", func(_ *harness, c *client, _ *socketio.Socket) {
			c.write(1, "4"+strings.Repeat("x", 1_000_001))
			time.Sleep(10 * time.Second) // the server listens for a while, so that the client gets its close frame
		}, socketio.TransportError},
		{"does not read", func(_ *harness, _ *client, s *socketio.Socket) { // rows 9, C-26
			for range 2000 {
				s.Emit("flood", strings.Repeat("x", 1000)) // the writer has no turn in between
			}
		}, socketio.SlowConsumer},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}, MaxQueueMessages: 100})
				var log []string
				h.sio.OnDisconnecting(func(s *socketio.Socket, r socketio.Reason) {
					log = append(log, fmt.Sprint("disconnecting, ", r, ", rooms ", len(s.Rooms())))
				})
				h.sio.OnDisconnect(func(s *socketio.Socket, r socketio.Reason) {
					log = append(log, fmt.Sprint("disconnect, ", r, ", rooms ", len(s.Rooms()), ", connected ", s.Connected()))
				})
				h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
					s.Join("a", "b")
					s.OnDisconnect(func(*socketio.Socket, socketio.Reason) { log = append(log, "own") })
					return nil
				})
				c := h.connect()
				synctest.Wait()
				var s *socketio.Socket
				for s = range h.sio.Sockets() {
				}
				test.end(h, c, s)
				synctest.Wait()
				want := []string{
					fmt.Sprint("disconnecting, ", test.want, ", rooms 3"),
					fmt.Sprint("disconnect, ", test.want, ", rooms 0, connected false"), "own",
				}
				if !slices.Equal(log, want) {
					t.Errorf("log %q, want %q", log, want)
				}
				var cause *socketio.DisconnectError
				if !errors.As(context.Cause(s.Context()), &cause) || cause.Reason != test.want {
					t.Errorf("cause = %v", context.Cause(s.Context()))
				}
				if h.sio.Count() != 0 {
					t.Error("the socket is still there")
				}
				c.close()
				h.sio.Close()
			})
		})
	}
}

// N6: disconnect(true) takes the client out of all namespaces.
func TestDisconnectAllNamespaces(t *testing.T) {
	h := serve(t, nil)
	reasons := make(chan string, 2)
	note := func(s *socketio.Socket, r socketio.Reason) { reasons <- s.Namespace().Name() + " " + string(r) }
	h.sio.OnDisconnect(note)
	h.sio.Of("/b").OnDisconnect(note)
	socketio.On(h.sio, "bye", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		s.Emit("last words")
		s.Disconnect(true)
		s.Disconnect(true)
		return nil
	})
	c := h.connect("/", "/b")
	c.send(`42["bye"]`)
	c.want(`42["last words"]`, "41", "41/b,")
	c.wantClosed()
	got := []string{receive(t, reasons), receive(t, reasons)}
	slices.Sort(got)
	if !slices.Equal(got, []string{"/ server namespace disconnect", "/b server namespace disconnect"}) {
		t.Errorf("%q", got)
	}
}

// Leaving one namespace leaves the others alone, and one can come back.
func TestRejoin(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	h.sio.Of("/b")
	c := h.connect("/", "/b")
	for range 3 {
		c.send("41/b,")
		c.sync()
		c.join("/b", "")
	}
}

// What arrived before a disconnect is handled: this is what the Node server loses.
func TestEventsBeforeDisconnectAreHandled(t *testing.T) {
	for range 20 {
		h := serve(t, nil)
		var got []string
		done := make(chan struct{})
		socketio.On(h.sio, "message", func(ctx context.Context, s *socketio.Socket, text string) error {
			if ctx.Err() != nil {
				t.Error("the handler's context was cancelled while events were waiting")
			}
			got = append(got, text)
			return nil
		})
		h.sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) {
			if s.Context().Err() == nil {
				t.Error("the context is not cancelled in OnDisconnect")
			}
			close(done)
		})
		c := h.connect()
		c.send(`42["message","a"]`, `42["message","b"]`, `42["message","c"]`, "41", "1")
		receive(t, done)
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Fatalf("got %q", got)
		}
	}
}

// A handler that waits for the disconnect learns of it, after a grace.
func TestHandlerWaitsForDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		var ended atomic.Bool
		h.sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			<-ctx.Done()
			ended.Store(true)
			return nil
		})
		c := h.connect()
		synctest.Wait()
		c.close()
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if ended.Load() {
			t.Error("no grace")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !ended.Load() {
			t.Error("the handler still waits")
		}
		h.sio.Close()
	})
}

// Row 47, C21, C22, CL1, CL3
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		handled := 0
		socketio.On(h.sio, "slow", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
			time.Sleep(3 * time.Second)
			handled++
			return nil
		})
		c, busy := h.connect(), h.connect()
		start := time.Now()
		busy.send(`42["slow"]`, `42["slow"]`)
		stuck()
		h.sio.Emit("queued")
		if err := h.sio.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if handled != 2 || time.Since(start) != 6*time.Second {
			t.Errorf("returned after %v, with %d events handled", time.Since(start), handled)
		}
		c.want(`42["queued"]`)
		c.wantClosed() // no "41": the client is to reconnect
		r, err := h.httpClient().Get("http://server/socket.io/?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, r); !strings.HasPrefix(got, "503 {") {
			t.Errorf("a handshake after Shutdown: %q", got)
		}
		if h.sio.Engine().Count() != 0 || h.sio.Count() != 0 {
			t.Error("something is left")
		}
	})
}

func TestShutdownTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		gate := make(chan struct{})
		socketio.On(h.sio, "stuck", func(context.Context, *socketio.Socket, socketio.None) error { <-gate; return nil })
		c := h.connect()
		c.send(`42["stuck"]`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.sio.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown: %v", err)
		}
		close(gate)
		c.wantClosed()
	})
}

func TestTrace(t *testing.T) {
	log := make(chan string, 100)
	h := serve(t, &socketio.Options{
		ErrorHandler: func(*socketio.Socket, string, error) {},
		Trace: &socketio.Trace{
			Connected:     func(s *socketio.Socket) { log <- "connected " + s.Namespace().Name() },
			Refused:       func(ns string, err error) { log <- fmt.Sprint("refused ", ns, " ", err) },
			Disconnected:  func(_ *socketio.Socket, r socketio.Reason) { log <- fmt.Sprint("disconnected ", r) },
			EventReceived: func(_ *socketio.Socket, ev string) { log <- "received " + ev },
			EventHandled: func(_ *socketio.Socket, ev string, _ time.Duration, err error) {
				log <- fmt.Sprint("handled ", ev, " ", err)
			},
			EventSent: func(ns, ev string, s *socketio.Socket, n int) { log <- fmt.Sprint("sent ", ns, ev, " ", s != nil, n) },
			Answered:  func(_, ev string, _ time.Duration, err error) { log <- fmt.Sprint("answered ", ev, " ", err) },
		},
	})
	h.sio.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	socketio.On(h.sio, "ev", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		s.Emit("one")
		h.sio.Emit("all")
		return errors.New("bad")
	})
	c := h.connect()
	c.send("40/no", "40/nowhere")
	c.next()
	c.next()
	c.send(`42["ev"]`)
	c.want(`42["one"]`, `42["all"]`)
	var got []string
	for s := range h.sio.Sockets() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.Ask(ctx, "q")
	}
	c.send("41")
	for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "disconnected") {
		got = append(got, receive(t, log))
	}
	for _, want := range []string{"connected /", "refused /no no", "refused /nowhere Invalid namespace", "received ev", "sent /one true 1",
		"sent /all false 1", "handled ev bad", "answered q context canceled", "disconnected client namespace disconnect"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// rawFrame makes a masked frame with a mask of zeros.
func rawFrame(op byte, payload string) []byte {
	return append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// The Python client closes the websocket on one thread while another still has
// messages to write: they come behind the close frame.
func TestEventsBehindTheCloseFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		var log []string
		socketio.On(h.sio, "message", func(_ context.Context, _ *socketio.Socket, text string) error {
			log = append(log, text)
			return nil
		})
		h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { log = append(log, string(r)) })
		c := h.connect()
		for _, frame := range [][]byte{rawFrame(8, "\x03\xe8"), rawFrame(1, `42["message","a"]`), rawFrame(1, `42["message","b"]`), rawFrame(1, "41")} {
			c.ws.NetConn().Write(frame)
			time.Sleep(30 * time.Millisecond)
		}
		c.wantClosed()
		synctest.Wait()
		if want := []string{"a", "b", "client namespace disconnect"}; !slices.Equal(log, want) {
			t.Errorf("log %q, want %q", log, want)
		}
		h.sio.Close()
	})
}

// A client that leaves in order is not kept waiting.
func TestCloseFrameIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		h.sio.Of("/b")
		c := h.connect("/", "/b")
		start := time.Now()
		c.send("41", "41/b,")
		c.write(8, "\x03\xe8")
		c.wantClosed()
		if d := time.Since(start); d != 0 {
			t.Errorf("answered after %v", d)
		}
		h.sio.Close()
	})
}
