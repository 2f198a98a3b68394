package socketio

import (
	"sync"
	"time"
)

// throttle lets one log line per minute through. The zero value is ready to use.
type throttle struct {
	mu   sync.Mutex
	last time.Time
}

func (t *throttle) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() && time.Since(t.last) < time.Minute {
		return false
	}
	t.last = time.Now()
	return true
}

// throttles lets one log line per minute and cause through. The zero value is ready
// to use.
type throttles struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// maxCauses bounds what is remembered: causes can hold what a client has sent.
const maxCauses = 1000

func (t *throttles) due(cause string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if last, ok := t.last[cause]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if len(t.last) >= maxCauses {
		t.forget(now)
	}
	if len(t.last) >= maxCauses {
		return false
	}
	if t.last == nil {
		t.last = make(map[string]time.Time)
	}
	t.last[cause] = now
	return true
}

// forget removes the causes that may be logged again.
func (t *throttles) forget(now time.Time) {
	for cause, last := range t.last {
		if now.Sub(last) >= time.Minute {
			delete(t.last, cause)
		}
	}
}
