// Package rooms is the room index of a namespace: which members are in which
// rooms. Both directions are one invariant, kept under one lock per shard.
package rooms

import (
	"hash/maphash"
	"runtime"
	"sync"
)

// Member is what an Index holds, a socket.
type Member interface {
	comparable
	ID() string
}

// Index holds the members of a namespace and their rooms. A member starts
// hidden: it can join rooms, but is not selected until it is activated. Every
// member is in the room of its own id, for which nothing is stored.
//
// All methods may be called concurrently. None calls anything of a member but
// ID.
type Index[M Member] struct {
	seed   maphash.Seed
	shards []shard[M]
}

// shard holds the members whose id hashes to it, and all their rooms.
type shard[M Member] struct {
	mu      sync.RWMutex
	members map[string]*entry[M]
	active  set[M]
	rooms   map[string]*set[M]
	watch   *watch   // nil unless Watch was called
	_       [16]byte // keeps neighbours' locks on other cache lines
}

type entry[M Member] struct {
	member  M
	rooms   set[string]
	active  bool
	leftOwn bool // the member left the room of its own id
}

// maxShards bounds what a broadcast has to visit.
const maxShards = 16

// New returns an empty index.
func New[M Member]() *Index[M] {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < maxShards {
		n *= 2
	}
	x := &Index[M]{seed: maphash.MakeSeed(), shards: make([]shard[M], n)}
	for i := range x.shards {
		x.shards[i].members = make(map[string]*entry[M])
		x.shards[i].rooms = make(map[string]*set[M])
	}
	return x
}

func (x *Index[M]) shard(id string) *shard[M] {
	if len(x.shards) == 1 {
		return &x.shards[0]
	}
	return &x.shards[maphash.String(x.seed, id)&uint64(len(x.shards)-1)]
}

// Insert adds m, hidden. It reports false if a member of that id is there.
func (x *Index[M]) Insert(m M) bool {
	id := m.ID()
	sh := x.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.members[id]; ok {
		return false
	}
	sh.members[id] = &entry[M]{member: m}
	return true
}

// Activate makes the member visible in all its rooms. It reports false if there
// is no such member.
func (x *Index[M]) Activate(id string) bool {
	sh := x.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.members[id]
	if e == nil {
		return false
	}
	if !e.active {
		e.active = true
		sh.active.add(e.member)
		for _, room := range e.rooms.list {
			sh.enter(room, e.member)
		}
		if !e.leftOwn {
			sh.watch.open(id, true)
		}
	}
	return true
}

// Delete removes the member and returns the rooms that it was in, its own
// included; nil if there is no such member.
func (x *Index[M]) Delete(id string) []string {
	sh := x.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.members[id]
	if e == nil {
		return nil
	}
	delete(sh.members, id)
	if e.active {
		sh.active.remove(e.member)
		for _, room := range e.rooms.list {
			sh.exit(room, e.member)
		}
		if !e.leftOwn {
			sh.watch.close(id, true)
		}
	}
	return e.list(id)
}

// Join puts the member into rooms. It reports false if there is no such member.
func (x *Index[M]) Join(id string, rooms ...string) bool {
	member, _ := x.JoinWithin(-1, id, rooms...)
	return member
}

// JoinWithin is Join for a member that may be in limit rooms at most, its own not
// counted; a negative limit is none. If these would be more, fits is false and it
// joins none of them.
func (x *Index[M]) JoinWithin(limit int, id string, rooms ...string) (member, fits bool) {
	sh := x.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.members[id]
	if e == nil {
		return false, true
	}
	if limit >= 0 && !e.mayJoin(limit, id, rooms) {
		return true, false
	}
	for _, room := range rooms {
		if room == id {
			sh.own(e, id, false)
		} else if e.rooms.add(room) && e.active {
			sh.enter(room, e.member)
		}
	}
	return true, true
}

// mayJoin reports whether the member would come to be in no more than limit rooms.
func (e *entry[M]) mayJoin(limit int, id string, rooms []string) bool {
	n := len(e.rooms.list)
	if n+len(rooms) <= limit {
		return true
	}
	added := make(map[string]struct{})
	for _, room := range rooms {
		if room != id && !e.rooms.has(room) {
			added[room] = struct{}{}
		}
	}
	return len(added) == 0 || n+len(added) <= limit
}

// Leave takes the member out of rooms; those that it is not in are ignored.
func (x *Index[M]) Leave(id string, rooms ...string) {
	sh := x.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.members[id]
	if e == nil {
		return
	}
	for _, room := range rooms {
		if room == id {
			sh.own(e, id, true)
		} else if e.rooms.remove(room) && e.active {
			sh.exit(room, e.member)
		}
	}
}

// Rooms returns the rooms of the member, its own first; nil if there is no such
// member.
func (x *Index[M]) Rooms(id string) []string {
	sh := x.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.members[id]; e != nil {
		return e.list(id)
	}
	return nil
}

// Member returns the active member of that id.
func (x *Index[M]) Member(id string) (m M, ok bool) {
	sh := x.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.members[id]; e != nil && e.active {
		return e.member, true
	}
	return m, false
}

// Len returns the number of active members.
func (x *Index[M]) Len() int {
	n := 0
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		n += len(sh.active.list)
		sh.mu.RUnlock()
	}
	return n
}

// Size returns the number of distinct rooms that have active members, not
// counting those named by their only member's id.
func (x *Index[M]) Size() int {
	names := make(map[string]struct{})
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		for room := range sh.rooms {
			names[room] = struct{}{}
		}
		sh.mu.RUnlock()
	}
	return len(names)
}

// Select appends to dst the active members that are in any of rooms (of all, if
// there are none) and in none of except, each once.
func (x *Index[M]) Select(dst []M, rooms, except []string) []M {
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		dst = sh.selectInto(dst, rooms, except)
		sh.mu.RUnlock()
	}
	return dst
}

func (sh *shard[M]) selectInto(dst []M, rooms, except []string) []M {
	start := len(dst)
	switch len(rooms) {
	case 0:
		dst = append(dst, sh.active.list...)
	case 1:
		dst = sh.appendRoom(dst, rooms[0])
	default:
		dst = sh.appendUnion(dst, rooms)
	}
	if len(except) == 0 {
		return dst
	}
	kept := dst[:start]
	for _, m := range dst[start:] {
		if !sh.inAny(m, except) {
			kept = append(kept, m)
		}
	}
	clear(dst[len(kept):])
	return kept
}

func (sh *shard[M]) appendRoom(dst []M, room string) []M {
	if s := sh.rooms[room]; s != nil {
		dst = append(dst, s.list...)
	}
	if e := sh.members[room]; e != nil && e.active && !e.leftOwn {
		dst = append(dst, e.member)
	}
	return dst
}

// appendUnion appends the members of several rooms, each once: a member counts
// for the first of the rooms that it is in.
func (sh *shard[M]) appendUnion(dst []M, rooms []string) []M {
	for i, room := range rooms {
		from := len(dst)
		dst = sh.appendRoom(dst, room)
		if i == 0 {
			continue
		}
		kept := dst[:from]
		for _, m := range dst[from:] {
			if !sh.inAny(m, rooms[:i]) {
				kept = append(kept, m)
			}
		}
		clear(dst[len(kept):])
		dst = kept
	}
	return dst
}

func (sh *shard[M]) inAny(m M, rooms []string) bool {
	id := m.ID()
	e := sh.members[id]
	for _, room := range rooms {
		if room == id && !e.leftOwn || e.rooms.has(room) {
			return true
		}
	}
	return false
}

func (sh *shard[M]) enter(room string, m M) {
	s := sh.rooms[room]
	if s == nil {
		s = new(set[M])
		sh.rooms[room] = s
		sh.watch.open(room, false)
	}
	s.add(m)
}

func (sh *shard[M]) exit(room string, m M) {
	if s := sh.rooms[room]; s != nil && s.remove(m) && len(s.list) == 0 {
		delete(sh.rooms, room)
		sh.watch.close(room, false)
	}
}

// own lets the member leave the room of its own id, or come back.
func (sh *shard[M]) own(e *entry[M], id string, left bool) {
	if e.leftOwn == left {
		return
	}
	e.leftOwn = left
	switch {
	case !e.active:
	case left:
		sh.watch.close(id, true)
	default:
		sh.watch.open(id, true)
	}
}

func (e *entry[M]) list(id string) []string {
	list := make([]string, 0, 1+len(e.rooms.list))
	if !e.leftOwn {
		list = append(list, id)
	}
	return append(list, e.rooms.list...)
}
