package socketio

import (
	"context"
	"sync"

	"github.com/gosocketio/sio/core/cluster"
)

// Shutdown ends the server gracefully. New handshakes are refused with status
// 503; all sockets are disconnected with reason ServerShuttingDown, after what
// is queued for them was flushed (their clients see a closed transport and
// reconnect, to whichever server answers by then); and it waits until their
// handlers have returned. Clients that are there have fetched what is theirs in a
// moment; for one on websocket that does not answer, it waits 5 s, for one on polling
// that does not come for what is queued, Options.CloseTimeout. If ctx ends before
// that, connections are cut and the error of ctx is returned; handlers may still run
// then, with contexts that are cancelled at the latest 10 s after the disconnect. What
// recovery needs is kept within 5 s, or not at all.
//
// Do not call it from a handler. The http.Server that the server is mounted in
// is left alone: shut it down afterwards, since it does not know of websockets.
// Requests that are being forwarded to other nodes are cut off in the end, too.
func (s *Server) Shutdown(ctx context.Context) error {
	s.endSockets(ctx)
	err := s.engine.Shutdown(ctx)
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		s.live.Wait()
	}()
	if err == nil {
		select {
		case <-handled:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.leaveCluster()
	return err
}

// Close ends the server at once: new handshakes are refused, connections are cut
// and sockets disconnected with reason ServerShuttingDown. It does not wait for
// handlers. With a cluster whose bus is away it can take some seconds.
func (s *Server) Close() error {
	s.endSockets(context.Background())
	err := s.engine.Close()
	s.leaveCluster()
	return err
}

// endWorkers is how many sockets are ended, or namespaces left, at a time: each may
// have to wait for the bus.
const endWorkers = 64

// endSockets ends all sockets, and those to come.
func (s *Server) endSockets(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.engine.StopAccepting()
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, s.stopSaving)
	defer stop()
	for _, n := range s.all() {
		n.sequence.wait(ctx)
		inParallel(n.selectLocal(cluster.Selector{}), func(socket *Socket) { socket.end(ServerShuttingDown, nil) })
	}
}

func (s *Server) leaveCluster() {
	if s.forwarder != nil {
		s.forwarder.close()
	}
	inParallel(s.all(), func(n *Namespace) {
		node := n.cluster()
		if node == nil {
			return
		}
		if err := node.Close(); err != nil {
			s.opts.Logger.Warn("socketio: leaving the cluster failed", "namespace", n.name, "error", err)
		}
	})
	s.stopSaving()
}

// inParallel calls f for all of list, for endWorkers at a time, and waits.
func inParallel[T any](list []T, f func(T)) {
	if len(list) == 1 {
		f(list[0])
		return
	}
	work := make(chan T)
	var workers sync.WaitGroup
	for range min(len(list), endWorkers) {
		workers.Go(func() {
			for v := range work {
				f(v)
			}
		})
	}
	for _, v := range list {
		work <- v
	}
	close(work)
	workers.Wait()
}
