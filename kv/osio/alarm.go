package osio

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// alarm is the loop's timer: one deadline over one time.Timer. A node moves its
// deadline often and mostly further away, so the time.Timer is only touched
// when the loop goes to sleep and the deadline is earlier than what is set; one
// that fires too early finds nothing due and is set again.
type alarm struct {
	timer    *time.Timer
	deadline env.Instant
	// set is when timer is going to fire, or env.Never.
	set env.Instant
}

func (a *alarm) init() {
	a.timer = time.NewTimer(time.Hour)
	a.timer.Stop()
	a.deadline, a.set = env.Never, env.Never
}

func (a *alarm) arm(at env.Instant) { a.deadline = at }

// due reports whether the deadline is reached and disarms it if so.
func (a *alarm) due(now env.Instant) bool {
	if now < a.deadline {
		return false
	}
	a.deadline = env.Never
	return true
}

// wait returns the channel that wakes the loop for the deadline; nil, which
// blocks for ever, if there is none.
func (a *alarm) wait(now env.Instant) <-chan time.Time {
	if a.deadline < a.set {
		a.timer.Reset(a.deadline.Sub(now))
		a.set = a.deadline
	}
	if a.set == env.Never {
		return nil
	}
	return a.timer.C
}

// fired notes that the channel of wait delivered.
func (a *alarm) fired() { a.set = env.Never }

func (a *alarm) stop() { a.timer.Stop() }
