//go:build linux

package hardening_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// travel is the server's side of a [traveller].
type travel struct {
	up    int    // number of the last message
	wrong string // the first that was not the next
	stop  chan struct{}
	down  chan int // how many were sent, at the end
}

// travelReport is what the server says in the end.
type travelReport struct {
	Up    int    `json:"up"`
	Down  int    `json:"down"`
	Wrong string `json:"wrong"`
}

var travels = socketio.NewKey[*travel]("travel")

// travelHandlers are those of travellers.
func (a *app) travelHandlers() {
	socketio.On(a.sio, "start", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		v := &travel{stop: make(chan struct{}), down: make(chan int, 1)}
		travels.Set(s, v)
		go v.send(s)
		return nil
	})
	socketio.On(a.sio, "up", func(_ context.Context, s *socketio.Socket, n int) error {
		v, _ := travels.Get(s)
		if n != v.up+1 && v.wrong == "" {
			v.wrong = fmt.Sprintf("message %d after %d", n, v.up)
		}
		v.up = n
		return nil
	})
	socketio.OnCall(a.sio, "stop", func(_ context.Context, s *socketio.Socket, _ socketio.None) (travelReport, error) {
		v, _ := travels.Get(s)
		close(v.stop)
		return travelReport{v.up, <-v.down, v.wrong}, nil
	})
}

// send sends numbered messages until it is stopped, or the client has gone.
func (v *travel) send(s *socketio.Socket) {
	n := 0
	defer func() { v.down <- n }()
	for {
		select {
		case <-v.stop:
			return
		case <-time.After(time.Duration(rand.Int64N(int64(5 * time.Millisecond)))):
		}
		if s.Emit("down", n+1) != nil {
			return
		}
		n++
	}
}
