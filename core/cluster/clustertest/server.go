package clustertest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/cluster"
)

var marks atomic.Int64

// server simulates the local part of a node: sockets in rooms that note what they
// get.
type server struct {
	*cluster.Node
	name  string
	ready chan struct{} // closed once Node is set

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	sockets  map[string]*socket
	marks    map[string]bool
	serverly []string // server-side events
	silent   bool     // does not answer server-side events
	held     []func(cluster.Payload)
	closed   bool
	gate     <-chan struct{} // what is delivered waits until it is closed; nil: nothing does
}

type socket struct {
	rooms   []string
	got     []string // JSON of the events, with their attachments
	offsets []string
	flags   []cluster.Flags
	silent  bool // does not acknowledge
	ended   string
}

// local is the server in its role as [cluster.Local].
type local struct{ *server }

func newServer(name string) *server {
	return &server{
		name: name, ready: make(chan struct{}), changed: make(chan struct{}),
		sockets: map[string]*socket{}, marks: map[string]bool{},
	}
}

func (s *server) attach(n *cluster.Node) {
	s.Node = n
	close(s.ready)
}

// update changes the server and wakes those who wait for something.
func (s *server) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait waits until cond, which is called with the mutex held, is true.
func (s *server) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("server %s waits in vain: %s", s.name, what)
		}
	}
}

// waitPeers waits until the node knows of n others. Nothing tells when it does.
func (s *server) waitPeers(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		got, err := s.Peers(t.Context())
		if err == nil && got == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("node %s knows %d others (%v), want %d", s.name, got, err, n)
		}
	}
}

func (s *server) addSocket(id string, rooms ...string) {
	s.update(func() { s.sockets[id] = &socket{} })
	s.joinLocal(id, append(rooms, id))
}

// joinLocal puts a socket into rooms, and tells the link of new ones.
func (s *server) joinLocal(id string, rooms []string) {
	s.update(func() {
		sock := s.sockets[id]
		for _, room := range rooms {
			if slices.Contains(sock.rooms, room) {
				continue
			}
			if l := s.listener(); l != nil && !s.inUse(room) {
				l.RoomOpened(room, room == id)
			}
			sock.rooms = append(sock.rooms, room)
		}
	})
}

func (s *server) listener() cluster.RoomListener {
	<-s.ready
	return s.RoomListener()
}

func (s *server) inUse(room string) bool {
	for _, sock := range s.sockets {
		if slices.Contains(sock.rooms, room) {
			return true
		}
	}
	return false
}

// selected returns the ids of the selected sockets, sorted. The mutex is held.
func (s *server) selected(sel cluster.Selector) []string {
	var ids []string
	for id, sock := range s.sockets {
		if sel.Matches(sock.rooms) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// received returns, and forgets, the events that a socket got.
func (s *server) received(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.sockets[id].got
	s.sockets[id].got = nil
	return got
}

func (s *server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// leave closes the node.
func (s *server) leave(t *testing.T) {
	t.Helper()
	check(t, s.Close())
	s.update(func() { s.closed = true })
}

func render(p cluster.Payload) string {
	var b strings.Builder
	b.Write(p.JSON)
	for _, a := range p.Attachments {
		b.WriteString("+")
		b.Write(a)
	}
	return b.String()
}

// Deliver implements [cluster.Local].
func (s local) Deliver(sel cluster.Selector, flags cluster.Flags, payload cluster.Payload, offset string) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.update(func() {
		for _, id := range s.selected(sel) {
			sock := s.sockets[id]
			sock.got = append(sock.got, render(payload))
			sock.flags = append(sock.flags, flags)
			sock.offsets = append(sock.offsets, offset)
		}
	})
}

// DeliverAck implements [cluster.Local]. Sockets answer with their id, and the
// attachments that they got.
func (s local) DeliverAck(_ context.Context, sel cluster.Selector, _ cluster.Flags, payload cluster.Payload, answer func(string, cluster.Payload)) []string {
	var asked, answering []string
	s.update(func() {
		asked = s.selected(sel)
		for _, id := range asked {
			s.sockets[id].got = append(s.sockets[id].got, render(payload))
			if !s.sockets[id].silent {
				answering = append(answering, id)
			}
		}
	})
	for _, id := range answering {
		p := cluster.Payload{JSON: []byte(`["` + id + `"]`)}
		if len(payload.Attachments) > 0 {
			p.JSON = []byte(`[{"_placeholder":true,"num":0}]`)
			p.Attachments = payload.Attachments
		}
		answer(id, p)
	}
	return asked
}

// Sockets implements [cluster.Local].
func (s local) Sockets(sel cluster.Selector) []cluster.SocketInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []cluster.SocketInfo
	for _, id := range s.selected(sel) {
		infos = append(infos, cluster.SocketInfo{
			ID: id, Handshake: json.RawMessage(`{"issued":1795334001947,"query":{"EIO":"4"},"secure":false}`),
			Rooms: slices.Clone(s.sockets[id].rooms), Data: json.RawMessage(`{"node":"` + s.name + `"}`),
		})
	}
	return infos
}

// JoinRooms implements [cluster.Local].
func (s local) JoinRooms(sel cluster.Selector, rooms []string) {
	s.mu.Lock()
	ids := s.selected(sel)
	s.mu.Unlock()
	for _, id := range ids {
		s.joinLocal(id, rooms)
	}
}

// LeaveRooms implements [cluster.Local].
func (s local) LeaveRooms(sel cluster.Selector, rooms []string) {
	s.update(func() {
		for _, id := range s.selected(sel) {
			sock := s.sockets[id]
			sock.rooms = slices.DeleteFunc(sock.rooms, func(r string) bool { return slices.Contains(rooms, r) })
		}
		for _, room := range rooms {
			if l := s.listener(); l != nil && !s.inUse(room) {
				l.RoomClosed(room, false)
			}
		}
	})
}

// Disconnect implements [cluster.Local].
func (s local) Disconnect(sel cluster.Selector, closeConn bool) {
	s.update(func() {
		for _, id := range s.selected(sel) {
			s.sockets[id].ended = "namespace"
			if closeConn {
				s.sockets[id].ended = "connection"
			}
		}
	})
}

// ServerSide implements [cluster.Local]. The server answers with its name, twice:
// the second answer must have no effect.
func (s local) ServerSide(payload cluster.Payload, reply func(cluster.Payload)) {
	var names []string
	if err := json.Unmarshal(payload.JSON, &names); err != nil || len(names) == 0 {
		return
	}
	silent := false
	s.update(func() {
		if strings.HasPrefix(names[0], "mark ") {
			s.marks[names[0]] = true
			return
		}
		s.serverly = append(s.serverly, render(payload))
		if reply != nil && s.silent {
			silent = true
			s.held = append(s.held, reply)
		}
	})
	if reply != nil && !silent {
		reply(cluster.Payload{JSON: []byte(`["` + s.name + `"]`)})
		reply(cluster.Payload{JSON: []byte(`["again"]`)})
	}
}
