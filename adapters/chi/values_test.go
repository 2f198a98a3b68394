package siochi_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	siochi "github.com/gosocketio/sio/adapters/chi"
)

type userKey struct{}

// login stands for authentication middleware: the user is in the query.
func login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.URL.Query().Get("user"))))
	})
}

func TestValues(t *testing.T) {
	var contexts []context.Context
	r := chi.NewRouter()
	r.Use(login)
	r.Route("/tenants/{tenant}", func(r chi.Router) {
		siochi.AttachAt(r, "/rt", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			contexts = append(contexts, context.WithoutCancel(r.Context()))
		}))
	})
	r.Get("/other/{tenant}/rt", reply(""))
	for i := range 20 { // chi uses its route contexts again
		get(t, r, fmt.Sprintf("/tenants/t%d/rt/?user=u%d", i, i))
		get(t, r, "/other/overwritten/rt")
	}
	if len(contexts) != 20 {
		t.Fatalf("%d requests arrived, want 20", len(contexts))
	}
	for i, ctx := range contexts {
		if user := ctx.Value(userKey{}); user != fmt.Sprint("u", i) {
			t.Errorf("context %d: user is %v", i, user)
		}
		if tenant := chi.URLParamFromCtx(ctx, "tenant"); tenant != fmt.Sprint("t", i) {
			t.Errorf("context %d: tenant is %q", i, tenant)
		}
		if pattern := chi.RouteContext(ctx).RoutePattern(); pattern != "/tenants/{tenant}/rt/*" {
			t.Errorf("context %d: pattern is %q", i, pattern)
		}
	}
}

// TestFollowUpRequest makes sure that only handshakes pay for the copy.
func TestFollowUpRequest(t *testing.T) {
	var sent, got *http.Request
	r := chi.NewRouter()
	siochi.Attach(r.With(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = r
			next.ServeHTTP(w, r)
		})
	}), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	get(t, r, "/socket.io/?sid=abc")
	if sent == nil || sent != got {
		t.Error("a request of an open session was copied for nothing")
	}
	get(t, r, "/socket.io/")
	if chi.RouteContext(sent.Context()) == chi.RouteContext(got.Context()) {
		t.Error("the handshake got chi's own route context")
	}
}
