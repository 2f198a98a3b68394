package rooms

import "sync"

// watch tells which rooms have members, over all shards. Its lock is taken with
// that of a shard held.
type watch struct {
	mu             sync.Mutex
	uses           map[string]int // of a room: by shards, and by the member of that id
	opened, closed func(room string, own bool)
}

// Watch has opened called for each room that gets its first active member, and
// closed when the last has left; own tells that the room is that of a member's
// own id. For any one room the calls come in order. They are made with locks
// held: they must not block, nor use the index. Call it before the first Insert.
func (x *Index[M]) Watch(opened, closed func(room string, own bool)) {
	w := &watch{uses: make(map[string]int), opened: opened, closed: closed}
	for i := range x.shards {
		x.shards[i].watch = w
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
