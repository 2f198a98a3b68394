package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestLogin(t *testing.T) {
	w := newWorld(t, "")
	for _, c := range []struct {
		body   string
		status int
		answer string
	}{
		{`{"name":"ada"}`, 200, `{"user":"ada"}`},
		{`{"name":"  Ada Lovelace "}`, 200, `{"user":"Ada Lovelace"}`},
		{`{"name":"Ærøskøbing 東京"}`, 200, `{"user":"Ærøskøbing 東京"}`},
		{`{"name":"ADMIN","password":"open sesame"}`, 200, `{"user":"admin"}`},
		{`{"name":"Admin","password":"guess"}`, 401, "not the password"},
		{`{"name":"admin"}`, 401, "not the password"},
		{`{"name":""}`, 400, "A name has"},
		{`{"name":"<ada>"}`, 400, "A name has"},
		{`{"name":"a\nb"}`, 400, "A name has"},
		{`{"name":"` + strings.Repeat("a", 25) + `"}`, 400, "A name has"},
		{`{"name":7}`, 400, "not the JSON"},
		{`name=ada`, 400, "not the JSON"},
		{``, 400, "not the JSON"},
		{`{"name":"` + strings.Repeat("a", maxBody) + `"}`, 413, "too much"},
	} {
		if status, answer := w.request("POST", "/api/login", c.body, nil); status != c.status || !strings.Contains(answer, c.answer) {
			t.Errorf("login with %.40s: %d %s, want %d %s", c.body, status, answer, c.status, c.answer)
		}
	}
}

func TestCookie(t *testing.T) {
	w := newWorld(t, "")
	_, _, h := trial.Request(t, "POST", w.url+"/api/login", `{"name":"ada"}`, nil)
	for _, attribute := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"} {
		if !strings.Contains(h.Get("Set-Cookie"), attribute) {
			t.Errorf("cookie %q has no %s", h.Get("Set-Cookie"), attribute)
		}
	}
	_, _, h = trial.Request(t, "POST", w.url+"/api/logout", "", nil)
	if !strings.Contains(h.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("cookie %q does not end the session", h.Get("Set-Cookie"))
	}
}

func TestForgedSession(t *testing.T) {
	ada := session{"ada", time.Now().Add(time.Hour).Unix(), "1"}
	mine, other := &auth{key: []byte("mine")}, &auth{key: []byte("other")}
	body, signature, _ := strings.Cut(mine.sign(ada), ".")
	admins, _, _ := strings.Cut(mine.sign(session{"admin", ada.Ends, "1"}), ".")
	for name, token := range map[string]string{
		"none":                      "",
		"no signature":              body,
		"an empty signature":        body + ".",
		"a signature of another":    other.sign(ada),
		"the signature of another":  admins + "." + signature,
		"half a signature":          body + "." + signature[:20],
		"no base64":                 body + "." + signature[1:] + "!",
		"a signed one that is over": mine.sign(session{"ada", time.Now().Unix() - 1, "1"}),
		"signed nonsense":           "e30!." + mine.sign(ada),
	} {
		if s, ok := mine.verify(token); ok {
			t.Errorf("%s: is taken for %v", name, s)
		}
	}
	if s, ok := mine.verify(mine.sign(ada)); !ok || s != ada {
		t.Errorf("the real one: %v, %v", s, ok)
	}
}

func TestKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	before, err := newAuth(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	after, err := newAuth(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := after.verify(before.sign(newSession("ada"))); !ok || s.User != "ada" {
		t.Error("a session did not survive a restart")
	}
	info, err := os.Stat(filepath.Join(dir, "session.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the key: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "session.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newAuth(dir, ""); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged key: %v", err)
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t, "")
	header := w.login("ada")
	for name, values := range map[string][2]string{
		"origin": {"Origin", "https://evil.example"},
		"fetch":  {"Sec-Fetch-Site", "cross-site"},
	} {
		h := header.Clone()
		h.Set(values[0], values[1])
		for _, path := range []string{"/api/login", "/api/logout", "/api/token", "/api/rooms/general/messages"} {
			if status, answer := w.request("POST", path, `{"text":"hello"}`, h); status != http.StatusForbidden || !strings.Contains(answer, "another site") {
				t.Errorf("%s: POST %s: %d %s", name, path, status, answer)
			}
		}
	}
	header.Set("Origin", "https://evil.example")
	if status, _ := w.request("GET", "/socket.io/?EIO=4&transport=polling", "", header); status != http.StatusForbidden {
		t.Errorf("handshake from another site: status %d", status)
	}
	if answer, _ := w.store.since("general", 0); len(answer.Messages) > 0 {
		t.Errorf("another site has written %v", answer.Messages)
	}
}

func TestMe(t *testing.T) {
	w := newWorld(t, "")
	if status, answer := w.request("GET", "/api/me", "", nil); status != 200 || answer != `{"user":""}` {
		t.Errorf("nobody: %d %s", status, answer)
	}
	if status, answer := w.request("GET", "/api/me", "", w.login("ada")); status != 200 || answer != `{"user":"ada"}` {
		t.Errorf("ada: %d %s", status, answer)
	}
	if status, answer := w.request("GET", "/api/me", "", http.Header{"Cookie": {"session=forged"}}); status != 200 || answer != `{"user":""}` {
		t.Errorf("forged: %d %s", status, answer)
	}
}
