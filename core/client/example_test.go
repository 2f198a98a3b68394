package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gosocketio/sio/core/client"
)

type post struct {
	Room string `json:"room"`
	Text string `json:"text"`
	From string `json:"from"`
}

func Example() {
	chat := func(ctx context.Context) error {
		// README: client
		s, err := client.New("http://localhost:8080", &client.Options{ // a path would be the namespace
			AuthFunc: func(ctx context.Context, namespace string) (any, error) { // for each connection anew
				return map[string]string{"token": os.Getenv("TOKEN")}, nil
			},
		})
		if err != nil {
			return err
		}
		defer s.Close(context.Background())
		client.On(s, "message", func(ctx context.Context, p post) error {
			fmt.Println(p.From, p.Text)
			return nil
		})
		s.OnDisconnect(func(reason client.Reason, err error) { log.Println(reason, err) }) // comes back by itself
		s.OnConnectError(func(err error) { log.Println(err) })                             // unless it is a *client.ConnectError: the server refuses
		if err := s.Connect(ctx); err != nil {
			return err
		}
		rooms, err := client.Call[[]string](ctx, s, "join", "lobby")
		if err != nil {
			return err
		}
		return s.Emit("message", post{Room: "lobby", Text: fmt.Sprint("I am in ", rooms)})
		// README: end
	}
	_ = chat
}

// Dial is for clients that are only asked, or do not mind to miss what the server sends
// at once.
func ExampleDial() {
	count := func(ctx context.Context) (int, error) {
		s, err := client.Dial(ctx, "http://localhost:8080", nil)
		if err != nil {
			return 0, err
		}
		defer s.Close(ctx)
		return client.Call[int](ctx, s, "count", "lobby")
	}
	_ = count
}

// With Retries what Emit takes is sent until the server acknowledges it, also over
// connections that are made later.
func ExampleOptions_retries() {
	s, err := client.New("http://localhost:8080", &client.Options{Retries: 100})
	if err != nil {
		log.Fatal(err)
	}
	s.Open() // in the background, and again and again
	s.Emit("measured", 21.5)
}
