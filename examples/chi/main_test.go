package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func TestReadersGetChanges(t *testing.T) {
	var log siotest.Log
	url := trial.Start(t, app, &log)
	plan, list := siotest.Polling(t, url+"/docs/plan/live/", nil), siotest.WebSocket(t, url+"/docs/list/live", nil)
	plan.Connect("/", "")
	plan.Expect(`42["text",""]`)
	list.Connect("/", "")
	list.Expect(`42["text",""]`)
	plan.Upgrade()
	put(t, url+"/docs/plan", "a plan")
	plan.Expect(`42["text","a plan"]`)
	put(t, url+"/docs/list", "a list")
	list.Expect(`42["text","a list"]`) // and not the plan before

	late := siotest.WebSocket(t, url+"/docs/plan/live", nil)
	late.Connect("/", "")
	late.Expect(`42["text","a plan"]`)
	if status, body, _ := trial.Request(t, "GET", url+"/docs/plan", "", nil); status != http.StatusOK || body != "a plan" {
		t.Errorf("got %d %q", status, body)
	}
	if status, _, _ := trial.Request(t, "PUT", url+"/docs/plan", strings.Repeat("x", 2<<20), nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("large document: status %d, want 413", status)
	}
	log.Check(t)
}

func put(t *testing.T, url, text string) {
	t.Helper()
	if status, body, _ := trial.Request(t, "PUT", url, text, nil); status != http.StatusNoContent {
		t.Fatalf("put: %d %s", status, body)
	}
}
