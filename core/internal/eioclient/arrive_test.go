package eioclient_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

// TestArrived: when it returns the server has everything, whoever asks.
func TestArrived(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		f := start(t, nil)
		c, _ := f.open(t, opts)
		p := f.peer(t)
		for round := range 5 {
			for i := range 10 {
				send(t, c, strings.Repeat("x", 1000*i))
			}
			var asking sync.WaitGroup
			for range 3 {
				asking.Go(func() {
					if err := c.Arrived(context.Background()); err != nil {
						t.Error(err)
					}
					if got := len(p.messages); got < 10*(round+1) {
						t.Errorf("%d messages are there in round %d", got, round)
					}
				})
			}
			asking.Wait()
		}
		c.Abort("forced close", nil)
		if err := c.Arrived(context.Background()); !errors.Is(err, eioclient.ErrClosed) {
			t.Errorf("of a closed connection: %v", err)
		}
	})
}

// TestArrivedWithoutAnswer: a server that answers no pings, or others, does not hold
// anybody up for good.
func TestArrivedWithoutAnswer(t *testing.T) {
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		ws.SetPingHandler(func(string) error {
			for _, nonsense := range []string{"", "x", "-1", "7", "99999999999999999999"} {
				ws.WriteMessage(websocket.PongMessage, []byte(nonsense))
			}
			return nil
		})
		ws.WriteMessage(websocket.TextMessage, []byte(opening))
		for err == nil {
			_, _, err = ws.ReadMessage()
		}
	})
	c, _ := f.open(t, websockets())
	send(t, c, "hello")
	if err := c.Arrived(context.Background()); err != nil {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Arrived(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}
