package main

import (
	"io"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func TestChat(t *testing.T) {
	url := trial.Start(t, app, io.Discard) + "/socket.io"
	ada, bob := siotest.Polling(t, url, nil), siotest.WebSocket(t, url, nil)
	ada.Connect("/", "")
	bob.Connect("/", "")
	ada.Send(`42["message","hello"]`)
	ada.Expect(`42["message","hello"]`)
	bob.Expect(`42["message","hello"]`)
}
