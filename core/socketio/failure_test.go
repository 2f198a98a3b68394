package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// What a client is told of a failed handler tells nothing of the program, and what it
// was told is no warning for those who run the server.
func TestFailedHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logBuffer)
		h := serve(t, &socketio.Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		barrier(h.sio)
		type order struct {
			Items []struct{ Count int }
		}
		socketio.On(h.sio, "order", func(context.Context, *socketio.Socket, order) error { return nil })
		socketio.On(h.sio, "public", func(context.Context, *socketio.Socket, socketio.None) error {
			return fmt.Errorf("wrapped secret: %w", socketio.Reject("sold out", nil))
		})
		socketio.On(h.sio, "private", func(context.Context, *socketio.Socket, socketio.None) error {
			return errors.New("secret")
		})
		for _, c := range []struct{ packet, answer, level, line string }{
			{`421["order",5]`, `431[{"error":"argument 1: expected an object"}]`, "DEBUG", "args[0] as socketio_test.order"},
			{`421["order",{"Items":[{"Count":"x"}]}]`, `431[{"error":"argument 1: expected an integer as Items.Count"}]`, "DEBUG", "of type int"},
			{`421["order"]`, `431[{"error":"argument 1 is missing"}]`, "DEBUG", "argument missing"},
			{`42["order",5]`, "", "WARN", "args[0] as socketio_test.order"},
			{`42["order",5]`, "", "", ""}, // once a minute
			{`421["public"]`, `431[{"error":"sold out"}]`, "DEBUG", "wrapped secret: sold out"},
			{`42["public"]`, "", "WARN", "wrapped secret: sold out"},
			{`42["public"]`, "", "WARN", "wrapped secret: sold out"},
			{`421["private"]`, `431[{"error":"internal error"}]`, "WARN", "secret"},
			{`42["pubic"]`, "", "DEBUG", "no handler for the event"},
		} {
			cl := h.connect()
			before := len(log.String())
			cl.send(c.packet)
			if c.answer != "" {
				cl.want(c.answer)
			}
			cl.sync()
			line := log.String()[before:]
			if c.line == "" && line != "" || !strings.Contains(line, c.line) || !strings.Contains(line, c.level) {
				t.Errorf("%s: log %q", c.packet, line)
			}
			cl.close()
		}
		time.Sleep(time.Minute)
		cl := h.connect()
		cl.send(`42["order",5]`)
		cl.sync()
		if n := strings.Count(log.String(), "argument of the wrong type"); n != 2 {
			t.Errorf("%d warnings, want one for each minute:\n%s", n, log)
		}
		h.sio.Close()
	})
}

// What many clients do wrong is not logged for each of them.
func TestBadPacketsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		for range 20 {
			c := h.connect()
			c.send("42{}")
			c.wantClosed()
			c = h.connect()
			c.send("45")
			c.wantClosed()
		}
		time.Sleep(time.Minute)
		c := h.connect()
		c.send("42{}")
		c.wantClosed()
		synctest.Wait()
		if n := strings.Count(h.log.String(), "packet refused"); n != 3 {
			t.Errorf("%d lines:\n%s", n, h.log)
		}
		h.sio.Close()
	})
}

// Those who use OnAny see all events, and need not be told of those without a handler.
func TestUnhandledEvents(t *testing.T) {
	log := new(logBuffer)
	h := serve(t, &socketio.Options{
		Logger:       slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ErrorHandler: func(_ *socketio.Socket, event string, err error) { t.Errorf("ErrorHandler: %s, %v", event, err) },
	})
	barrier(h.sio)
	h.sio.OnAny(func(context.Context, *socketio.Event) {})
	c := h.connect()
	c.send(`42["unknown"]`)
	c.sync()
	if strings.Contains(log.String(), "no handler") {
		t.Error(log)
	}
}

// Needs row 10: a handler that takes longer than a client may take to answer a ping
// costs that client nothing but time, and others not even that.
func TestSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{PingInterval: time.Second, PingTimeout: time.Second})
		barrier(h.sio)
		h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) {
			if r != socketio.ServerShuttingDown {
				t.Errorf("disconnected: %s", r)
			}
		})
		var order []int
		socketio.On(h.sio, "slow", func(_ context.Context, _ *socketio.Socket, n int) error {
			time.Sleep(10 * time.Second)
			order = append(order, n)
			return nil
		})
		slow, other := h.connect(), h.connect()
		for i := range 10 {
			slow.send(fmt.Sprintf(`42["slow",%d]`, i))
		}
		slow.send(`4299["barrier"]`)
		start := time.Now()
		for range 50 {
			other.sync()
			time.Sleep(time.Second)
		}
		if d := time.Since(start); d != 50*time.Second {
			t.Errorf("others were delayed by %v", d-50*time.Second)
		}
		time.Sleep(time.Minute)
		slow.want("4399[]")
		if fmt.Sprint(order) != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("order %v", order)
		}
		h.sio.Close()
	})
}
