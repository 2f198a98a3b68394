// Command gin shows what a Gin application does with Socket.IO: its login
// middleware decides who may connect and tells the sockets who their user is, and
// its REST endpoints emit to them.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

const hint = `try:
  curl -c ada.jar -d name=ada %[1]s/login                     # the session cookie goes to ada.jar
  curl -b ada.jar '%[1]s/socket.io/?EIO=4&transport=polling'  # a client's first request, as ada
  curl '%[1]s/socket.io/?EIO=4&transport=polling'             # as nobody: refused
  curl -b ada.jar -d text=hello %[1]s/announcements           # every client gets "announcement"
  curl -b ada.jar %[1]s/online`

func main() {
	serve.Main(app, ":8080", hint)
}

// announcement is what all clients get.
type announcement struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func app(out io.Writer) (http.Handler, *socketio.Server) {
	sessions := new(sessions)
	sio := newServer()

	r := gin.New()
	r.Use(gin.LoggerWithWriter(out), gin.Recovery())
	r.POST("/login", sessions.login)
	r.Use(sessions.identify) // for everything below
	siogin.Attach(r, sio)

	users := r.Group("/", requireUser)
	users.GET("/online", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"online": sio.Count()})
	})
	users.POST("/announcements", func(c *gin.Context) {
		if err := sio.Emit("announcement", announcement{c.GetString("user"), c.PostForm("text")}); err != nil {
			c.String(http.StatusInternalServerError, "%v", err)
			return
		}
		c.Status(http.StatusNoContent)
	})
	return r, sio
}

func newServer() *socketio.Server {
	sio := socketio.NewServer(&socketio.Options{
		// The handshake is the first request of a client. Refusing it here, before
		// there is a connection, is cheaper than in connect middleware.
		AllowRequest: func(r *http.Request) error {
			if _, ok := siogin.Value[string](r.Context(), "user"); !ok {
				return errors.New("log in first")
			}
			return nil
		},
	})
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		user, _ := siogin.Value[string](ctx, "user")
		s.Join("user:" + user) // all of the user's devices
		return s.Emit("welcome", user)
	})
	socketio.On(sio, "message", func(ctx context.Context, s *socketio.Socket, text string) error {
		user, _ := siogin.Value[string](ctx, "user")
		return s.Broadcast().Emit("message", announcement{user, text})
	})
	return sio
}

// sessions knows the users who are logged in. A real application has a database.
type sessions struct {
	users sync.Map // token to name
}

// login logs anybody in. A real application wants a password.
func (s *sessions) login(c *gin.Context) {
	name := c.PostForm("name")
	if name == "" {
		c.String(http.StatusBadRequest, "who are you?")
		return
	}
	token := rand.Text()
	s.users.Store(token, name)
	c.SetSameSite(http.SameSiteLaxMode)
	c.SetCookie("session", token, 3600, "/", "", false, true)
	c.Status(http.StatusNoContent)
}

// identify puts the user, if there is one, where handlers and sockets find it.
func (s *sessions) identify(c *gin.Context) {
	token, err := c.Cookie("session")
	if err != nil {
		return
	}
	if name, ok := s.users.Load(token); ok {
		c.Set("user", name)
	}
}

func requireUser(c *gin.Context) {
	if _, ok := c.Get("user"); !ok {
		c.AbortWithStatus(http.StatusUnauthorized)
	}
}
