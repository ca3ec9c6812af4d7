package osio

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Goal: the clock that counts suspension is monotonic and keeps the pace of the ordinary one; where there is none,
// that is said. Method: both around the same sleep.
func TestSuspensionClockKeepsPace(t *testing.T) {
	c, err := NewSuspensionClock()
	if errors.Is(err, ErrNoSuspensionClock) {
		t.Skip(err)
	}
	require.NoError(t, err)
	outer := time.Now()
	begin := c.Now()
	inner := time.Now()
	time.Sleep(20 * time.Millisecond)
	least := time.Since(inner)
	took := c.Now().Sub(begin)
	require.GreaterOrEqual(t, took, least-time.Millisecond)
	require.LessOrEqual(t, took, time.Since(outer)+time.Millisecond)
	last := c.Now()
	for range 1000 {
		now := c.Now()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
}
