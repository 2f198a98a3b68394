package interop_test

import (
	"context"
	"errors"
	"net/http"

	goclient "github.com/gosocketio/sio/core/client"
)

// ending is what a server knows of the end of a socket.
type ending struct {
	Reason string `json:"reason"`
}

// reasons are the words of the servers.
var reasons = map[string]struct{ kicked, left string }{
	"go":     {"server namespace disconnect", "client namespace disconnect"},
	"node":   {"server namespace disconnect", "client namespace disconnect"},
	"python": {"server disconnect", "client disconnect"},
}

// dropped checks the reason of a socket whose connection the server dropped.
func (r *rig) dropped(reason goclient.Reason) {
	r.Helper()
	if r.server == "python" && reason == goclient.TransportError {
		r.Log("it forgets a session at once, and refuses the poll that should be told about the end")
		return
	}
	r.equal(reason, goclient.TransportClose)
}

var lifecycleChecks = []check{
	{"lifecycle/the server disconnects a namespace", func(r *rig) {
		s := r.connect("/")
		custom := s.Of("/custom")
		r.ready(custom)
		id, ended := custom.ID(), ends(custom)
		r.emit(custom, "kick", false)
		r.equal(next(r, ended), goclient.ServerDisconnect)
		r.equal([]any{custom.Connected(), custom.Active(), custom.ID()}, []any{false, false, ""})
		r.equal(call[ending](r, s, "end-of", id).Reason, reasons[r.server].kicked)
		r.ready(custom) // by hand it can come back
		r.equal(r.ask(custom, "ack", 1), []any{1})
	}},
	{"lifecycle/the server closes the connection", func(r *rig) {
		s := r.connect("/")
		custom := s.Of("/custom")
		r.ready(custom)
		ended, other := ends(s), ends(custom)
		r.emit(s, "kick", true)
		r.equal(next(r, ended), goclient.ServerDisconnect)
		r.equal(next(r, other), goclient.ServerDisconnect)
		r.equal(s.Active(), false)
		r.ready(s)
		r.equal(r.ask(s, "ack", 1), []any{1})
	}},
	{"lifecycle/what the server sent before it disconnects arrives", func(r *rig) {
		for _, closes := range []bool{false, true} {
			if closes && r.server == "python" {
				break // see "the server closes the connection"
			}
			s := r.connect("/")
			numbers, ended := listen(s, "n"), ends(s)
			r.emit(s, "farewell", closes)
			r.equal(next(r, ended), goclient.ServerDisconnect)
			r.equal(len(numbers), 5)
			for i := range 5 {
				r.equal(next(r, numbers), []any{i})
			}
		}
	}},
	{"lifecycle/what is sent before disconnecting arrives", func(r *rig) {
		checkLastWords(r, func(s *goclient.Socket) { s.Disconnect() })
	}},
	{"lifecycle/what is sent before closing arrives", func(r *rig) {
		checkLastWords(r, func(s *goclient.Socket) {
			if err := s.Close(r.ctx); err != nil {
				r.Fatal(err)
			}
		})
	}},
	{"lifecycle/the client disconnects", func(r *rig) {
		witness := r.connect("/")
		s := r.connect("/")
		id, ended := s.ID(), ends(s)
		s.Disconnect()
		r.equal(next(r, ended), goclient.ClientDisconnect)
		got := call[ending](r, witness, "end-of", id).Reason
		if r.server == "node" && got == "transport close" {
			r.Log("it saw the end of the connection before the DISCONNECT packet that came before it")
			return
		}
		r.equal(got, reasons[r.server].left)
	}},
	{"lifecycle/the client disconnects in a handler", func(r *rig) {
		s := r.connect("/")
		ended := ends(s)
		goclient.On(s, "echo", func(context.Context, any) error { s.Disconnect(); return nil })
		r.emit(s, "echo", 1)
		r.equal(next(r, ended), goclient.ClientDisconnect)
	}},
	{"lifecycle/the connection is made anew after the server dropped it", func(r *rig) {
		s := r.connect("/custom")
		id, ended, back := s.ID(), ends(s), connects(s)
		r.emit(s, "drop")
		r.dropped(next(r, ended))
		for i := range 5 {
			r.emit(s, "seq", i) // maybe kept until then
		}
		if next(r, back) == id || s.Recovered() {
			r.Error("it is the same socket")
		}
		r.equal(call[any](r, s, "seq-report"), map[string]any{"count": 5, "ordered": true})
	}},
	{"lifecycle/three times in a row, as the hooks tell", func(r *rig) {
		told := make(chan int, 100)
		o := r.options()
		o.Trace = &goclient.Trace{
			ReconnectAttempt: func(_ *goclient.Manager, attempt int) { told <- attempt },
			Reconnected:      func(_ *goclient.Manager, attempt int) { told <- -attempt },
		}
		s := r.create(r.to.URL, o)
		back := connects(s)
		r.ready(s)
		next(r, back)
		for i := range 3 {
			r.emit(s, "drop")
			next(r, back)
			r.equal([]int{next(r, told), next(r, told)}, []int{1, -1})
			r.equal(r.ask(s, "ack", i), []any{i})
		}
	}},
	{"lifecycle/without reconnection", func(r *rig) {
		s := r.connect("/", func(o *goclient.Options) { o.Reconnection.Disable = true })
		ended := ends(s)
		r.emit(s, "drop")
		r.dropped(next(r, ended))
		r.equal(s.Active(), false)
		r.ready(s)
		r.equal(r.ask(s, "ack", 1), []any{1})
	}},
	{"lifecycle/a call whose connection breaks", func(r *rig) {
		s := r.connect("/")
		failed := make(chan error, 1)
		asked := make(chan struct{})
		s.OnAnyOutgoing(func(event string, _ []any) {
			if event == "nobody-handles-this" {
				close(asked)
			}
		})
		go func() {
			_, err := s.Ask(r.ctx, "nobody-handles-this")
			failed <- err
		}()
		r.wait(asked, "the question")
		r.emit(s, "drop")
		if err := next(r, failed); !errors.Is(err, goclient.ErrDisconnected) {
			r.Errorf("error %v", err)
		}
	}},
	{"lifecycle/to another server, with other headers", func(r *rig) {
		s := r.connect("/", func(o *goclient.Options) {
			o.Endpoint = func(_ context.Context, attempt int) (string, http.Header, error) {
				if attempt == 0 {
					return r.to.URL + "?flavour=first", http.Header{"X-Probe": {"one"}}, nil
				}
				return r.to.Recovery + "?flavour=second", http.Header{"X-Probe": {"two"}}, nil
			}
		})
		back := connects(s)
		p := r.whoami(s)
		r.equal([]any{p.Query, p.Probe}, []any{"first", "one"})
		r.emit(s, "drop")
		next(r, back)
		p = r.whoami(s)
		r.equal([]any{p.Query, p.Probe}, []any{"second", "two"})
	}},
	{"lifecycle/pings keep the connection", func(r *rig) { // one comes each second
		pinged := make(chan struct{}, 10)
		o := r.options()
		o.Trace = &goclient.Trace{Ping: func(*goclient.Manager) { pinged <- struct{}{} }}
		s := r.create(r.to.URL, o)
		r.ready(s)
		next(r, pinged)
		next(r, pinged)
		r.equal(r.ask(s, "ack", 1), []any{1})
	}},
}

func checkLastWords(r *rig, leave func(*goclient.Socket)) {
	r.Helper()
	witness := r.connect("/")
	for range 5 {
		s := r.connect("/")
		id := s.ID()
		for i := range 3 {
			r.emit(s, "say", id, i)
		}
		leave(s)
		call[ending](r, witness, "end-of", id)
		r.equal(call[[]int](r, witness, "heard", id), []int{0, 1, 2})
	}
}
