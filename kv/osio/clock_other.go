//go:build !linux

package osio

import "time"

func bootTime() (time.Duration, error) { return 0, ErrNoSuspensionClock }
