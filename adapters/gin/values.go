package siogin

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

// Value returns what was stored under key with gin.Context.Set, or in the
// context of the request, before the request that opened the connection reached
// the mount. ok is false if there is no such value or it is not a T. ctx is a
// socket's context, or one derived from it. It is safe for concurrent use and
// works as long as the socket lives; the value itself is shared, not copied.
func Value[T any](ctx context.Context, key any) (value T, ok bool) {
	value, ok = ctx.Value(key).(T)
	return value, ok
}

// Param returns a path parameter of the route under which the request that
// opened the connection arrived, such as tenant in "/tenants/:tenant/rt", and ""
// if there is none of that name. It is safe for concurrent use.
func Param(ctx context.Context, name string) string {
	params, _ := ctx.Value(paramsKey{}).(gin.Params)
	return params.ByName(name)
}

type paramsKey struct{}

// values is a request's context that also knows the values of a gin.Context.
type values struct {
	context.Context
	keys   map[any]any
	params gin.Params
}

func (v *values) Value(key any) any {
	if _, ok := key.(paramsKey); ok {
		return v.params
	}
	if value, ok := v.keys[key]; ok {
		return value
	}
	return v.Context.Value(key)
}

// withValues returns c's request with a context that carries c's values, or the
// request as it is if c has none.
func withValues(c *gin.Context) *http.Request {
	if len(c.Keys) == 0 && !slices.ContainsFunc(c.Params, isNamed) {
		return c.Request
	}
	copied := c.Copy() // under c's lock, which is not exported
	v := &values{Context: c.Request.Context(), keys: copied.Keys}
	v.params = slices.DeleteFunc(copied.Params, isRest)
	return c.Request.WithContext(v)
}

// isRest tells the mount's own wildcard from the parameters that the user named.
func isRest(p gin.Param) bool { return p.Key == rest }

func isNamed(p gin.Param) bool { return !isRest(p) }
