package cluster

import (
	"container/list"
	"strconv"
	"time"
)

// history is what a hub keeps for recovery: the messages of the recent past,
// numbered from 1, and the sessions. It is guarded by the hub's mutex.
type history struct {
	limits *MemoryRecovery

	entries []entry // entries[head:] are kept
	head    int
	last    uint64 // number of the latest message
	bytes   int

	sessions map[string]*list.Element // by PID
	byAge    *list.List               // of *savedSession, oldest first
}

type entry struct {
	m    *Message
	at   time.Time
	size int
}

type savedSession struct {
	*Session
	at time.Time
}

// overhead is what an entry takes besides its payload, about.
const overhead = 512

func newHistory(limits *MemoryRecovery) *history {
	return &history{limits: limits, sessions: map[string]*list.Element{}, byAge: list.New()}
}

// append keeps a message and sets its offset.
func (h *history) append(m *Message, now time.Time) {
	h.last++
	m.Offset = strconv.FormatUint(h.last, 36)
	size := m.Payload.size() + overhead
	h.entries = append(h.entries, entry{m, now, size})
	h.bytes += size
	h.trim(now)
}

func (h *history) kept() int { return len(h.entries) - h.head }

// trim forgets the oldest messages until the limits hold.
func (h *history) trim(now time.Time) {
	for h.kept() > 0 {
		e := &h.entries[h.head]
		if h.kept() <= h.limits.MaxMessages && h.bytes <= h.limits.MaxBytes && now.Sub(e.at) < h.limits.MaxAge {
			break
		}
		h.bytes -= e.size
		*e = entry{}
		h.head++
	}
	// Move the rest when it is the smaller part, so that each entry is moved once
	// on average.
	if h.head > 64 && h.head > h.kept() {
		h.entries = append(make([]entry, 0, 2*h.kept()), h.entries[h.head:]...)
		h.head = 0
	}
}

// after returns the messages after an offset, in a slice of their own. It reports
// false if the offset never was one, or if not all messages after it are kept.
//
// The message with the offset need not be kept itself: after a quiet time, nothing
// was missed.
func (h *history) after(offset string, now time.Time) ([]*Message, bool) {
	h.trim(now)
	seq, err := strconv.ParseUint(offset, 36, 64)
	oldest := h.last - uint64(h.kept()) // the latest that is not kept
	if err != nil || seq == 0 || seq < oldest || seq > h.last || strconv.FormatUint(seq, 36) != offset {
		return nil, false
	}
	rest := h.entries[h.head+int(seq-oldest):]
	messages := make([]*Message, len(rest))
	for i, e := range rest {
		messages[i] = e.m
	}
	return messages, true
}

// save keeps a session.
func (h *history) save(s *Session, now time.Time) {
	h.forget(h.sessions[s.PID])
	h.sessions[s.PID] = h.byAge.PushBack(&savedSession{s, now})
	h.expire(now)
}

// take returns a session and forgets it.
func (h *history) take(pid string, now time.Time) *Session {
	h.expire(now)
	el := h.sessions[pid]
	if el == nil {
		return nil
	}
	h.forget(el)
	return el.Value.(*savedSession).Session
}

// expire forgets the oldest sessions until the limits hold.
func (h *history) expire(now time.Time) {
	for el := h.byAge.Front(); el != nil; el = h.byAge.Front() {
		if h.byAge.Len() <= h.limits.MaxSessions && now.Sub(el.Value.(*savedSession).at) < h.limits.MaxAge {
			return
		}
		h.forget(el)
	}
}

func (h *history) forget(el *list.Element) {
	if el != nil {
		delete(h.sessions, el.Value.(*savedSession).PID)
		h.byAge.Remove(el)
	}
}

// empty forgets what is too old and reports whether nothing is left.
func (h *history) empty(now time.Time) bool {
	h.trim(now)
	h.expire(now)
	return h.kept() == 0 && h.byAge.Len() == 0
}
