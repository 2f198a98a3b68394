package main

import (
	"slices"
	"sync"

	"github.com/gosocketio/sio/core/socketio"
)

// crowd knows which socket is in which room. The zero value is ready.
type crowd struct {
	mu      sync.Mutex
	places  map[*socketio.Socket]place // guarded by mu
	version int64                      // guarded by mu; numbers the lists, which may overtake each other
}

type place struct{ user, room string }

// move puts a socket into a room, or, if there is no user, takes it out of all. It
// returns who is in the rooms whose list of users that has changed.
func (c *crowd) move(s *socketio.Socket, user, room string) (changed []presence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places == nil {
		c.places = make(map[*socketio.Socket]place)
	}
	before := c.places[s]
	if user == "" {
		delete(c.places, s)
	} else {
		c.places[s] = place{user, room}
	}
	for _, r := range []string{before.room, room} {
		if r != "" && (r == room || before.room != room) {
			changed = append(changed, c.listLocked(r))
		}
	}
	return changed
}

// listLocked returns the users in a room. Those with two windows count once.
func (c *crowd) listLocked(room string) presence {
	users := []string{}
	for _, p := range c.places {
		if p.room == room {
			users = append(users, p.user)
		}
	}
	slices.Sort(users)
	c.version++
	return presence{Room: room, Version: c.version, Users: slices.Compact(users)}
}

// has reports whether a user is connected.
func (c *crowd) has(user string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.places {
		if p.user == user {
			return true
		}
	}
	return false
}
