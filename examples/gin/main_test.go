package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	siotest.Main(m)
}

// login returns the header of a client that is logged in.
func login(t *testing.T, url, name string) http.Header {
	t.Helper()
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	status, _, h := trial.Request(t, "POST", url+"/login", "name="+name, form)
	cookie, _, ok := strings.Cut(h.Get("Set-Cookie"), ";")
	if status != http.StatusNoContent || !ok {
		t.Fatalf("login: status %d, cookie %q", status, h.Get("Set-Cookie"))
	}
	return http.Header{"Cookie": {cookie}}
}

func TestUserReachesSocket(t *testing.T) {
	var log siotest.Log
	url := trial.Start(t, app, &log)
	asAda, asBob := login(t, url, "ada"), login(t, url, "bob")
	ada, bob := siotest.Polling(t, url+"/socket.io/", asAda), siotest.WebSocket(t, url+"/socket.io/", asBob)
	ada.Connect("/", "")
	ada.Expect(`42["welcome","ada"]`)
	bob.Connect("/", "")
	bob.Expect(`42["welcome","bob"]`)
	ada.Upgrade()
	ada.Send(`42["message","hi bob"]`)
	bob.Expect(`42["message",{"from":"ada","text":"hi bob"}]`)

	if status, body, _ := trial.Request(t, "GET", url+"/online", "", asAda); status != 200 || body != `{"online":2}` {
		t.Errorf("online: %d %s", status, body)
	}
	asBob.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, body, _ := trial.Request(t, "POST", url+"/announcements", "text=tea+time", asBob); status != http.StatusNoContent {
		t.Errorf("announcement: %d %s", status, body)
	}
	for _, p := range []*siotest.Peer{ada, bob} {
		p.Expect(`42["announcement",{"from":"bob","text":"tea time"}]`)
	}
	log.Check(t)
}

func TestNobody(t *testing.T) {
	url := trial.Start(t, app, new(siotest.Log))
	for _, cookie := range []http.Header{nil, {"Cookie": {"session=forged"}}} {
		status, body, _ := trial.Request(t, "GET", url+"/socket.io/?EIO=4&transport=polling", "", cookie)
		if status != http.StatusForbidden || body != `{"code":4,"message":"log in first"}` {
			t.Errorf("handshake: %d %s", status, body)
		}
		for _, endpoint := range []string{"GET /online", "POST /announcements"} {
			method, path, _ := strings.Cut(endpoint, " ")
			if status, _, _ := trial.Request(t, method, url+path, "", cookie); status != http.StatusUnauthorized {
				t.Errorf("%s: status %d, want 401", endpoint, status)
			}
		}
	}
	if status, _, _ := trial.Request(t, "POST", url+"/login", "", nil); status != http.StatusBadRequest {
		t.Errorf("login without a name: status %d, want 400", status)
	}
}
