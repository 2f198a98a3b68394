package siochi

import (
	"context"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
)

// routeContext shadows chi's pooled route context by a copy.
type routeContext struct {
	context.Context
	route *chi.Context
}

func (c *routeContext) Value(key any) any {
	if key == any(chi.RouteCtxKey) {
		return c.route
	}
	return c.Context.Value(key)
}

func withRouteCopy(r *http.Request) *http.Request {
	route := chi.RouteContext(r.Context())
	if route == nil {
		return r
	}
	copied := chi.NewRouteContext()
	copied.RoutePath = route.RoutePath
	copied.RouteMethod = route.RouteMethod
	copied.URLParams.Keys = slices.Clone(route.URLParams.Keys)
	copied.URLParams.Values = slices.Clone(route.URLParams.Values)
	copied.RoutePatterns = slices.Clone(route.RoutePatterns)
	return r.WithContext(&routeContext{Context: r.Context(), route: copied})
}
