package netsim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: without faults, clocks run with virtual time, and each incarnation starts
// anywhere (SIM-11). Method: read before and after.
func TestClocksRunWithVirtualTime(t *testing.T) {
	w, a, b := pair(t, Config{})
	mono, wall := a.h.Now(), a.h.WallNow()
	require.NotEqual(t, mono, b.h.Now())
	require.Equal(t, wall, b.h.WallNow())
	require.Equal(t, 2026, time.Unix(0, wall).UTC().Year())
	w.RunFor(time.Hour)
	require.Equal(t, time.Hour, a.h.Now().Sub(mono))
	require.EqualValues(t, time.Hour, a.h.WallNow()-wall)
	p := w.Process(1)
	require.NoError(t, p.Restart())
	require.NotEqual(t, a.h.Now(), p.Host().Now())
	require.Equal(t, a.h.WallNow(), p.Host().WallNow())
}

// Goal: a drifting clock runs faster or slower, and so do its timers. Method: ±10 %,
// changed while a timer is armed.
func TestDrift(t *testing.T) {
	w, a, _ := pair(t, Config{})
	c := w.Process(1).Clock()
	c.SetDrift(100_000)
	require.EqualValues(t, 100_000, c.Drift())
	t0, wall := a.h.Now(), a.h.WallNow()
	w.RunFor(time.Second)
	require.Equal(t, 1100*time.Millisecond, a.h.Now().Sub(t0))
	require.EqualValues(t, 1100*time.Millisecond, a.h.WallNow()-wall)
	a.h.Arm(a.h.Now().Add(220 * time.Millisecond))
	w.RunFor(100 * time.Millisecond)
	c.SetDrift(-100_000)
	drain(w)
	require.InDelta(t, float64(1100*time.Millisecond)+float64(110*time.Millisecond)/0.9, float64(a.times[0]), 2)
	require.EqualValues(t, 1, w.Stats().DriftedTicks)
	require.Panics(t, func() { c.SetDrift(MaxDrift + 1) })
}

// Goal: ticks come at the first nanosecond that is not too early at any drift, and
// the monotonic clock never goes back (SIM-11). Method: rapid over drifts and delays.
func TestDriftingTimersAreExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, a, _ := pair(t, Config{})
		c := w.Process(1).Clock()
		last := a.h.Now()
		for range rapid.IntRange(1, 8).Draw(rt, "rounds") {
			c.SetDrift(rapid.Int64Range(-MaxDrift, MaxDrift).Draw(rt, "ppm"))
			require.GreaterOrEqual(rt, a.h.Now(), last)
			t0 := w.Now()
			due := a.h.Now() + env.Instant(rapid.Int64Range(0, int64(24*time.Hour)).Draw(rt, "delay"))
			a.h.Arm(due)
			drain(w)
			require.GreaterOrEqual(rt, a.h.Now(), due)
			if w.Now() > t0 {
				origin := w.Process(1).host.origin
				require.Less(rt, origin+env.Instant(c.local(int64(w.Now())-1)), due)
			}
			last = a.h.Now()
		}
	})
}

// Goal: jumps and offsets move the wall clock only. Method: read both clocks.
func TestJumpsMoveTheWallClockOnly(t *testing.T) {
	w, a, b := pair(t, Config{})
	c := w.Process(1).Clock()
	mono := a.h.Now()
	c.Jump(time.Hour)
	require.EqualValues(t, time.Hour, a.h.WallNow()-b.h.WallNow())
	c.Jump(-2 * time.Hour)
	require.EqualValues(t, -time.Hour, a.h.WallNow()-b.h.WallNow())
	c.SetOffset(time.Minute)
	require.EqualValues(t, time.Minute, a.h.WallNow()-b.h.WallNow())
	require.Equal(t, time.Minute, c.Offset())
	require.Equal(t, mono, a.h.Now())
	require.EqualValues(t, 3, w.Stats().ClockJumps)
}

// Goal: a strobe moves the wall clock to and fro. Method: read once in each period.
func TestStrobe(t *testing.T) {
	w, a, b := pair(t, Config{})
	c := w.Process(1).Clock()
	c.Strobe(time.Second, time.Millisecond)
	var got []int64
	for range 4 {
		got = append(got, a.h.WallNow()-b.h.WallNow())
		w.RunFor(time.Millisecond)
	}
	s := int64(time.Second)
	require.Equal(t, []int64{0, s, 0, s}, got)
	require.EqualValues(t, 2, w.Stats().ClockStrobes)
	c.Strobe(0, 0)
	w.RunFor(time.Millisecond)
	require.Equal(t, b.h.WallNow(), a.h.WallNow())
}
