// Command gin is a chat on one port: a Gin application with a login, a REST
// endpoint, an embedded page and Socket.IO.
//
// Read it in this order: events.go says what the page and the server tell each
// other, chat.go does it, and web/ is the page. auth.go has the login that both
// the REST endpoints and the sockets stand behind.
package main

import (
	"cmp"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/serve"
)

const hint = `open %[1]s in two windows, log in under two names, and write; or write from a shell:
  curl -c jar -H 'Content-Type: application/json' -d '{"name":"ada"}' %[1]s/api/login
  curl -b jar -H 'Content-Type: application/json' -d '{"text":"hello"}' %[1]s/api/rooms/general/messages`

func main() {
	data := flag.String("data", os.Getenv("CHAT_DATA"), "`directory` for the messages and the key of the sessions, \"none\" to keep nothing; in the user's cache by default")
	password := flag.String("admin-password", os.Getenv("CHAT_ADMIN_PASSWORD"), "`password` of admin, who may remove others; made up by default")
	gin.SetMode(cmp.Or(os.Getenv(gin.EnvGinMode), gin.ReleaseMode))
	serve.Main(func(out io.Writer) (http.Handler, *socketio.Server) {
		return start(out, *data, *password)
	}, cmp.Or(os.Getenv("CHAT_ADDR"), ":8080"), hint)
}

// start opens the files and returns what is to be served.
func start(out io.Writer, data, password string) (http.Handler, *socketio.Server) {
	dir, err := dataDir(data)
	if err != nil {
		log.Fatal(err)
	}
	store, err := openStore(dir)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := newAuth(dir, cmp.Or(password, rand.Text()))
	if err != nil {
		log.Fatal(err)
	}
	if dir != "" {
		fmt.Fprintf(out, "messages are kept in %s\n", dir)
	}
	if password == "" {
		fmt.Fprintf(out, "admin, who may remove others, has the password %s\n", auth.password)
	}
	return newApp(out, store, auth)
}

// dataDir returns the directory that the flag means; "" if nothing is to be kept.
func dataDir(flag string) (string, error) {
	if flag == "none" {
		return "", nil
	}
	if flag == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		flag = filepath.Join(cache, "sio-chat")
	}
	return flag, os.MkdirAll(flag, 0o700)
}

// newApp puts together what the program serves.
func newApp(out io.Writer, store *store, auth *auth) (http.Handler, *socketio.Server) {
	chat := newChat(store)

	r := gin.New()
	r.Use(gin.LoggerWithWriter(out), gin.Recovery(), secure, auth.identify)
	siogin.Attach(r, chat.sio) // at /socket.io/: knows the user by the middleware above

	api := r.Group("/api", sameOrigin)
	api.GET("/me", auth.me)
	api.POST("/login", auth.login)
	api.POST("/logout", auth.logout, chat.loggedOut)
	users := api.Group("", requireUser)
	users.POST("/token", auth.token)
	users.POST("/rooms/:room/messages", chat.postMessage)

	r.NoRoute(page())
	return r, chat.sio
}
