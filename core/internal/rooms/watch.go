package rooms

import "sync"

// watch tells which rooms have members, over all shards. Its lock is taken with
// that of a shard held.
type watch struct {
	mu             sync.Mutex
	uses           map[string]int // of a room: by shards, and by the member of that id
	opened, closed func(room string, own bool)
}

// Watch has opened called for each room that has active members now or gets its
// first one, and closed when the last has left; own tells that the room is that of a
// member's own id. For any one room the calls come in order. They are made with
// locks held: they must not block, nor use the index. It is called once at most.
func (x *Index[M]) Watch(opened, closed func(room string, own bool)) {
	w := &watch{uses: make(map[string]int), opened: opened, closed: closed}
	for i := range x.shards {
		x.shards[i].watchWith(w)
	}
}

func (sh *shard[M]) watchWith(w *watch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.watch = w
	for id, e := range sh.members {
		if e.active && !e.leftOwn {
			w.open(id, true)
		}
	}
	for room := range sh.rooms {
		w.open(room, false)
	}
}

func (w *watch) open(room string, own bool) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.uses[room]++; w.uses[room] == 1 {
		w.opened(room, own)
	}
}

func (w *watch) close(room string, own bool) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.uses[room]--; w.uses[room] == 0 {
		delete(w.uses, room)
		w.closed(room, own)
	}
}
