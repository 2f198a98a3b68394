package sioecho_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	sioecho "github.com/gosocketio/sio/adapters/echo"
	"github.com/gosocketio/sio/core/socketio"
)

func ExampleAttach() {
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc { // your login
		return func(c echo.Context) error {
			c.Set("account", c.Request().Header.Get("X-Account"))
			return next(c)
		}
	})

	sio := socketio.NewServer(&socketio.Options{
		AllowRequest: func(r *http.Request) error {
			if account, _ := sioecho.Value[string](r.Context(), "account"); account == "" {
				return fmt.Errorf("not logged in")
			}
			return nil
		},
	})
	sioecho.Attach(e, sio, "account") // at /socket.io/, sockets see what is stored under "account"

	server := httptest.NewServer(e)
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
