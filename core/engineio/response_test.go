package engineio_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// Answers that nobody reads are given up, whatever the state of their session.
func TestAnswersThatNobodyReads(t *testing.T) {
	const interval, timeout = 20 * time.Second, 10 * time.Second
	opts := &engineio.Options{PingInterval: interval, PingTimeout: timeout, MaxPayload: 1 << 20}
	request := func(c net.Conn, method, sid, body string) error {
		_, err := fmt.Fprintf(c, "%s /?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, sid, len(body), body)
		return err
	}
	dial := func(t *testing.T, f *fixture) net.Conn {
		c, err := f.client.Transport.(*http.Transport).DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// wantGivenUp fails unless the server closes c in time.
	wantGivenUp := func(t *testing.T, c net.Conn, limit time.Duration) {
		t.Helper()
		began := time.Now()
		for { // as long as nobody reads it, which is for ever after the first
			if _, err := io.WriteString(c, "x"); err != nil {
				break
			}
		}
		if d := time.Since(began); d < timeout || d > limit+time.Second {
			t.Errorf("given up after %v", d)
		}
		c.Close()
	}

	t.Run("poll, and the session ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, stop := startInMemory(t, opts)
			defer stop()
			sid, r := f.open(t)
			send(t, r.session, strings.Repeat("a", 1<<20-10))
			c := dial(t, f)
			if err := request(c, "GET", sid, ""); err != nil {
				t.Fatal(err)
			}
			wantGivenUp(t, c, 2*(interval+timeout))
			r.wantClosed(t, engineio.PingTimeout)
		})
	})
	t.Run("poll, and the session lives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, stop := startInMemory(t, opts)
			defer stop()
			sid, r := f.open(t)
			send(t, r.session, strings.Repeat("a", 1<<20-10))
			c := dial(t, f)
			if err := request(c, "GET", sid, ""); err != nil {
				t.Fatal(err)
			}
			go func() {
				for range 20 { // it has not seen a ping
					time.Sleep(timeout / 2)
					f.request(t, "POST", f.url("polling", sid), "3")
				}
			}()
			wantGivenUp(t, c, interval+interval+timeout)
			r.wantClosed(t, engineio.TransportError)
			time.Sleep(10 * timeout) // for the pongs
		})
	})
	t.Run("POST, and the session lives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, stop := startInMemory(t, opts)
			defer stop()
			sid, r := f.open(t)
			r.discard()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for f.poll(t, sid).body == "2" {
					f.post(t, sid, "3").want(t, 200, "ok")
				}
			}()
			c := dial(t, f)
			stuck := make(chan struct{})
			go func() {
				defer close(stuck)
				for request(c, "POST", sid, "4a") == nil {
				}
			}()
			time.Sleep(time.Second)
			f.post(t, sid, "4b").want(t, 200, "ok")
			began := time.Now()
			<-stuck
			if d := time.Since(began); d < timeout || d > interval+timeout+time.Second {
				t.Errorf("given up after %v", d)
			}
			c.Close()
			r.wantClosed(t, engineio.TransportError)
			<-done
		})
	})
}

// A middleware that sets deadlines for requests that should be short does not end a poll
// that waits, nor a POST whose message takes long to handle.
func TestDeadlinesOfMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemoryWith(t, nil, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rc := http.NewResponseController(w)
				rc.SetReadDeadline(time.Now().Add(2 * time.Second))
				rc.SetWriteDeadline(time.Now().Add(2 * time.Second))
				h.ServeHTTP(w, r)
			})
		})
		defer stop()
		sid, r := f.open(t)
		for range 3 {
			f.poll(t, sid).want(t, 200, "2")
			f.post(t, sid, "3").want(t, 200, "ok")
		}
		slow := make(chan response, 1)
		for range cap(r.messages) { // the next one has to wait
			r.messages <- message{}
		}
		go func() { slow <- f.post(t, sid, "4slow") }()
		time.Sleep(5 * time.Second)
		for range cap(r.messages) {
			<-r.messages
		}
		answer := <-slow
		answer.want(t, 200, "ok")
		r.wantMessage(t, "slow")
	})
}
