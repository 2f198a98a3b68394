package socketio_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

// crowd is a number of rooms with as many members each. The members stay in their rooms,
// and visit the next one again and again.
type crowd struct {
	*sinks
	rooms   []*crowdRoom
	members []*crowdMember
	ended   *meter // of the members that have been told that it is over
	first   sync.WaitGroup
	joined  chan struct{} // closed when all visits have begun for the first time
}

// crowdRoom counts the broadcasts to a room, which are numbered.
type crowdRoom struct {
	name         string
	begun, ended atomic.Int64
	due          chan struct{} // the next one is
}

type crowdMember struct {
	socket *socketio.Socket
	home   int
	visits []visit
	got    map[int][]int64 // the broadcasts by room; it is the writer's until the end
}

// visit says which broadcasts to a room somebody has to get, and which ones not: those
// that were over when it began and those that began when it was over.
type visit struct{ earliest, from, to, latest int64 }

func newCrowd(t *testing.T, rooms, each int) *crowd {
	c := &crowd{sinks: connectSinks(t, rooms*each), ended: newMeter(), joined: make(chan struct{})}
	for i := range rooms {
		c.rooms = append(c.rooms, &crowdRoom{name: fmt.Sprint("room ", i), due: make(chan struct{}, 1)})
	}
	for i, s := range c.sockets {
		m := &crowdMember{socket: s, home: i % rooms, got: map[int][]int64{}}
		c.members = append(c.members, m)
		c.clients[i].got = func(message []byte) { c.arrived(m, message) }
		s.Join(c.rooms[m.home].name)
	}
	return c
}

var (
	tickStart  = []byte(`42["tick",`)
	endMessage = []byte(`42["end"]`)
)

func (c *crowd) arrived(m *crowdMember, message []byte) {
	if bytes.Equal(message, endMessage) {
		c.ended.add()
		return
	}
	values := bytes.Split(bytes.TrimSuffix(bytes.TrimPrefix(message, tickStart), []byte{']'}), []byte{','})
	room, _ := strconv.Atoi(string(values[0]))
	n, _ := strconv.ParseInt(string(values[1]), 10, 64)
	m.got[room] = append(m.got[room], n)
}

// broadcast sends the next broadcast to a room. One goroutine at a time calls it.
func (c *crowd) broadcast(i int) {
	r := c.rooms[i]
	n := r.begun.Add(1) - 1
	c.sio.To(r.name).Emit("tick", i, n)
	r.ended.Add(1)
}

// visited is the room that a member visits.
func (c *crowd) visited(m *crowdMember) int { return (m.home + 1) % len(c.rooms) }

// movesPerBroadcast is how often members come or go until the next broadcast is due.
const movesPerBroadcast = 64

// wander has members make visits, all at the same time. While they come and go the rooms
// get their broadcasts in turn, beginning with one of them.
func (c *crowd) wander(members []*crowdMember, visits, room int) {
	moves := 0
	moved := func() {
		if moves++; moves%movesPerBroadcast == 0 {
			c.rooms[(room+moves/movesPerBroadcast)%len(c.rooms)].due <- struct{}{}
		}
	}
	for pass := range visits {
		for _, m := range members {
			r := c.rooms[c.visited(m)]
			v := visit{earliest: r.ended.Load()}
			m.socket.Join(r.name)
			v.from = r.begun.Load()
			m.visits = append(m.visits, v)
			if pass > 0 {
				moved()
			}
		}
		if pass == 0 {
			c.first.Done()
			<-c.joined
		}
		for _, m := range members {
			r, v := c.rooms[c.visited(m)], &m.visits[pass]
			v.to = r.ended.Load()
			m.socket.Leave(r.name)
			v.latest = r.begun.Load()
			moved()
		}
	}
}

// run broadcasts to all rooms at the same time, while members come and go.
func (c *crowd) run(visits int) {
	const guides = 4 // goroutines that move members
	var moving, sending sync.WaitGroup
	c.first.Add(guides)
	for i := range guides {
		size := len(c.members) / guides
		moving.Go(func() { c.wander(c.members[i*size:][:size], visits, i*len(c.rooms)/guides) })
	}
	c.first.Wait()
	for i := range c.rooms {
		c.broadcast(i) // which all visitors get
	}
	for i, r := range c.rooms {
		sending.Go(func() {
			for range r.due {
				c.broadcast(i)
			}
		})
	}
	close(c.joined)
	moving.Wait()
	for _, r := range c.rooms {
		close(r.due)
	}
	sending.Wait()
	for i := range c.rooms {
		c.broadcast(i) // which no visitor gets
	}
	c.ended.during(len(c.members), func() { c.sio.Emit("end") })
}

// check compares what a member got with what it has to get.
func (c *crowd) check(m *crowdMember) error {
	home, all := m.got[m.home], c.rooms[m.home].begun.Load()
	if int64(len(home)) != all {
		return fmt.Errorf("it got %d of %d broadcasts to its room", len(home), all)
	}
	for i, n := range home {
		if n != int64(i) {
			return fmt.Errorf("broadcast %d to its room came as number %d", n, i)
		}
	}
	delete(m.got, m.home)
	abroad := m.got[c.visited(m)]
	delete(m.got, c.visited(m))
	if len(m.got) > 0 {
		return fmt.Errorf("it got broadcasts to rooms that it has never been in: %v", m.got)
	}
	for i, v := range m.visits {
		next, err := v.check(abroad)
		if err != nil {
			return fmt.Errorf("visit %d %+v of %d: %w", i, v, len(m.visits), err)
		}
		abroad = next
	}
	if len(abroad) > 0 {
		return fmt.Errorf("broadcasts %d came when it was in the room no more", abroad)
	}
	return nil
}

// check takes what came during a visit off the front of got, and returns the rest.
func (v visit) check(got []int64) ([]int64, error) {
	next := v.from
	for len(got) > 0 && got[0] < v.latest {
		n := got[0]
		switch {
		case n < v.earliest:
			return nil, fmt.Errorf("broadcast %d was over before it began", n)
		case n > next && n < v.to || n < next && n >= v.from:
			return nil, fmt.Errorf("broadcast %d came instead of %d", n, next)
		}
		next = max(next, n+1)
		got = got[1:]
	}
	if next < v.to {
		return nil, fmt.Errorf("broadcast %d did not come", next)
	}
	return got, nil
}

// Members that stay get every broadcast of their rooms, in order; visitors get what is
// sent while they are there and nothing else. In the end nothing is left; that goes for
// goroutines as well (TestMain).
func TestCrowdedRooms(t *testing.T) {
	rooms, each := 100, 100
	if raceEnabled {
		rooms, each = 20, 50
	}
	c := newCrowd(t, rooms, each)
	c.run(8)
	failed := 0
	for i, m := range c.members {
		if err := c.check(m); err != nil && failed < 10 {
			failed++
			t.Errorf("member %d: %v", i, err)
		}
	}
	t.Logf("%d broadcasts to the first room", c.rooms[0].begun.Load())
	c.leave(t)
}

// leave closes all connections; then no room must be left.
func (c *crowd) leave(t *testing.T) {
	gone := newMeter()
	c.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { gone.add() })
	gone.during(len(c.clients), func() {
		for _, s := range c.clients {
			s.Close()
		}
	})
	if rooms, sockets := c.sio.RoomCount(), c.sio.Count(); rooms+sockets != 0 {
		t.Errorf("%d rooms and %d sockets are left", rooms, sockets)
	}
}
