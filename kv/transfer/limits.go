package transfer

import (
	"fmt"
	"time"
)

// Limits bound a transfer. Both sides may run with different ones.
type Limits struct {
	// ChunkBytes is the size of a chunk's data that the sender aims at, 1 to MaxData.
	ChunkBytes int
	// Window is the number of chunks that may be on their way, at least 1.
	Window int
	// BytesPerSecond throttles the sender's data, sent again or not; 0 does not. At least one
	// chunk must pass within a quarter of StallTimeout.
	BytesPerSecond int64
	// RetryAfter is the time without progress after which the sender asks where the receiver
	// stands; it doubles with each such time, up to MaxRetryAfter.
	RetryAfter, MaxRetryAfter time.Duration
	// SilenceTimeout is how long the sender waits for any answer before it gives up; more
	// than MaxRetryAfter.
	SilenceTimeout time.Duration
	// StallTimeout is how long the sender goes without a new highest position; at
	// least SilenceTimeout. It includes the time that the receiver takes to install the state.
	StallTimeout time.Duration
	// MaxRestarts is how often the receiver may fall back before the sender gives up.
	MaxRestarts int
	// IdleTimeout is the time without a chunk after which the receiver drops a state that
	// is not complete.
	IdleTimeout time.Duration
}

// DefaultLimits suit a local network.
func DefaultLimits() Limits {
	return Limits{
		ChunkBytes:     256 << 10,
		Window:         4,
		RetryAfter:     500 * time.Millisecond,
		MaxRetryAfter:  4 * time.Second,
		SilenceTimeout: 20 * time.Second,
		StallTimeout:   5 * time.Minute,
		MaxRestarts:    16,
		IdleTimeout:    2 * time.Minute,
	}
}

// Check says what is wrong with the limits.
func (l *Limits) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("transfer: limits: "+format, args...)
	}
	switch {
	case l.ChunkBytes < 1 || l.ChunkBytes > MaxData:
		return bad("ChunkBytes is %d, it must be 1 to %d", l.ChunkBytes, MaxData)
	case l.Window < 1:
		return bad("Window is %d, it must be at least 1", l.Window)
	case l.BytesPerSecond < 0:
		return bad("BytesPerSecond is %d, it must not be negative", l.BytesPerSecond)
	case l.RetryAfter <= 0 || l.MaxRetryAfter < l.RetryAfter:
		return bad("RetryAfter is %v and MaxRetryAfter %v, they must be positive and ascending", l.RetryAfter, l.MaxRetryAfter)
	case l.SilenceTimeout <= l.MaxRetryAfter:
		return bad("SilenceTimeout is %v, it must exceed MaxRetryAfter %v", l.SilenceTimeout, l.MaxRetryAfter)
	case l.StallTimeout < l.SilenceTimeout:
		return bad("StallTimeout is %v, it must be at least SilenceTimeout %v", l.StallTimeout, l.SilenceTimeout)
	case l.MaxRestarts < 0:
		return bad("MaxRestarts is %d, it must not be negative", l.MaxRestarts)
	case l.IdleTimeout <= 0:
		return bad("IdleTimeout is %v, it must be positive", l.IdleTimeout)
	}
	if l.BytesPerSecond > 0 {
		if need := float64(l.ChunkBytes) / l.StallTimeout.Seconds() * 4; float64(l.BytesPerSecond) < need {
			return bad("BytesPerSecond is %d, it must be at least %.0f: a chunk has to pass within a quarter of StallTimeout", l.BytesPerSecond, need)
		}
	}
	return nil
}

// mustHold panics unless the limits are sound.
func (l *Limits) mustHold() {
	if err := l.Check(); err != nil {
		panic(err.Error())
	}
}
