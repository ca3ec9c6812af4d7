package osio

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// processStart is the origin of all Instants of this process.
var processStart = time.Now()

// Clock is the real clock. Its zero value is ready for use.
type Clock struct{}

// Now is the monotonic time since the start of the process.
func (Clock) Now() env.Instant { return env.Instant(time.Since(processStart)) }

// WallNow is the wall clock in nanoseconds since the Unix epoch.
func (Clock) WallNow() int64 { return time.Now().UnixNano() }
