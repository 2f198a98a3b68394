package interop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	goclient "github.com/gosocketio/sio/core/client"
)

// many is how many events have to stay in order.
const many = 1000

// ordered reports whether the numbers of a list count up from 0.
func ordered(list []int) bool {
	for i, n := range list {
		if n != i {
			return false
		}
	}
	return true
}

// numbers collects what comes with "n", and tells when there are many.
func numbers(s *goclient.Socket) (list *[]int, all <-chan struct{}) {
	list, done := new([]int), make(chan struct{})
	goclient.On(s, "n", func(_ context.Context, n int) error {
		if *list = append(*list, n); len(*list) == many {
			close(done)
		}
		return nil
	})
	return list, done
}

var orderChecks = []check{
	{"order/from the client", func(r *rig) {
		s := r.connect("/")
		for i := range many {
			r.emit(s, "seq", i)
		}
		r.equal(call[any](r, s, "seq-report"), map[string]any{"count": many, "ordered": true})
	}},
	{"order/from the server", func(r *rig) {
		s := r.connect("/")
		list, all := numbers(s)
		r.emit(s, "burst", many)
		r.wait(all, "the last number")
		if !ordered(*list) {
			r.Errorf("got %v", *list)
		}
	}},
	{"order/both ways at once, binary among them", func(r *rig) {
		s := r.connect("/")
		list, all := numbers(s)
		echo := listen(s, "echo")
		r.emit(s, "burst", many)
		for i := range many {
			r.emit(s, "seq", i)
			if i%20 == 0 {
				r.emit(s, "echo", i/20, []byte{byte(i / 20)})
			}
		}
		r.equal(call[any](r, s, "seq-report"), map[string]any{"count": many, "ordered": true})
		r.wait(all, "the last number")
		if !ordered(*list) {
			r.Errorf("got %v", *list)
		}
		for i := range many / 20 {
			r.equal(next(r, echo), []any{i, []byte{byte(i)}})
		}
	}},
	{"order/of two namespaces, each its own", func(r *rig) {
		s := r.connect("/")
		custom := s.Of("/custom")
		for i := range many {
			r.emit(s, "seq", i)
			r.emit(custom, "seq", i)
		}
		r.ready(custom)
		for _, socket := range []*goclient.Socket{s, custom} {
			r.equal(call[any](r, socket, "seq-report"), map[string]any{"count": many, "ordered": true})
		}
	}},
	{"order/many ask at once, each gets its answer", func(r *rig) {
		s := r.connect("/")
		var asking sync.WaitGroup
		for i := range 100 {
			asking.Go(func() {
				got, err := goclient.Call[int](r.ctx, s, "ack", i)
				if err != nil || got != i {
					r.Errorf("%d: %d, %v", i, got, err)
				}
			})
		}
		asking.Wait()
	}},
	{"order/more than a payload may hold", func(r *rig) { // maxPayload is 1 MB everywhere
		s := r.connect("/")
		echo := listen(s, "echo")
		text := strings.Repeat("x", 30_000)
		for i := range 100 {
			r.emit(s, "echo", i, text)
		}
		for i := range 100 {
			r.equal(next(r, echo), []any{i, text})
		}
	}},
	{"order/retries, over a connection that is dropped", checkRetries},
}

// checkRetries has each event sent until it is acknowledged. Another client hears
// all, in order, and maybe some of them twice.
func checkRetries(r *rig) {
	witness := r.connect("/")
	room := fmt.Sprint("room of ", witness.ID())
	r.ask(witness, "join", []string{room})
	heard := make(chan int, 1000)
	goclient.On(witness, "news", func(_ context.Context, n int) error { heard <- n; return nil })

	s := r.connect("/", func(o *goclient.Options) { o.Retries = 10 })
	back := connects(s)
	var list []int
	for round := range 5 {
		for i := range 10 {
			r.emit(s, "broadcast", map[string]any{"via": "server", "to": []string{room}}, 10*round+i)
			if i == 5 {
				drop(r, s)
			}
		}
		for !slices.Contains(list, 10*round+9) {
			list = append(list, next(r, heard))
		}
		next(r, back)
	}
	once := slices.Compact(slices.Clone(list))
	if !ordered(once) || len(once) != 50 {
		r.Errorf("heard %v", list)
	}
	r.Logf("%d of 50 came twice", len(list)-len(once))
}

// drop has the server drop the connection, past the events that are retried: these do
// not hold back what is volatile.
func drop(r *rig, s *goclient.Socket) {
	r.Helper()
	for {
		_, err := s.Volatile().Ask(r.ctx, "drop")
		if err == nil || errors.Is(err, goclient.ErrDisconnected) {
			return
		}
		if err != goclient.ErrDropped { // as it is while the line is busy
			r.Fatal(err)
		}
		runtime.Gosched()
	}
}
