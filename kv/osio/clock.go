package osio

import (
	"errors"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// processStart is the origin of all Instants of this process.
var processStart = time.Now()

// ErrNoSuspensionClock: this system has no clock that goes on while the machine is suspended.
var ErrNoSuspensionClock = errors.New("this system has no clock that counts the time in which the machine is suspended")

// Clock is the real clock. Its zero value is ready for use; it stands still while the machine
// is suspended.
type Clock struct {
	// elapsed, if set, is the time since the start of the process, suspension included.
	elapsed func() time.Duration
}

// NewSuspensionClock returns a clock that goes on while the machine is suspended, which leader leases need
// (raft.Config.LeaseReads): a leader that slept must know that its lease is over. It fails with
// ErrNoSuspensionClock, or the system's error.
func NewSuspensionClock() (Clock, error) {
	begin, err := bootTime()
	if err != nil {
		return Clock{}, err
	}
	return Clock{elapsed: func() time.Duration {
		now, err := bootTime()
		if err != nil {
			panic("osio: the clock has failed: " + err.Error())
		}
		return now - begin
	}}, nil
}

// Now is the monotonic time since the start of the process, or since the clock was made.
func (c Clock) Now() env.Instant {
	if c.elapsed != nil {
		return env.Instant(c.elapsed())
	}
	return env.Instant(time.Since(processStart))
}

// WallNow is the wall clock in nanoseconds since the Unix epoch.
func (Clock) WallNow() int64 { return time.Now().UnixNano() }
