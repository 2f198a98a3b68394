package siogin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
)

func getUpgrade(router http.Handler) (int, string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/socket.io/", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	router.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

type requestKey struct{}

// login stands for authentication middleware: the user is in the query.
func login(c *gin.Context) {
	c.Set("user", c.Query("user"))
	c.Set(42, "forty-two")
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, "request "+c.Query("user")))
}

func TestValues(t *testing.T) {
	var contexts []context.Context
	r := gin.New()
	r.Use(login, func(c *gin.Context) {
		c.Next()
		c.Set("user", "late")
	})
	siogin.AttachAt(r, "/tenants/:tenant/rt", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		contexts = append(contexts, context.WithoutCancel(r.Context()))
	}))
	r.NoRoute(func(c *gin.Context) { c.Set("user", "overwritten") })
	for i := range 20 { // Gin uses its contexts again
		get(t, r, fmt.Sprintf("/tenants/t%d/rt/?user=u%d", i, i))
		get(t, r, "/elsewhere")
	}
	for i, ctx := range contexts {
		if user, ok := siogin.Value[string](ctx, "user"); !ok || user != fmt.Sprint("u", i) {
			t.Errorf("context %d: user is %q, %v", i, user, ok)
		}
		if v := ctx.Value(42); v != "forty-two" {
			t.Errorf("context %d: value of 42 is %v", i, v)
		}
		if v := ctx.Value(requestKey{}); v != fmt.Sprint("request u", i) {
			t.Errorf("context %d: value of the request's context is %v", i, v)
		}
		if tenant := siogin.Param(ctx, "tenant"); tenant != fmt.Sprint("t", i) {
			t.Errorf("context %d: tenant is %q", i, tenant)
		}
		if _, ok := siogin.Value[int](ctx, "user"); ok {
			t.Errorf("context %d: a string was taken for an int", i)
		}
		if siogin.Param(ctx, "socketio") != "" || siogin.Param(context.Background(), "tenant") != "" {
			t.Errorf("context %d: parameters that are none", i)
		}
		if c := ctx.Value(gin.ContextKey); c != nil {
			t.Errorf("context %d gives away the gin.Context", i)
		}
	}
}

// TestNoValues makes sure that a request without values is passed on as it is.
func TestNoValues(t *testing.T) {
	var sent, got *http.Request
	r := gin.New()
	r.Use(func(c *gin.Context) { sent = c.Request })
	siogin.Attach(r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	get(t, r, "/socket.io/")
	if sent == nil || sent != got {
		t.Error("the request was copied for nothing")
	}
}
