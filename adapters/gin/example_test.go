package siogin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/socketio"
)

func ExampleAttach() {
	r := gin.New()
	r.Use(func(c *gin.Context) { c.Set("user", c.GetHeader("X-User")) }) // your login

	sio := socketio.NewServer(&socketio.Options{
		AllowRequest: func(r *http.Request) error {
			if user, _ := siogin.Value[string](r.Context(), "user"); user == "" {
				return fmt.Errorf("not logged in")
			}
			return nil
		},
	})
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		user, _ := siogin.Value[string](ctx, "user")
		return s.Emit("welcome", user)
	})
	siogin.Attach(r, sio) // at /socket.io/

	server := httptest.NewServer(r)
	defer server.Close()
	defer sio.Close()
	res, err := http.Get(server.URL + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))
	// Output: 403 {"code":4,"message":"not logged in"}
}
