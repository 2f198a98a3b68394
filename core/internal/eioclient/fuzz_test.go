package eioclient_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/internal/memnet"
)

// FuzzPolling answers the handshake and the polls that follow with any bytes. Whatever
// they are, the connection is refused or ends, in order and without a panic.
func FuzzPolling(f *testing.F) {
	f.Add([]byte(opening), []byte("4hello\x1ebAAEC\x1e2\x1e6"), []byte("1"))
	f.Add([]byte(opening+"\x1e4first"), []byte("4"), []byte(""))
	f.Add([]byte(`0{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":["websocket"]}`), []byte("5\x1e3probe\x1e0{}"), []byte("\x1e\x1e"))
	f.Add([]byte("0null"), []byte("b===="), []byte("\xff"))
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		answers := make(chan []byte, 3)
		answers <- first
		answers <- second
		answers <- third
		close(answers)
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			body := []byte("ok")
			if r.Method == "GET" {
				var more bool
				if body, more = <-answers; !more {
					return nil, io.ErrUnexpectedEOF
				}
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(body)), Request: r, Header: http.Header{}}, nil
		})}
		opts := polling()
		opts.HTTPClient, opts.MaxMessage = client, 1000
		runOut(t, opts)
	})
}

// FuzzWebSocket serves a websocket and then any bytes.
func FuzzWebSocket(f *testing.F) {
	frame := func(kind byte, data string) []byte {
		if len(data) > 125 {
			return append([]byte{0x80 | kind, 126, byte(len(data) >> 8), byte(len(data))}, data...)
		}
		return append([]byte{0x80 | kind, byte(len(data))}, data...)
	}
	open := frame(1, opening)
	f.Add(bytes.Join([][]byte{open, frame(1, "4hello"), frame(2, "\x00\x01"), frame(1, "2"), frame(1, "1")}, nil))
	f.Add(bytes.Join([][]byte{open, frame(9, "ping"), frame(10, ""), frame(8, "\x03\xe8bye")}, nil))
	f.Add(bytes.Join([][]byte{open, {0x01, 2, '4', 'a', 0x80, 1, 'b'}, frame(1, "bAAEC")}, nil))
	f.Add(bytes.Join([][]byte{open, {0xc1, 7, 0x32, 0x49, 0x4c, 0x4a, 0x06, 0x00, 0x00}}, nil))
	f.Add(frame(1, "0{}"))
	f.Fuzz(func(t *testing.T, frames []byte) {
		ended := make(chan struct{})
		opts := websockets()
		opts.MaxMessage, opts.CompressionThreshold = 1000, 1
		opts.DialContext = func(context.Context, string, string) (net.Conn, error) {
			client, server := memnet.Pipe()
			go func() {
				defer close(ended)
				acceptAndSay(server, frames)
			}()
			return client, nil
		}
		runOut(t, opts)
		<-ended
	})
}

// acceptAndSay is a websocket server that never listens.
func acceptAndSay(c net.Conn, frames []byte) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	c.Write(frames)
}

// runOut connects, and waits for the end if it could.
func runOut(t *testing.T, opts *eioclient.Options) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := eioclient.Dial(ctx, &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/"}, opts)
	if err != nil {
		if ctx.Err() != nil {
			t.Fatalf("Dial did not return: %v", err)
		}
		return
	}
	r := record(t)
	c.Start(r)
	wait(t, c.Done(), "end")
	if len(r.closed) != 1 {
		t.Errorf("%d times OnClose", len(r.closed))
	}
	for range len(r.messages) {
		if m := <-r.messages; len(m.data) > 1000 {
			t.Errorf("a message of %d bytes", len(m.data))
		}
	}
}
