package replica

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// compacting returns the tuning of a group that forgets its log after so many bytes.
func compacting(size int) func(*Config) {
	return func(c *Config) { c.CompactBytes, c.Raft.MaxCacheBytes = size, 1 }
}

// fill writes so many values of 40 bytes, and lets everything happen that follows.
func (g *group) fill(l *home, n int) {
	for i := range n {
		l.put(fmt.Sprint("k", i%5), strings.Repeat("v", 40))
		l.turn()
		g.settle()
	}
}

// logBytes is the size of the durable log.
func (h *home) logBytes() (size int) {
	for i := range h.entries {
		size += h.entries[i].Size()
	}
	return size
}

// Goal: REP-10, the log and the memory for it stay bounded, and nobody needs a snapshot who keeps up. Method: far more entries than
// CompactBytes holds; look at the logs after every write.
func TestLogStaysBounded(t *testing.T) {
	const size = 4000
	g := newGroup(t, 3, compacting(size))
	l := g.elect(1)
	for i := range 3000 {
		l.put(fmt.Sprint("k", i%5), strings.Repeat("v", 40))
		l.turn()
		g.settle()
		for _, h := range g.at {
			require.Less(t, h.logBytes(), 3*size, "write %d", i)
			require.LessOrEqual(t, len(h.r.compaction.points), 4)
			require.InDelta(t, h.logBytes(), h.r.LogBytes(), size, "what is told of it is about right")
		}
	}
	g.beat(1)
	g.agree()
	for _, h := range g.at {
		require.Greater(t, h.mark.Index, uint64(2000))
		require.Zero(t, h.sentChunks)
	}
}

// Goal: REP-10 (SNAP-11, SNAP-19), the log forgets nothing that the engine does not hold durably. Method: hold the flush back, then crash at every
// moment around it; the state must be found again.
func TestLogForgetsOnlyWhatIsDurable(t *testing.T) {
	g := newGroup(t, 1, compacting(500))
	l := g.elect(1)
	for i := range 200 {
		l.put("k", fmt.Sprint(i, strings.Repeat("v", 40)))
		l.turn()
		for l.run(env.LaneApply) || len(l.handed) > 0 || l.run(env.LaneFetch) {
			if len(l.handed) > 0 {
				l.persist()
			}
			durable := l.durableApplied()
			require.LessOrEqual(t, l.mark.Index, durable, "the log starts after %d", l.mark.Index)
		}
		if jobs := l.jobs[env.LaneSnapshot]; i%7 == 0 && len(jobs) > 0 {
			l.jobs[env.LaneSnapshot] = jobs[1:]
			jobs[0].Run()
			l.put("k", fmt.Sprint("meanwhile", i))
			l.turn()
			for len(l.handed) > 0 || l.run(env.LaneApply) || l.run(env.LaneFetch) {
				l.persist()
			}
			jobs[0].Done()
			l.turn()
			l.persist()
			require.LessOrEqual(t, l.mark.Index, l.durableApplied())
		}
		if i%31 == 30 {
			applied, hash := l.r.Applied()
			require.NoError(t, l.crash())
			g.elect(1)
			if again, got := l.r.Applied(); again == applied {
				require.Equal(t, hash, got)
			}
			l.run(env.LaneSnapshot)
		}
	}
	require.Greater(t, l.mark.Index, uint64(100))
}

// durableApplied is what a machine finds that starts after a loss of power.
func (h *home) durableApplied() uint64 {
	disk := h.disk.Clone()
	disk.PowerLoss()
	other := &home{g: h.g, id: h.id, disk: disk}
	other.openEngine()
	m, err := openMachine(other)
	require.NoError(h.g.t, err)
	at, _ := m.Applied()
	return at
}

// Goal: a failed flush stops the node. Method: break the disk.
func TestFailedFlushStopsTheNode(t *testing.T) {
	g := newGroup(t, 1, compacting(500))
	l := g.elect(1)
	for len(l.jobs[env.LaneSnapshot]) == 0 {
		l.put("k", strings.Repeat("v", 40))
		l.turn()
		for l.run(env.LaneApply) || l.run(env.LaneFetch) || len(l.handed) > 0 {
			l.persist()
		}
	}
	require.NoError(t, l.engine.Close())
	l.run(env.LaneSnapshot)
	require.ErrorContains(t, l.failure, "flushing the storage engine")
	require.True(t, l.r.Idle())
}

// Goal: REP-11, a leader keeps the log for a follower that answers but is behind, though not without end; it keeps nothing for one that is
// silent. Method: hold back a follower's disk, or cut it off, and write.
func TestLeaderKeepsTheLogForWhoAnswersWithinBounds(t *testing.T) {
	const size = 1000
	slow := newGroup(t, 3, compacting(size))
	l := slow.elect(1)
	behind := slow.at[2].r.Raft().LastIndex()
	longest := 0
	for range 400 {
		l.put("k", strings.Repeat("v", 40))
		l.turn()
		for again := true; again; { // replica 3 hears all, but its disk does nothing
			slow.exchange(1, 2)
			again = l.run(env.LaneApply) || l.run(env.LaneSnapshot) || l.run(env.LaneFetch)
		}
		slow.now = slow.now.Add(1)
		longest = max(longest, l.logBytes())
		if l.logBytes() < (pinPatience-1)*size && l.mark.Index > behind {
			require.Greater(t, longest, (pinPatience-1)*size, "the log was cut before it was long")
		}
	}
	require.Greater(t, l.mark.Index, behind, "not for ever")
	require.Less(t, longest, (pinPatience+3)*size)

	silent := newGroup(t, 3, compacting(size))
	l = silent.elect(1)
	silent.alone[3] = true
	silent.now = silent.now.Add(l.r.cfg.Raft.ElectionTimeout)
	silent.beat(1)
	for range 100 {
		l.put("k", strings.Repeat("v", 40))
		l.turn()
		silent.settle()
		require.Less(t, l.logBytes(), 4*size)
	}
}

// Goal: lives that are too short for a flush do not let the log grow for ever. Method: restart after a few writes, again and again; the engine
// flushes by itself.
func TestShortLivesDoNotGrowTheLog(t *testing.T) {
	const size = 2000
	g := newGroup(t, 1, compacting(size))
	g.tail = 3
	l := g.at[0]
	for range 60 {
		g.elect(1)
		g.fill(l, 10)
		require.NoError(t, l.engine.Flush())
		require.NoError(t, l.crash())
		require.Less(t, l.logBytes(), 4*size)
	}
	require.Greater(t, l.mark.Index, uint64(300))
}

// Goal: where a group's size is not known, as without entries at hand, the compaction begins with a guess and never panics. Method: starts of all
// kinds.
func TestCompactionBeginsWithWhatIsLeft(t *testing.T) {
	entry := raft.Entry{Data: make([]byte, 68)}
	for _, c := range []struct {
		start, applied uint64
		tail           []raft.Entry
		held           int
		due            int // how much is applied since the newest flush, as it counts
	}{
		{0, 0, nil, 0, 0},
		{5, 5, nil, 0, 0},
		{5, 3, nil, 0, 0},
		{0, 10, nil, 320, 0},
		{5, 15, []raft.Entry{entry, entry}, 1000, 0},
		{0, 30, []raft.Entry{entry, entry}, 3000, 1000},
	} {
		got := newCompaction(c.start, c.applied, c.tail, 1000)
		require.Equal(t, c.held, got.held(), "%+v", c)
		require.Equal(t, c.due, got.total-got.points[len(got.points)-1].total, "%+v", c)
		require.Equal(t, c.applied, got.flushed)
	}
}

// Goal: a job of a replica that was stopped meanwhile fails nobody, and the replica is idle when all have ended. Method: stop with a job on
// every lane; the jobs fail.
func TestJobsOfAStoppedReplicaFailNobody(t *testing.T) {
	g, l := fallenBehind(t, 40)
	l.turn()
	g.beat(1)
	h := newGroup(t, 1, compacting(100)).at[0]
	h.g.elect(1)
	h.g.fill(h, 1)
	term := l.r.Raft().Term()
	l.unreadable = errors.New("bad sector")
	fetch := &peerFetch{replica: l.r, term: term, fetch: raft.Fetch{Peer: 3, Lo: 1, Hi: 1, MaxBytes: 1}}
	fetch.Run()
	l.r.Stop()
	fetch.Done()
	require.NoError(t, l.failure)
	require.Equal(t, env.Never, l.r.Deadline(), "it wants nothing any more")
	for _, x := range g.at {
		x.r.Stop()
		for lane := range env.NumLanes {
			for x.run(lane) {
			}
		}
		require.True(t, x.r.Idle())
	}
}
