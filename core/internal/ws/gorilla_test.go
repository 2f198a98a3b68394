package ws_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/ws"
)

// A complete client, over TLS, with compression: echo, then the peer's close.
func TestGorillaClientOverTLS(t *testing.T) {
	ended := make(chan error, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.NewUpgrader(&ws.Options{Compression: true, MaxMessage: 1_000_000}).Upgrade(w, r, nil)
		if err != nil {
			ended <- err
			return
		}
		go func() { ended <- echo(c) }()
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	dialer := websocket.Dialer{EnableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	client, _, err := dialer.Dial("wss"+strings.TrimPrefix(s.URL, "https"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, n := range []int{0, 1, 125, 126, 3000, 20_000, 70_000, 900_000} {
		want := strings.Repeat("0123456789", n/10+1)[:n]
		for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
			if err := client.WriteMessage(kind, []byte(want)); err != nil {
				t.Fatal(err)
			}
			got, data, err := client.ReadMessage()
			if err != nil || got != kind || string(data) != want {
				t.Fatalf("size %d: kind %d, %d bytes, %v", n, got, len(data), err)
			}
		}
	}
	bye := websocket.FormatCloseMessage(1001, "bye")
	if err := client.WriteMessage(websocket.CloseMessage, bye); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.ReadMessage(); !websocket.IsCloseError(err, 1001) {
		t.Errorf("client: %v", err)
	}
	if err := <-ended; err.Error() != "websocket: peer closed with code 1001: bye" {
		t.Errorf("server: %v", err)
	}
}

func echo(c *ws.Conn) error {
	for {
		data, binary, err := c.Read()
		if err != nil {
			return err
		}
		if err := c.Write(ws.Frame{Payload: data, Binary: binary, Compress: true}); err != nil {
			return err
		}
	}
}

// Over TLS, CloseNow must not wait for the peer, whatever is being written.
func TestCloseNowOverTLS(t *testing.T) {
	conns := make(chan *ws.Conn, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.NewUpgrader(nil).Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("Upgrade: %v", err)
		}
		conns <- c
	}))
	defer s.Close()
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	client, _, err := dialer.Dial("wss"+strings.TrimPrefix(s.URL, "https"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := <-conns
	written := make(chan error, 1)
	go func() {
		for {
			if err := c.Write(ws.Frame{Payload: make([]byte, 1<<20)}); err != nil {
				written <- err
				return
			}
		}
	}()
	c.CloseNow()
	if err := <-written; err == nil {
		t.Error("Write went on after CloseNow")
	}
}
