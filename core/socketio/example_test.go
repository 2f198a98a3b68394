package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

type Message struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

type User struct{ Name string }

func checkToken(context.Context, string) (User, error) { return User{"ada"}, nil }

func Example() {
	sio := socketio.NewServer(nil)
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		s.Join("lobby")
		return s.Emit("welcome", s.ID())
	})
	socketio.On(sio, "message", func(ctx context.Context, s *socketio.Socket, m Message) error {
		return s.To(m.Room).Emit("message", m)
	})
	http.Handle("/socket.io/", sio)
	fmt.Println(sio.Namespaces())
	// Output: [/]
}

func Example_authentication() {
	sio := socketio.NewServer(nil)
	// README: authentication
	var user = socketio.NewKey[User]("user")

	sio.Use(func(ctx context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil {
			return socketio.Reject("bad auth", nil)
		}
		u, err := checkToken(ctx, auth.Token)
		if err != nil {
			return socketio.Reject("unauthorized", map[string]string{"hint": "log in again"})
		}
		user.Set(s, u)
		s.Join("user:" + u.Name) // reaches all of the user's devices
		return nil
	})
	socketio.On(sio, "whoami", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		u, _ := user.Get(s)
		return s.Emit("you are", u.Name)
	})
	// README: end
	fmt.Println(sio.Count())
	// Output: 0
}

func Example_handlers() {
	sio := socketio.NewServer(nil)
	// README: handlers
	socketio.On(sio, "message", func(ctx context.Context, s *socketio.Socket, m Message) error {
		return s.To(m.Room).Emit("message", m) // an error goes to Options.ErrorHandler
	})
	socketio.OnCall(sio, "add", func(ctx context.Context, s *socketio.Socket, n []int) (int, error) {
		if len(n) > 100 {
			return 0, &socketio.Error{Message: "too many numbers"} // the client may see this one
		}
		sum := 0
		for _, v := range n {
			sum += v
		}
		return sum, nil // is the acknowledgement
	})
	sio.Handle("move", socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
		var x, y int // any number of arguments
		if err := e.Scan(&x, &y); err != nil {
			return err
		}
		return e.Reply(x + y)
	}))
	// README: end
	fmt.Println("ready")
	// Output: ready
}

func Example_sending() {
	sio := socketio.NewServer(nil)
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		picture, m, id := []byte{1}, Message{}, "an id"
		// README: sending
		s.Emit("picture", map[string]any{"name": "cat", "data": picture}) // to this client; []byte is sent as binary
		s.Broadcast().Emit("joined", s.ID())                              // to everybody else
		s.To("news", "sport").Except("muted").Emit("message", m)          // to rooms, each socket once, but not to s itself
		sio.To(id).Emit("private", m)                                     // a socket's id is a room
		sio.Volatile().Emit("position", 1, 2)                             // may be lost by clients that are busy
		sio.In("news").SocketsJoin("archive")                             // on all nodes of a cluster
		// README: end
		return nil
	})
	fmt.Println("ready")
	// Output: ready
}

func Example_asking() {
	sio := socketio.NewServer(nil)
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		// README: asking
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		drink, err := socketio.Call[string](ctx, s, "question", "tea or coffee?") // waits for the client's ack
		if err != nil {
			return err
		}
		slog.Info("they want", "drink", drink)

		for vote, err := range socketio.CallAll[bool](ctx, sio.To("lobby"), "agreed?") {
			var missing *socketio.MissingError
			if errors.As(err, &missing) {
				slog.Warn("not everybody answered", "missing", missing.Sockets)
			} else if err == nil {
				slog.Info("a vote", "for", vote)
			}
		}
		// README: end
		return nil
	})
	fmt.Println("ready")
	// Output: ready
}

func Example_namespaces() {
	sio := socketio.NewServer(nil)
	isAdmin := func(ctx context.Context, s *socketio.Socket) error { return nil }
	// README: namespaces
	admin := sio.Of("/admin")
	admin.Use(isAdmin)
	socketio.On(admin, "ban", func(ctx context.Context, s *socketio.Socket, id string) error {
		return sio.In(id).DisconnectSockets(true)
	})

	tenants := sio.OfMatch(regexp.MustCompile(`^/tenant-\d+$`)) // one namespace for each tenant
	tenants.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		return s.Broadcast().Emit("joined", s.Namespace().Name())
	})
	// README: end
	fmt.Println(sio.Namespaces())
	// Output: [/ /admin]
}

// README: declarations
var (
	Posted = socketio.EventType[Message]{Name: "message"}
	Join   = socketio.CallType[string, []string]{Name: "join"} // takes a room, answers with the members
)

// README: end

func ExampleEventType() {
	sio := socketio.NewServer(nil)
	members := func(string) []string { return nil }
	// README: declared
	Posted.On(sio, func(ctx context.Context, s *socketio.Socket, m Message) error {
		return Posted.Emit(s.To(m.Room), m)
	})
	Join.On(sio, func(ctx context.Context, s *socketio.Socket, room string) ([]string, error) {
		s.Join(room)
		return members(room), nil
	})
	// README: end
	fmt.Println(Posted.Name, Join.Name)
	// Output: message join
}

func ExampleServer_Shutdown() {
	// README: shutdown
	sio := socketio.NewServer(&socketio.Options{
		CORS:     &socketio.CORS{Origins: []string{"https://app.example.com"}, Credentials: true},
		Recovery: &socketio.Recovery{MaxDisconnection: time.Minute},
	})
	srv := &http.Server{Addr: ":8080", Handler: sio} // or your router
	go func() { log.Println(srv.ListenAndServe()) }()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sio.Shutdown(ctx) // first: http.Server does not know of websockets
	srv.Shutdown(ctx)
	// README: end
}
