package sioecho

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
)

// Value returns what was stored under key with echo.Context.Set before the
// request that opened the connection reached the mount. ok is false if there is
// no such value, it is not a T, or key was not given to [Attach]. ctx is a
// socket's context, or one derived from it. It is safe for concurrent use and
// works as long as the socket lives; the value itself is shared, not copied.
func Value[T any](ctx context.Context, key string) (value T, ok bool) {
	value, ok = ctx.Value(key).(T)
	return value, ok
}

// Param returns a path parameter of the route under which the request that
// opened the connection arrived, such as tenant in "/tenants/:tenant/rt", and ""
// if there is none of that name. It is safe for concurrent use.
func Param(ctx context.Context, name string) string {
	params, _ := ctx.Value(paramsKey{}).(map[string]string)
	return params[name]
}

type paramsKey struct{}

// values is a request's context that also knows values of an echo.Context.
type values struct {
	context.Context
	store  map[string]any
	params map[string]string
}

func (v *values) Value(key any) any {
	switch key := key.(type) {
	case paramsKey:
		return v.params
	case string:
		if value, ok := v.store[key]; ok {
			return value
		}
	}
	return v.Context.Value(key)
}

// withValues returns c's request with a context that carries what c has under
// keys, or the request as it is if there is nothing.
func withValues(c echo.Context, keys []string) *http.Request {
	r := c.Request()
	store, params := stored(c, keys), parameters(c)
	if store == nil && params == nil {
		return r
	}
	return r.WithContext(&values{Context: r.Context(), store: store, params: params})
}

func stored(c echo.Context, keys []string) map[string]any {
	var store map[string]any
	for _, key := range keys {
		value := c.Get(key)
		if value == nil {
			continue
		}
		if store == nil {
			store = make(map[string]any, len(keys))
		}
		store[key] = value
	}
	return store
}

// parameters returns the path parameters besides the mount's own wildcard.
func parameters(c echo.Context) map[string]string {
	var params map[string]string
	for _, name := range c.ParamNames() {
		if name == "*" {
			continue
		}
		if params == nil {
			params = make(map[string]string)
		}
		params[name] = c.Param(name)
	}
	return params
}
