//go:build linux

package hardening_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

// makeRestless has each callback do all that can be done with rooms.
func (a *app) makeRestless() {
	a.sio.Use(func(_ context.Context, s *socketio.Socket) error { return a.restless(s) })
	a.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { return a.restless(s) })
	a.sio.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) { a.restless(s) })
	a.sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { a.restless(s) })
	socketio.OnCall(a.sio, "restless", func(_ context.Context, s *socketio.Socket, n int) (int, error) { return n, a.restless(s) })
	socketio.On(a.sio, "kick", func(_ context.Context, s *socketio.Socket, n int) error {
		return s.To(fmt.Sprint("room", n)).DisconnectSockets(n%2 == 0)
	})
}

// fewRooms is how many rooms all are in and out of.
const fewRooms = 5

func (a *app) restless(s *socketio.Socket) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	one, another := fmt.Sprint("room", s.ID()[0]%fewRooms), fmt.Sprint("room", s.ID()[1]%fewRooms)
	s.Join(one, another)
	s.Leave(another)
	s.Rooms()
	_, err := a.sio.To(one).FetchSockets(ctx)
	return errors.Join(
		err,
		s.To(one).Emit("rustle"),
		s.Broadcast().Emit("rustle"),
		a.sio.To(another).Except(one).Emit("rustle"),
		a.sio.To(one).SocketsJoin(another),
		a.sio.To(another).SocketsLeave(another),
	)
}

// TestRestless (need 4): what handlers, middleware and disconnect functions do with rooms,
// all at the same time and while the sockets come and go, never ends in a deadlock.
func TestRestless(t *testing.T) {
	t.Parallel()
	p := start(t, config{Restless: true})
	n := size(150, 3000)
	var joined atomic.Int32
	if err := inParallel(n, func(i int) error { return p.rustle(i, &joined) }); err != nil {
		t.Fatalf("%v\n%s", err, p.stacks(t))
	}
	// Who is kicked just before it would have been told that it is connected never is.
	c, told := p.settled(t), int(joined.Load())
	if c.Connects != told || c.Disconnecting != told || told < n*9/10 {
		t.Errorf("%d connects, %d times OnDisconnecting; of %d clients, %d were told that they are connected", c.Connects, c.Disconnecting, n, told)
	}
}

// rustle is the life of a client, which may be cut short by another one's kick.
func (p *process) rustle(i int, joined *atomic.Int32) error {
	c, err := p.open(transports[i%len(transports)])
	if err != nil {
		return err
	}
	defer c.leave()
	if err = c.join(auth{}); err == nil {
		joined.Add(1)
	}
	for round := 0; err == nil && round < 5; round++ {
		if err = c.send(fmt.Sprintf(`42%d["restless",%d]`, round, round)); err == nil {
			err = c.await(fmt.Sprintf(`43%d[%d]`, round, round))
		}
	}
	if err == nil {
		err = c.send(fmt.Sprintf(`42["kick",%d]`, i%fewRooms))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil // otherwise it was kicked
}
