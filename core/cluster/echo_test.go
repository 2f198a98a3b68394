package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// logging is a script that keeps messages, at the offsets "1", "2" and so on. It is
// for the test to send them back.
type logging struct {
	*script
	early bool // a message comes back before Publish returns
	last  int
}

func (l *logging) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	_, err := l.script.Open(ctx, namespace, node, receive)
	return l, err
}

func (l *logging) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	if _, err := l.script.Publish(ctx, m); err != nil || !m.Recoverable() {
		return "", err
	}
	l.last++
	offset := fmt.Sprint(l.last)
	if l.early {
		go l.back(offset)
		time.Sleep(time.Millisecond) // it has arrived
	}
	return offset, nil
}

// back sends a message back.
func (l *logging) back(offset string) {
	l.receive(&cluster.Message{Type: cluster.Broadcast, From: "me", Namespace: "/", Offset: offset})
}

func (l *logging) Echoes() bool                              { return true }
func (l *logging) Members(context.Context) ([]string, error) { return nil, nil }
func (l *logging) Save(context.Context, *cluster.Session) error {
	return nil
}
func (l *logging) Take(context.Context, string) (*cluster.Session, error) {
	return nil, cluster.ErrUnknownSession
}
func (l *logging) Missed(context.Context, *cluster.Session, string) ([]*cluster.Message, error) {
	return nil, cluster.ErrUnknownOffset
}

// deliveries notes what is delivered: the name of each event with its offset.
type deliveries struct {
	mu   sync.Mutex
	list []string
}

func (d *deliveries) post(t *testing.T, n *cluster.Node, name string) error {
	t.Helper()
	taken, err := n.PostLogged(&cluster.Message{Type: cluster.Broadcast, Payload: payload(`["` + name + `"]`)}, func(offset string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.list = append(d.list, name+offset)
	}, nil)
	if !taken {
		t.Errorf("%s was not taken: %v", name, err)
	}
	return err
}

// expect waits until the node has nothing to do.
func (d *deliveries) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.list, want) {
		t.Errorf("%s: delivered %q, want %q", when, d.list, want)
	}
	d.list = nil
}

// What a node sends is delivered by it when it comes back, and never twice.
func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &logging{script: &script{}}
		n := play(t, bus, &puppet{}, nil)
		var d deliveries
		for _, name := range []string{"a", "b", "c"} {
			d.post(t, n, name)
		}
		d.expect(t, "before anything came back")
		bus.back("1")
		d.expect(t, "after the first", "a1")
		bus.back("1")
		bus.back("99")
		d.expect(t, "after what is not known")
		bus.back("3")
		d.expect(t, "after the third, before the second", "b2", "c3")
		bus.back("2")
		d.expect(t, "after the second")
	})
}

// A message can be back before its sender knows its offset.
func TestEarlyEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &logging{script: &script{}, early: true}
		n := play(t, bus, &puppet{}, nil)
		var d deliveries
		d.post(t, n, "a")
		d.expect(t, "while it is being published")
		time.Sleep(time.Millisecond)
		d.expect(t, "after that", "a1")
		time.Sleep(time.Minute)
		d.expect(t, "later")
	})
}

// A message that does not come back is not kept from local clients for ever.
func TestLateEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &logging{script: &script{}}
		n := play(t, bus, &puppet{}, nil)
		var d deliveries
		d.post(t, n, "a")
		synctest.Wait()
		time.Sleep(time.Second)
		d.post(t, n, "b")
		d.expect(t, "after a second")
		time.Sleep(time.Second)
		d.expect(t, "after two seconds", "a1")
		time.Sleep(time.Second)
		d.expect(t, "after three seconds", "b2")
		d.post(t, n, "c")
		synctest.Wait()
		bus.back("3")
		d.expect(t, "when the bus is as before", "c3")
		d.post(t, n, "d")
		synctest.Wait()
		n.Close()
		d.expect(t, "after Close", "d4")
	})
}

// What the bus did not take has no offset, and does not wait.
func TestNoEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &logging{script: &script{}}
		n := play(t, bus, &puppet{}, nil)
		var d deliveries
		bus.fail(errBroken)
		d.post(t, n, "a")
		d.expect(t, "while the bus is away", "a")
		sent := make(chan error, 1)
		if _, err := n.PostLogged(event(0), func(string) {}, func(err error) { sent <- err }); err != nil {
			t.Errorf("PostLogged: %v", err)
		}
		if err := <-sent; !errors.Is(err, errBroken) {
			t.Errorf("sent: %v", err)
		}
		bus.fail(nil)
		if err := d.post(t, n, "b"); err != nil {
			t.Errorf("PostLogged after a failure: %v", err)
		}
		d.expect(t, "before it comes back")
		bus.back("1")
		d.expect(t, "after that", "b1")
		n.Close()
		if taken, err := n.PostLogged(event(0), func(string) { t.Error("delivered") }, func(error) { t.Error("sent") }); taken || !errors.Is(err, cluster.ErrClosed) {
			t.Errorf("after Close: %v, %v", taken, err)
		}
	})
}

// Large messages are not sent together.
func TestPostLargeInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &slow{script: &script{}, delay: 100 * time.Millisecond, batcher: true}
		n := play(t, bus, &puppet{}, nil)
		n.Post(event(0))
		synctest.Wait() // it is on its way, alone
		for range 5 {
			m := event(1)
			m.Payload.Attachments = [][]byte{make([]byte, 400<<10)}
			n.Post(m)
		}
		m := event(2)
		m.Payload.Attachments = [][]byte{make([]byte, 4<<20)}
		n.Post(m)
		n.ServerSideEmit(t.Context(), payload(`["end"]`))
		var sizes []int
		for _, b := range bus.batches {
			sizes = append(sizes, len(b))
		}
		// A single message is no batch.
		if got := len(bus.take()); got != 8 || !slices.Equal(sizes, []int{2, 2}) {
			t.Errorf("%d messages in batches of %v", got, sizes)
		}
	})
}
