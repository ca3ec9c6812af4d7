package replica

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: entries that the core does not hold any more are read back to be applied, in order, and none is read twice.
// Method: a cache of one byte; apply as they come, and all of them again after a restart with an empty engine.
func TestEntriesAreReadBackFromTheLog(t *testing.T) {
	g := newGroup(t, 3, func(c *Config) { c.Raft.MaxCacheBytes = 1 })
	l := g.elect(1)
	for range 10 {
		for range 10 {
			l.put("k", "some value")
		}
		l.turn()
		g.settle()
	}
	g.beat(1)
	g.agree()
	require.Positive(t, l.reads)
	applied, hash := l.r.Applied()
	h := g.at[1]
	h.newEngine()
	require.NoError(t, h.start())
	h.reads = 0
	again, _ := h.r.Applied()
	require.Zero(t, again)
	h.turn()
	for range 4 {
		g.beat(1)
	}
	again, hashAgain := h.r.Applied()
	require.Equal(t, []uint64{applied, hash}, []uint64{again, hashAgain})
	require.Greater(t, h.reads, 1, "in several jobs")
	require.Less(t, h.reads, 20, "and many entries at a time")
	got := h.get("k", true)
	h.turn()
	g.settle()
	require.Equal(t, "some value", string(got.value.Value))
}

// fallenBehind returns a group of three with a cache of one byte, whose third replica was cut off while its leader wrote.
func fallenBehind(t *testing.T, writes int) (*group, *home) {
	g := newGroup(t, 3, func(c *Config) { c.Raft.MaxCacheBytes = 1 })
	l := g.elect(1)
	g.alone[3] = true
	for range writes {
		l.put("k", "some value")
		l.turn()
		g.settle()
	}
	g.alone[3] = false
	return g, l
}

// Goal: a follower that fell behind what is in memory gets the entries from the log. Method: a cache of one byte, a
// follower cut off for a hundred writes.
func TestFollowerFarBehindIsFedFromTheLog(t *testing.T) {
	g, _ := fallenBehind(t, 100)
	for range 5 {
		g.beat(1)
	}
	g.agree()
}

// Goal: a log that cannot be read back stops the node, and what waits is answered. Method: make reading fail, and answer nothing.
func TestUnreadableLogStopsTheNode(t *testing.T) {
	for _, err := range []error{errors.New("bad sector"), wal.ErrNoEntries, nil} {
		g := newGroup(t, 1, func(c *Config) { c.Raft.MaxCacheBytes = 1 })
		l := g.elect(1)
		w := l.put("k", "v")
		l.turn()
		l.persist()
		require.Len(t, l.jobs[env.LaneFetch], 1)
		l.unreadable, l.mute = err, err == nil
		l.run(env.LaneFetch)
		require.ErrorContains(t, l.failure, "stops serving")
		if err != nil {
			require.ErrorIs(t, l.failure, err)
		}
		require.Equal(t, Unknown, w.drop)
	}
}

// Goal: a log that cannot be read for a follower stops the leader; but not one that has lost its leadership meanwhile, for
// then those entries may be gone from the log rightly. Method: fail the read in both cases.
func TestUnreadableLogForAFollower(t *testing.T) {
	for _, deposed := range []bool{false, true} {
		g, l := fallenBehind(t, 20)
		for range 3 {
			g.campaign(1)
			g.exchange()
		}
		require.NotEmpty(t, l.jobs[env.LaneFetch])
		l.unreadable = wal.ErrNoEntries
		if deposed {
			g.campaign(2)
			g.exchange()
			require.False(t, l.leads())
		}
		l.run(env.LaneFetch)
		require.Equal(t, deposed, l.failure == nil, "%v", l.failure)
	}
}

// Goal: an answer for a follower that was read in an earlier leadership is not taken for one of the present, in which the
// log may be another. Method: read, lose the leadership, win it again, wait for the same entries; only then the old answer comes.
func TestEntriesReadInAnEarlierLeadershipAreIgnored(t *testing.T) {
	g, l := fallenBehind(t, 20)
	stale := &peerFetch{
		replica: l.r, term: l.r.Raft().Term() - 1, fetch: raft.Fetch{Peer: 3, Lo: 5, Hi: 5, MaxBytes: 100},
	}
	for range 3 {
		g.campaign(1)
		g.exchange()
	}
	require.NotEmpty(t, l.jobs[env.LaneFetch])
	wanted := l.jobs[env.LaneFetch][0].(*peerFetch).fetch
	stale.fetch = wanted
	stale.entries = []raft.Entry{{Index: wanted.Lo, Term: l.r.Raft().Term() - 1, Data: []byte("of a log that was")}}
	require.NotPanics(t, stale.Done)
	for range 3 {
		g.beat(1)
	}
	g.agree()
}

// Goal: an engine that fails stops the node; its writes may have been applied, its reads have not been served. Method: close the
// engine under an apply job.
func TestFailedApplyStopsTheNode(t *testing.T) {
	g := newGroup(t, 1, nil)
	l := g.elect(1)
	w := l.put("k", "v")
	l.turn()
	rd := l.get("k", true)
	l.persist()
	later := l.get("k", false)
	require.Len(t, l.jobs[env.LaneApply], 1)
	require.Len(t, l.r.job.readers, 1)
	require.NoError(t, l.engine.Close())
	l.run(env.LaneApply)
	require.ErrorContains(t, l.failure, "applying entries")
	require.Equal(t, []Drop{Unknown, Stopped, Stopped}, []Drop{w.drop, rd.drop, later.drop})
	require.Zero(t, l.r.reads.waiting)
}

// Goal: Stop ends every wait once, honestly, and nothing happens afterwards. Method: stop with writes and reads in every stage,
// and an apply job at work.
func TestStopEndsEverything(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	atWork, inMachine := l.put("a", "v"), l.get("a", true)
	l.turn()
	g.exchange()
	require.Len(t, l.jobs[env.LaneApply], 1)
	applying := l.put("b", "v")
	l.turn()
	g.exchange()
	granted := l.get("b", false)
	l.turn()
	g.exchange()
	require.Equal(t, 1, l.r.reads.granted.len())
	g.alone[1] = true
	appended, asked := l.put("c", "v"), l.get("c", false)
	l.turn()
	fresh, freshRead, stale := l.put("d", "v"), l.get("d", false), l.get("d", true)
	l.r.Stop()
	l.r.Stop()
	for name, w := range map[string]*write{"committed, not applied": atWork, "applying": applying, "appended": appended} {
		require.Equal(t, Unknown, w.drop, name)
	}
	require.Equal(t, Stopped, fresh.drop, "never appended")
	l.checkWriteBytes()
	require.Zero(t, l.r.writeBytes)
	for name, rd := range map[string]*read{"granted": granted, "asked": asked, "fresh": freshRead, "stale": stale} {
		require.Equal(t, Stopped, rd.drop, name)
		require.Zero(t, rd.ranAt, name)
	}
	require.Equal(t, Stopped, l.put("e", "v").drop)
	require.Equal(t, Stopped, l.get("e", false).drop)
	require.Equal(t, Stopped, l.get("e", true).drop)
	sent, jobs := l.sent, len(l.jobs[env.LaneApply])
	l.turn()
	for l.run(env.LaneApply) {
	}
	l.turn()
	require.Equal(t, sent, l.sent)
	require.Equal(t, 1, jobs)
	require.Equal(t, 1, inMachine.ends, "the job that had it ended it")
	require.False(t, l.r.applying)
}

// Goal: the bounds of Config refuse what is beyond them as Overloaded, which is true: it is never applied; and what ends
// makes room again. Method: fill both bounds and empty them.
func TestBoundsRefuseAsOverloaded(t *testing.T) {
	g := newGroup(t, 1, func(c *Config) {
		c.MaxWaitingReads, c.Raft.MaxPendingReads, c.Raft.MaxUncommittedBytes = 3, 3, 200
	})
	l := g.elect(1)
	for range 3 {
		reads := []*read{l.get("k", false), l.get("k", true), l.get("k", false), l.get("k", false), l.get("k", true)}
		require.Equal(t, []Drop{Overloaded, Overloaded}, []Drop{reads[3].drop, reads[4].drop})
		l.turn()
		g.settle()
		for _, rd := range reads[:3] {
			require.NotZero(t, rd.ranAt)
		}
		first := l.put("k", "v")
		l.turn()
		second := l.put("k", string(make([]byte, 200)))
		l.turn()
		require.Equal(t, Overloaded, second.drop)
		g.settle()
		require.NotNil(t, first.res)
		require.False(t, l.proposed[string(second.payload)])
	}
}

// Goal: New refuses what cannot be right, in words. Method: an engine ahead of its log, bounds that contradict each other, a bad core.
func TestNewRefuses(t *testing.T) {
	g := newGroup(t, 1, nil)
	l := g.elect(1)
	l.fill(5)
	l.entries = l.entries[:3]
	require.ErrorContains(t, l.start(), "the storage engine holds the state at entry 5, but the log ends at 3")
	l.newEngine()
	require.NoError(t, l.start())
	g.tune = func(c *Config) { c.MaxWaitingReads = c.Raft.MaxPendingReads + 1 }
	require.ErrorContains(t, l.start(), "MaxWaitingReads")
	g.tune = func(c *Config) { c.Raft.HeartbeatInterval = 0 }
	require.ErrorContains(t, l.start(), "partition 7")
}

// Goal: REP-8, committed writes count until they are applied. Method: let everything commit, but no apply job run, until writes
// are refused; then run the jobs: what was accepted is answered, and there is room again.
func TestWritesBehindAHangingStateMachineAreBounded(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	var accepted []*write
	value, refused := string(make([]byte, 100<<10)), 0
	for range 50 {
		w := l.put("k", value)
		l.turn()
		g.exchange()
		require.Zero(t, l.r.Raft().Status().UncommittedBytes)
		if w.drop == Overloaded {
			refused++
		} else {
			require.Zero(t, w.ends)
			accepted = append(accepted, w)
		}
	}
	require.Len(t, accepted, 20, "of 100 KiB, in twice 1 MiB")
	require.Equal(t, 30, refused)
	g.settle()
	for _, w := range accepted {
		require.NotNil(t, w.res)
	}
	require.Zero(t, l.r.writeBytes)
	again := l.put("k", value)
	l.turn()
	g.settle()
	require.NotNil(t, again.res)
}

// Goal: REP-8, the writes of one turn are bounded, but one is always accepted. Method: many writes before a turn, and one that is
// larger than the bound.
func TestWritesOfOneTurnAreBounded(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	refused := 0
	for range 50 {
		if l.put("k", string(make([]byte, 100<<10))).drop == Overloaded {
			refused++
		}
	}
	require.Equal(t, 30, refused)
	l.turn()
	require.LessOrEqual(t, l.r.Raft().Status().UncommittedBytes, 2<<20)
	g.settle()
	large := l.put("k", string(make([]byte, 3<<20)))
	require.Equal(t, Overloaded, l.put("k", "v").drop)
	l.turn()
	g.settle()
	require.Equal(t, 1, large.ends)
	require.Zero(t, l.r.writeBytes)
}

// Goal: Sessions and Group tell what is so. Method: open a session.
func TestSessionsAreCounted(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	require.Zero(t, l.r.Sessions())
	w := &write{waiting: waiting{t: t}}
	l.r.Write(machine.AppendCommand(nil, &machine.Command{Kind: machine.CmdOpenSession, Time: 1}), w)
	l.turn()
	g.settle()
	require.Equal(t, 1, l.r.Sessions())
	require.NotNil(t, w.res)
	require.Equal(t, partition, l.r.Group())
}
