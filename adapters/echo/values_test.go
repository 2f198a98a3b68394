package sioecho_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	sioecho "github.com/gosocketio/sio/adapters/echo"
)

type requestKey struct{}

// login stands for authentication middleware: the user is in the query.
func login(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		user := c.QueryParam("user")
		c.Set("user", user)
		c.Set("role", "role of "+user)
		c.Set("secret", "not for sockets")
		r := c.Request()
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), requestKey{}, "request "+user)))
		return next(c)
	}
}

func TestValues(t *testing.T) {
	var contexts []context.Context
	e := echo.New()
	e.Use(login)
	sioecho.AttachAt(e, "/tenants/:tenant/rt", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		contexts = append(contexts, context.WithoutCancel(r.Context()))
	}), "role", "absent")
	e.GET("/elsewhere", func(c echo.Context) error {
		c.Set("user", "overwritten")
		return nil
	})
	for i := range 20 { // Echo uses its contexts again
		get(t, e, fmt.Sprintf("/tenants/t%d/rt/?user=u%d", i, i))
		get(t, e, "/elsewhere")
	}
	if len(contexts) != 20 {
		t.Fatalf("%d requests arrived, want 20", len(contexts))
	}
	for i, ctx := range contexts {
		for key, want := range map[string]string{"user": fmt.Sprint("u", i), "role": fmt.Sprint("role of u", i)} {
			if got, ok := sioecho.Value[string](ctx, key); !ok || got != want {
				t.Errorf("context %d: %s is %q, %v, want %q", i, key, got, ok, want)
			}
		}
		if v := ctx.Value(requestKey{}); v != fmt.Sprint("request u", i) {
			t.Errorf("context %d: value of the request's context is %v", i, v)
		}
		if tenant := sioecho.Param(ctx, "tenant"); tenant != fmt.Sprint("t", i) {
			t.Errorf("context %d: tenant is %q", i, tenant)
		}
		for _, key := range []string{"absent", "secret"} {
			if v, ok := sioecho.Value[any](ctx, key); ok {
				t.Errorf("context %d: %s is %v, which was not asked for", i, key, v)
			}
		}
		if _, ok := sioecho.Value[int](ctx, "user"); ok {
			t.Errorf("context %d: a string was taken for an int", i)
		}
		if sioecho.Param(ctx, "*") != "" || sioecho.Param(context.Background(), "tenant") != "" {
			t.Errorf("context %d: parameters that are none", i)
		}
	}
}

// TestNoValues makes sure that a request without values is passed on as it is.
func TestNoValues(t *testing.T) {
	var sent, got *http.Request
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			sent = c.Request()
			return next(c)
		}
	})
	sioecho.Attach(e, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	get(t, e, "/socket.io/")
	if sent == nil || sent != got {
		t.Error("the request was copied for nothing")
	}
}
