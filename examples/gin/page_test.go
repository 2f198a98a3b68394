package main

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestFiles(t *testing.T) {
	w := newWorld(t, "")
	for path, want := range map[string]struct {
		status int
		kind   string
	}{
		"/":                                {200, "text/html; charset=utf-8"},
		"/app.js":                          {200, "text/javascript; charset=utf-8"},
		"/style.css":                       {200, "text/css; charset=utf-8"},
		"/icon.svg":                        {200, "image/svg+xml"},
		"/socket.io/socket.io.esm.min.js":  {200, "application/javascript; charset=utf-8"},
		"/nothing":                         {404, "text/plain; charset=utf-8"},
		"/../main.go":                      {404, "text/plain; charset=utf-8"},
		"/%2e%2e/main.go":                  {404, "text/plain; charset=utf-8"},
		"/api/nothing":                     {404, "text/plain; charset=utf-8"},
		"/api/rooms/general/messages/more": {404, "text/plain; charset=utf-8"},
	} {
		status, _, h := trial.Request(t, "GET", w.url+path, "", nil)
		if status != want.status || h.Get("Content-Type") != want.kind {
			t.Errorf("%s: %d %s, want %d %s", path, status, h.Get("Content-Type"), want.status, want.kind)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "script-src 'self';") {
			t.Errorf("%s: security headers are missing: %v", path, h)
		}
	}
}

func TestFilesAreKept(t *testing.T) {
	w := newWorld(t, "")
	_, _, h := trial.Request(t, "GET", w.url+"/app.js", "", nil)
	again := http.Header{"If-None-Match": {h.Get("ETag")}}
	if status, body, _ := trial.Request(t, "GET", w.url+"/app.js", "", again); status != http.StatusNotModified || body != "" {
		t.Errorf("with its ETag: %d, %d bytes", status, len(body))
	}
}

// What the policy would refuse, or what could turn a message into markup, is not
// in the page to begin with.
func TestPageKeepsPolicy(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\son\w+="|\sstyle="|<style|<script(?: type="module")?>|https?://[^\s"<]*\.js`)
	err := fs.WalkDir(web, "web", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(web, path)
		if found := forbidden.Find(data); found != nil {
			t.Errorf("%s has %q", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
