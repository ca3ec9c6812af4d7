package live

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollPause is the time between two looks at something that is waited for.
const pollPause = 10 * time.Millisecond

// ErrHang is wrapped by errors about something that did not happen within its
// bound (LIVE-3).
var ErrHang = errors.New("it did not happen in time")

// await looks until check reports true. An error of check says why it is not true
// yet, and is only told if ctx ends first; fatal errors end the wait.
func await(ctx context.Context, what string, check func() (bool, error)) error {
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	var last error
	for {
		done, err := check()
		if done {
			return nil
		}
		if f, ok := errors.AsType[*fatalError](err); ok {
			return fmt.Errorf("live: waiting for %s: %w", what, f.error)
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("live: waiting for %s: %w (%w; last: %v)", what, ErrHang, ctx.Err(), last)
		}
	}
}

// fatalError says that waiting is pointless.
type fatalError struct{ error }
