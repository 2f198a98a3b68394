package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/memnet"
)

func TestBothWriteAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		for _, c := range []net.Conn{a, b} {
			if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
				t.Fatal(n, err)
			}
		}
		for _, c := range []net.Conn{a, b} {
			p := make([]byte, 9)
			if n, err := c.Read(p); string(p[:n]) != "hello" || err != nil {
				t.Errorf("got %q %v", p[:n], err)
			}
		}
	})
}

func TestMuchData(t *testing.T) {
	a, b := memnet.Pipe()
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() {
		a.Write(want)
		a.Close()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write to a closed end: %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		a.SetReadDeadline(time.Now().Add(time.Minute))
		began := time.Now()
		_, err := a.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("read: %v after %v", err, time.Since(began))
		}
		a.SetWriteDeadline(time.Now().Add(time.Minute))
		if n, err := a.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 {
			t.Errorf("write: %d %v", n, err)
		}
		a.SetDeadline(time.Time{})
		go b.Write([]byte("x"))
		if _, err := a.Read(make([]byte, 1)); err != nil {
			t.Errorf("after the deadline was taken back: %v", err)
		}
		a.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("past deadline: %v", err)
		}
		a.Close()
		b.Close()
	})
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen()
		go func() {
			c, err := ln.Accept()
			if err == nil {
				io.Copy(c, c)
				c.Close()
			}
		}()
		c, err := ln.Dial(t.Context(), "tcp", "anywhere:80")
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("echo"))
		p := make([]byte, 4)
		if _, err := io.ReadFull(c, p); err != nil || string(p) != "echo" {
			t.Errorf("got %q %v", p, err)
		}
		c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ln.Dial(ctx, "tcp", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		ln.Close()
		if _, err := ln.Dial(t.Context(), "tcp", ""); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}
