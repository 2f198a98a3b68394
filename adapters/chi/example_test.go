package siochi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	siochi "github.com/gosocketio/sio/adapters/chi"
	"github.com/gosocketio/sio/core/socketio"
)

func ExampleAttachAt() {
	sio := socketio.NewServer(&socketio.Options{
		AllowRequest: func(r *http.Request) error {
			if tenant := chi.URLParamFromCtx(r.Context(), "tenant"); tenant != "acme" {
				return fmt.Errorf("no such tenant: %s", tenant)
			}
			return nil
		},
	})
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, middleware.Compress(5))
	r.Route("/tenants/{tenant}", func(r chi.Router) {
		siochi.AttachAt(r, "/rt", sio)
	})

	server := httptest.NewServer(r)
	defer server.Close()
	defer sio.Close()
	res, err := http.Get(server.URL + "/tenants/evil/rt/?EIO=4&transport=polling")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))
	// Output: 403 {"code":4,"message":"no such tenant: evil"}
}
