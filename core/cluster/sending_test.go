package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

// slow is a script whose Publish takes its time, and can take several messages.
type slow struct {
	*script
	delay   time.Duration
	batches [][]*cluster.Message
	batcher bool
}

func (s *slow) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	s.script.Open(ctx, namespace, node, receive)
	if s.batcher {
		return batchingSlow{s}, nil
	}
	return s, nil
}

func (s *slow) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delay
}

func (s *slow) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	select {
	case <-time.After(s.wait()):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return s.script.Publish(ctx, m)
}

// Members makes heartbeats unnecessary.
func (s *slow) Members(context.Context) ([]string, error) { return nil, nil }

type batchingSlow struct{ *slow }

func (s batchingSlow) PublishBatch(ctx context.Context, messages []*cluster.Message) []cluster.PublishResult {
	s.mu.Lock()
	s.batches = append(s.batches, messages)
	s.mu.Unlock()
	time.Sleep(s.delay)
	results := make([]cluster.PublishResult, len(messages))
	for i, m := range messages {
		results[i].Offset, results[i].Err = s.script.Publish(ctx, m)
	}
	return results
}

func event(i int) *cluster.Message {
	return &cluster.Message{Type: cluster.Broadcast, Payload: payload(fmt.Sprintf(`["%d"]`, i))}
}

func texts(messages []*cluster.Message) (list []string) {
	for _, m := range messages {
		if m.Type == cluster.Broadcast {
			list = append(list, strings.Trim(string(m.Payload.JSON), `[]"`))
		} else {
			list = append(list, m.Type.String())
		}
	}
	return list
}

// Post does not wait for the bus, and what follows does not overtake it.
func TestPostKeepsOrder(t *testing.T) {
	for _, batcher := range []bool{false, true} {
		t.Run(fmt.Sprint("batcher ", batcher), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := &slow{script: &script{}, delay: 100 * time.Millisecond, batcher: batcher}
				n := play(t, bus, &puppet{}, nil)
				start := time.Now()
				for i := range 3 {
					if err := n.Post(event(i)); err != nil {
						t.Fatal(err)
					}
				}
				if err := n.Post(&cluster.Message{Type: cluster.SocketsJoin, Rooms: []string{"r"}}); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(start); d != 0 {
					t.Errorf("Post took %v", d)
				}
				if _, err := n.Fetch(t.Context(), cluster.Selector{}); err != nil {
					t.Fatal(err)
				}
				want := []string{"0", "1", "2", "sockets join", "fetch sockets"}
				if got := texts(bus.take()); !slices.Equal(got, want) {
					t.Errorf("published %q, want %q", got, want)
				}
			})
		})
	}
}

// What has gathered during one round trip goes with the next.
func TestPostInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &slow{script: &script{}, delay: 100 * time.Millisecond, batcher: true}
		n := play(t, bus, &puppet{}, nil)
		start := time.Now()
		n.Post(event(0))
		synctest.Wait() // it is on its way, alone
		for i := range 600 {
			n.Post(event(1 + i))
		}
		if err := n.ServerSideEmit(t.Context(), payload(`["end"]`)); err != nil {
			t.Fatal(err)
		}
		if got := texts(bus.take()); len(got) != 602 || got[0] != "0" || got[600] != "600" {
			t.Errorf("published %q", got)
		}
		if d := time.Since(start); d != 400*time.Millisecond {
			t.Errorf("that took %v, want four round trips", d)
		}
		for _, b := range bus.batches {
			if len(b) > 256 {
				t.Errorf("a batch of %d", len(b))
			}
		}
	})
}

// A bus that takes nothing costs neither time nor memory without bound, and is told
// about once.
func TestPostToAStuckBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed []error
		var log logBuffer
		bus := &slow{script: &script{}, delay: time.Hour}
		n := play(t, bus, &puppet{}, &cluster.Options{
			RequestTimeout: time.Second, QueueSize: 3,
			Logger:  slog.New(slog.NewTextHandler(&log, nil)),
			OnError: func(err error) { failed = append(failed, err) },
		})
		n.Post(event(0))
		synctest.Wait()
		for i := range 3 {
			if err := n.Post(event(1 + i)); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		if err := n.Post(event(4)); !errors.Is(err, cluster.ErrQueueFull) {
			t.Errorf("Post to a full queue: %v", err)
		}
		time.Sleep(2100 * time.Millisecond) // the first and the second had their second; the others have waited for longer
		synctest.Wait()
		if len(failed) != 4 {
			t.Errorf("failed: %v", failed)
		}
		if err := n.Post(event(5)); err != nil {
			t.Errorf("Post to a bus that is stuck: %v", err)
		}
		synctest.Wait()
		bus.mu.Lock()
		bus.delay = 0
		bus.mu.Unlock()
		time.Sleep(2 * time.Second)
		if err := n.Post(event(6)); err != nil {
			t.Errorf("the failure of the message before is told: %v", err)
		}
		synctest.Wait()
		if err := n.Post(event(7)); err != nil {
			t.Errorf("Post when the bus is back: %v", err)
		}
		if got := texts(bus.take()); !slices.Equal(got, []string{"6", "7"}) {
			t.Errorf("published %q", got)
		}
		if got := log.String(); strings.Count(got, "WARN") != 2 || !strings.Contains(got, "lost=5") {
			t.Errorf("log: %s", got)
		}
	})
}

type logBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

// Close sends what waits, but does not wait for ever.
func TestCloseFlushes(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration
		want  []string
		took  time.Duration
	}{
		{100 * time.Millisecond, []string{"0", "1", "2", "adapter close"}, 400 * time.Millisecond},
		{600 * time.Millisecond, []string{"0"}, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := &slow{script: &script{}, delay: c.delay}
			n := play(t, bus, &puppet{}, &cluster.Options{RequestTimeout: time.Second})
			for i := range 3 {
				n.Post(event(i))
			}
			start := time.Now()
			n.Close()
			if d := time.Since(start); d != c.took {
				t.Errorf("Close took %v, want %v", d, c.took)
			}
			if got := texts(bus.take()); !slices.Equal(got, c.want) {
				t.Errorf("published %q, want %q", got, c.want)
			}
			if err := n.Post(event(3)); !errors.Is(err, cluster.ErrClosed) {
				t.Errorf("Post after Close: %v", err)
			}
		})
	}
}

// Who waits no longer for a message to be published is not published for.
func TestPublishAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &slow{script: &script{}, delay: time.Second}
		n := play(t, bus, &puppet{}, nil)
		n.Post(event(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := n.ServerSideEmit(ctx, payload(`["x"]`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Second)
		if got := texts(bus.take()); !slices.Equal(got, []string{"0"}) {
			t.Errorf("published %q", got)
		}
	})
}
