package netsim

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: what happens to one process, disk or link is counted there and not at others (SIM-12). Method: two processes, one of which is
// paused, drifts, has a strobe, is slow, and has a full disk and a fuse; one narrow link of two.
func TestCountersOfTheirOwn(t *testing.T) {
	w, a, b := pair(t, Config{})
	p := w.Process(2)
	p.Pause()
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	p.Resume()
	p.SlowLoop(10)
	p.Clock().SetDrift(100)
	b.h.Arm(b.h.Now() + 5)
	drain(w)
	p.Clock().Strobe(time.Second, time.Nanosecond)
	w.RunFor(time.Nanosecond)
	_, _ = a.h.WallNow(), b.h.WallNow()
	require.Equal(t, ProcessStats{HeldInputs: 2, SlowedInputs: 2, DriftedTicks: 1, ClockStrobes: 1, WallReadings: 1}, p.Stats())
	require.Equal(t, ProcessStats{WallReadings: 1}, w.Process(1).Stats())
	require.Equal(t, ProcessStats{SlowedInputs: 2, DriftedTicks: 1, ClockStrobes: 1, WallReadings: 1}, p.Stats().Sub(ProcessStats{HeldInputs: 2}))

	f, err := p.Disk().Create("f", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	p.Disk().SetCapacity(1)
	_, err = f.Write(make([]byte, 1<<20))
	require.Error(t, err)
	p.Disk().CrashAfterOps(0)
	require.Error(t, f.Sync())
	require.Equal(t, DiskStats{FuseCrashes: 1, NoSpace: 1}, p.Disk().Own())
	require.Equal(t, DiskStats{}, w.Process(1).Disk().Own())
}

// Goal: a link counts what its configuration did, and the world what it could have done. Method: a narrow link with room for two
// messages gets four, of which one is cut off; one goes to a client, one to the sender itself.
func TestLinksCountWhatTheyDo(t *testing.T) {
	w, a, _ := pair(t, Config{})
	w.AddProcess(FirstClient, func(env.Host, *Disk) (env.Program, error) { return &probe{}, nil })
	w.SetLink(1, 2, LinkConfig{BytesPerSecond: 1000, MaxInFlight: 2})
	for range 3 {
		a.h.Send(2, env.ChannelControl, make([]byte, 100))
	}
	require.False(t, w.IsBlocked(1, 2))
	w.Cut(1, 2)
	require.True(t, w.IsBlocked(1, 2))
	a.h.Send(2, env.ChannelControl, nil)
	w.Heal(1, 2)
	w.Clog(1, 2)
	require.True(t, w.IsBlocked(1, 2))
	a.h.Send(FirstClient, env.ChannelControl, nil)
	a.h.Send(1, env.ChannelControl, nil)
	require.Equal(t, LinkStats{Throttled: 1, Refused: 1}, w.LinkStats(1, 2))
	require.Equal(t, LinkStats{}, w.LinkStats(2, 1))
	require.EqualValues(t, 4, w.Stats().Offered)
	require.EqualValues(t, 3, w.Stats().OfferedNodes)
}
