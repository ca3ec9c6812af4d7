package osio

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is the time since the machine was started, suspension included.
func bootTime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}
