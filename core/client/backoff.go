package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff makes the delays between attempts.
type backoff struct {
	*Reconnection
	attempts int // so far
}

// unlimitedDelay is the longest one without DelayMax.
const unlimitedDelay = 365 * 24 * time.Hour

// next returns the delay before the next attempt: what the reference client would
// take, Delay doubled each time, and more or less by a random part of it.
func (b *backoff) next() time.Duration {
	limit := float64(b.DelayMax)
	if limit < 0 {
		limit = float64(unlimitedDelay)
	}
	delay := float64(max(b.Delay, 0))
	for i := 0; i < b.attempts && 0 < delay && delay <= limit; i++ {
		delay *= 2
	}
	b.attempts++
	if b.Jitter > 0 {
		delay += (2*rand.Float64() - 1) * b.Jitter * delay
	}
	return time.Duration(min(delay, limit))
}

// exhausted reports whether there may be no more attempts.
func (b *backoff) exhausted() bool { return b.Attempts > 0 && b.attempts >= b.Attempts }

// sleep reports false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
