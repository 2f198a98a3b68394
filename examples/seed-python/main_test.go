package main

import (
	"net/http"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func TestSeed(t *testing.T) {
	lines := trial.NewLines()
	url := trial.Start(t, app, lines) + "/socket.io/"
	p, other := siotest.Polling(t, url, nil), siotest.WebSocket(t, url, nil)
	id, otherID := p.Connect("/", ""), other.Connect("/", "")
	lines.Expect(t, id+" connected", otherID+" connected")
	p.Send(`42["msg","use msg channel 2 send data"]`, `42["reply"]`, `42["message","Hello guys. "]`)
	for _, peer := range []*siotest.Peer{p, other} {
		peer.Expect(`42["message","resend use msg channel 2 send data"]`, `42["reply"]`)
	}
	lines.Expect(t, "message: Hello guys. ")
	p.Send("41")
	lines.Expect(t, id+" disconnected")
}

// TestEverythingBeforeDisconnectArrives is the program of the tutorial's client:
// three messages, and off. Over polling they come in one body.
func TestEverythingBeforeDisconnectArrives(t *testing.T) {
	lines := trial.NewLines()
	url := trial.Start(t, app, lines) + "/socket.io/"
	witness := siotest.WebSocket(t, url, nil)
	witness.Connect("/", "")
	for range 20 {
		for _, dial := range []func(testing.TB, string, http.Header) *siotest.Peer{siotest.Polling, siotest.WebSocket} {
			p := dial(t, url, nil)
			id := p.Connect("/", "")
			p.Send(`42["message","Hello guys. "]`, `42["message",{"msg":"use message channel 2 send data"}]`, `42["msg","use msg channel 2 send data"]`, "41")
			lines.Expect(t, "message: Hello guys. ", "message: map[msg:use message channel 2 send data]", id+" disconnected")
			witness.Expect(`42["message","resend use msg channel 2 send data"]`)
			p.Close()
		}
	}
}
