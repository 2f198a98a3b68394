package siohttp_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	siohttp "github.com/gosocketio/sio/adapters/nethttp"
)

func TestPathValue(t *testing.T) {
	var contexts []context.Context
	mux := http.NewServeMux()
	siohttp.AttachAt(mux, "/tenants/{tenant}/rooms/{room}/rt/", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		contexts = append(contexts, context.WithoutCancel(r.Context()))
	}))
	for i := range 3 {
		get(t, mux, fmt.Sprintf("/tenants/t%d/rooms/r%d/rt", i, i))
	}
	if len(contexts) != 3 {
		t.Fatalf("%d requests arrived, want 3", len(contexts))
	}
	for i, ctx := range contexts {
		if got := siohttp.PathValue(ctx, "tenant") + siohttp.PathValue(ctx, "room"); got != fmt.Sprintf("t%dr%d", i, i) {
			t.Errorf("context %d: wildcards are %q", i, got)
		}
		if got := siohttp.PathValue(ctx, "other"); got != "" {
			t.Errorf("context %d: a wildcard that is none is %q", i, got)
		}
	}
	if got := siohttp.PathValue(context.Background(), "tenant"); got != "" {
		t.Errorf("wildcard of a foreign context is %q", got)
	}
}
