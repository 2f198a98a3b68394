package siohttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
	"github.com/gosocketio/sio/core/socketio"
)

func ExampleAttach() {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("public")))
	sio := socketio.NewServer(nil)
	siohttp.Attach(mux, sio) // at /socket.io/

	server := httptest.NewServer(mux)
	defer server.Close()
	defer sio.Close()
	res, err := http.Get(server.URL + "/socket.io/?EIO=4&transport=polling&sid=unknown")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))
	// Output: 400 {"code":1,"message":"Session ID unknown"}
}
