package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/socketio"
)

// Everything at the same time, from many goroutines, while connections break: nothing
// races or hangs, and in the end all sockets close.
func TestEverythingAtOnce(t *testing.T) {
	for _, retries := range []int{0, 3} {
		eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
			h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
			for _, r := range []socketio.Registrar{h.sio, h.sio.Of("/a"), h.sio.Of("/b")} {
				echo(r)
			}
			s := h.new("/", transport, func(o *client.Options) {
				o.Reconnection = client.Reconnection{Delay: time.Millisecond, DelayMax: 5 * time.Millisecond}
				o.Retries, o.MaxInflight, o.MaxBufferMessages = retries, 3, 20
				o.AuthFunc = func(context.Context, string) (any, error) { return nil, nil }
			})
			var workers sync.WaitGroup
			for worker := range 6 {
				rnd := rand.New(rand.NewPCG(uint64(worker), uint64(retries)))
				workers.Go(func() {
					for range 150 {
						act(h, s.Of(fmt.Sprintf("/%.*s", rnd.IntN(2), []string{"a", "b"}[rnd.IntN(2)])), rnd)
					}
				})
			}
			workers.Wait()
		})
	}
}

// act does one thing.
func act(h *harness, s *client.Socket, rnd *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	switch rnd.IntN(12) {
	case 0:
		s.Disconnect()
	case 1:
		h.ln.drop()
	case 2:
		s.Connect(ctx)
	case 3:
		s.Close(ctx)
	case 4:
		h.sio.Of(s.Namespace()).DisconnectSockets(rnd.IntN(2) == 0)
	case 5:
		s.Off("echo")
		func() {
			defer func() { recover() }() // another one was faster
			client.On(s, "echo", func(ctx context.Context, n int) error {
				_, err := s.Ask(ctx, "echo", n)
				return err
			})
		}()
	case 6, 7:
		s.Emit("echo", 1)
		s.Volatile().Emit("echo", 2)
	case 8, 9:
		client.Call[int](ctx, s, "echo", 3)
	default:
		s.Open()
	}
}
