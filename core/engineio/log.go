package engineio

import (
	"log/slog"
	"sync"
	"time"
)

// warnEvery is the shortest time between two log lines of one cause.
const warnEvery = time.Minute

// warnings limits the log lines about refused requests to one per cause and
// minute: whoever causes them must not be able to fill the log.
type warnings struct {
	mu     sync.Mutex
	causes map[string]*cause // the keys are constants of this package
}

type cause struct {
	last       time.Time
	suppressed int
}

func (w *warnings) warn(logger *slog.Logger, name string, e *ConnectionError) {
	suppressed, due := w.due(name)
	if !due {
		return
	}
	attrs := []any{"code", e.Code, "message", e.Message, "advice", e.advice, "remote", e.Request.RemoteAddr}
	if e.client.IsValid() {
		attrs = append(attrs, "client", e.client)
	}
	if origin := e.Request.Header.Get("Origin"); origin != "" {
		attrs = append(attrs, "origin", clip(origin, 200), "host", e.Request.Host)
	}
	if e.sid != "" {
		attrs = append(attrs, "session", clip(e.sid, 4)) // an id is a secret
	}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	logger.Warn("engineio: request refused", attrs...)
}

// due reports whether a line may be written, and how many were not since the
// last one.
func (w *warnings) due(name string) (suppressed int, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.causes[name]
	if c == nil {
		c = &cause{}
		if w.causes == nil {
			w.causes = make(map[string]*cause)
		}
		w.causes[name] = c
	}
	if !c.last.IsZero() && time.Since(c.last) < warnEvery {
		c.suppressed++
		return 0, false
	}
	suppressed = c.suppressed
	c.last, c.suppressed = time.Now(), 0
	return suppressed, true
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
