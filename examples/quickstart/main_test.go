package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	siogin "github.com/gosocketio/sio/adapters/gin"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func app(io.Writer) (http.Handler, *socketio.Server) {
	gin.SetMode(gin.TestMode)
	r, sio := gin.New(), newChat()
	siogin.Attach(r, sio)
	return r, sio
}

func TestChat(t *testing.T) {
	url := trial.Start(t, app, io.Discard) + "/socket.io/"
	ada, bob, eve := siotest.Polling(t, url, nil), siotest.WebSocket(t, url, nil), siotest.WebSocket(t, url, nil)
	adaID, bobID := ada.Connect("/", ""), bob.Connect("/", "")
	eve.Connect("/", "")

	ada.Send(`420["join","tea"]`)
	checkRooms(t, ada.Next(), adaID)
	bob.Send(`420["join","tea"]`)
	checkRooms(t, bob.Next(), bobID)
	ada.Expect(fmt.Sprintf(`42["joined",%q]`, bobID))

	bob.Send(`42["message",{"room":"tea","text":"hello"}]`)
	for _, p := range []*siotest.Peer{ada, bob} {
		p.Expect(fmt.Sprintf(`42["message",{"room":"tea","text":"hello","from":%q}]`, bobID))
	}
	eve.Send(`421["join","coffee"]`) // the next thing that eve gets is the answer, not bob's message
	if got := eve.Next(); !strings.HasPrefix(got, "431") {
		t.Errorf("eve got %s", got)
	}
}

// checkRooms checks the answer to join: the rooms are in no order.
func checkRooms(t *testing.T, packet, id string) {
	t.Helper()
	if want := []string{fmt.Sprintf(`430[["tea",%q]]`, id), fmt.Sprintf(`430[[%q,"tea"]]`, id)}; !slices.Contains(want, packet) {
		t.Fatalf("joined: %s, want one of %q", packet, want)
	}
}

// TestReadme wants the README to show this very program, as soon as there is one.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```\n") {
		t.Error("README.md does not contain examples/quickstart/main.go as it is")
	}
	page, err := os.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```html\n"+string(page)+"```\n") {
		t.Error("README.md does not contain examples/quickstart/index.html as it is")
	}
}
