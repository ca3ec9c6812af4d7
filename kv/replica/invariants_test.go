package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
)

// Goal: REP-1. Method: two followers commit an entry that the leader's own disk does not have yet; it is
// applied, and answered, only once that disk has it.
func TestEntryIsAppliedOnlyWhenDurableHere(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	before, _ := l.r.Applied()
	w := l.put("k", "v")
	l.turn()
	g.exchange(2, 3)
	require.Greater(t, l.r.Raft().Commit(), before, "the followers commit it")
	require.Empty(t, l.jobs[env.LaneApply])
	require.Zero(t, w.ends)
	l.persist()
	require.Len(t, l.jobs[env.LaneApply], 1)
	g.settle()
	require.NotNil(t, w.res)
	g.beat(1)
	g.agree()
}

// Goal: REP-2. Method: many writes, an apply job for each, turns while a job is out: one job at a time, and the
// applied index grows by one.
func TestEntriesAreAppliedOnceAndInOrder(t *testing.T) {
	g := newGroup(t, 1, func(c *Config) { c.MaxApplyBytes = 1 })
	l := g.elect(1)
	var all []*write
	for i := range 20 {
		all = append(all, l.put("k", fmt.Sprint(i)))
	}
	l.turn()
	l.persist()
	for i, w := range all {
		before, _ := l.r.Applied()
		l.turn()
		l.turn()
		require.Len(t, l.jobs[env.LaneApply], 1)
		require.Zero(t, w.ends)
		l.run(env.LaneApply)
		after, _ := l.r.Applied()
		require.Equal(t, before+1, after)
		require.Equal(t, after, w.res.Index)
		require.Equal(t, 1, w.ends, "write %d", i)
	}
	require.Empty(t, l.jobs[env.LaneApply])
}

// Goal: REP-3. Method: hand completions of the right entry, of another leader's entry at its index, and of a later one
// to a waiting write.
func TestWriteIsCompletedOnlyByItsOwnEntry(t *testing.T) {
	g := newGroup(t, 1, nil)
	l := g.elect(1)
	waiting := func(index, term uint64) *write {
		w := &write{waiting: waiting{t: t, name: "w"}}
		l.r.appended.push(appendedWrite{index: index, term: term, writer: w})
		return w
	}
	own := waiting(8, 2)
	l.r.complete(&machine.Result{Index: 7, Term: 2})
	require.Zero(t, own.ends, "an earlier entry")
	l.r.complete(&machine.Result{Index: 8, Term: 2})
	require.Equal(t, uint64(8), own.res.Index)

	replaced := waiting(9, 2)
	l.r.complete(&machine.Result{Index: 9, Term: 3})
	require.Nil(t, replaced.res)
	require.Equal(t, NotLeader, replaced.drop)

	waiting(10, 2)
	require.Panics(t, func() { l.r.complete(&machine.Result{Index: 11, Term: 2}) })
}

// Goal: REP-4. Method: a leader appends writes and is deposed; in one run the new leader has the entry, in the other it
// has another one. Both times the answer is Unknown; writes that come after that are refused.
func TestAppendedWriteOfADeposedLeaderEndsAsUnknown(t *testing.T) {
	for _, survives := range []bool{true, false} {
		g := newGroup(t, 3, nil)
		l := g.elect(1)
		w := l.put("k", "v")
		if survives {
			l.turn()
			l.persist()
			g.deliver(0)
			g.mail = nil
			g.alone[1] = true
		} else {
			g.alone[1] = true
			l.turn()
		}
		g.exchange(2, 3)
		next := g.elect(2)
		other := next.put("other", "v")
		next.turn()
		g.settle()
		require.NotNil(t, other.res)
		require.Zero(t, w.ends)
		late := l.put("late", "v") // it still believes to lead
		l.turn()
		g.alone[1] = false
		g.beat(2)
		g.beat(2)
		require.False(t, l.leads())
		require.Equal(t, []Drop{Unknown, Unknown}, []Drop{w.drop, late.drop})
		refused := l.put("k", "w")
		require.Equal(t, NotLeader, refused.drop, "refused at once, and truly")
		g.agree()
		got := l.get("k", true)
		l.turn()
		g.settle()
		require.Equal(t, survives, got.value.Found)
	}
}

// Goal: REP-5, a granted read waits for the state machine. Method: hold the apply job of a write back, get a read granted,
// and watch that it runs only behind that job and sees the write.
func TestGrantedReadWaitsForItsIndex(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	w := l.put("k", "v")
	l.turn()
	g.exchange()
	require.Len(t, l.jobs[env.LaneApply], 1, "committed, not applied")
	rd := l.get("k", false)
	l.turn()
	g.exchange()
	require.Equal(t, 1, l.r.reads.granted.len(), "granted")
	require.Zero(t, rd.ends)
	require.Len(t, l.jobs[env.LaneApply], 1)
	l.run(env.LaneApply)
	require.NotNil(t, w.res)
	require.Zero(t, rd.ranAt)
	l.run(env.LaneApply)
	require.Equal(t, 1, rd.ends)
	require.Equal(t, "v", string(rd.value.Value))
	require.GreaterOrEqual(t, rd.ranAt, w.res.Index)
	require.Equal(t, rd.ranAt, rd.doneAt)
}

// Goal: REP-5, a read that is granted beyond what is durable here is not served from less. Method: the followers commit what the
// leader's own disk does not have.
func TestReadGrantedBeyondTheOwnDiskWaits(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	w := l.put("k", "v")
	l.turn()
	g.exchange(2, 3)
	rd, stale := l.get("k", false), l.get("k", true)
	l.turn()
	g.exchange(2, 3)
	require.Equal(t, 1, l.r.reads.granted.len())
	for l.run(env.LaneApply) {
	}
	require.Zero(t, rd.ends)
	require.Equal(t, 1, stale.ends)
	require.False(t, stale.value.Found)
	l.persist()
	g.settle()
	require.NotNil(t, w.res)
	require.Equal(t, "v", string(rd.value.Value))
}

// Goal: REP-5, a leader that cannot reach a quorum serves no linearizable read, but stale ones. Method: cut the leader off
// while another one takes a write.
func TestDeposedLeaderServesNoRead(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	g.alone[1] = true
	rd, stale := l.get("k", false), l.get("k", true)
	l.turn()
	g.settle()
	require.Zero(t, rd.ends)
	require.Equal(t, 1, stale.ends)
	require.False(t, stale.value.Found)
	next := g.elect(2)
	w := next.put("k", "v")
	next.turn()
	g.settle()
	require.NotNil(t, w.res)
	late := l.get("k", false)
	l.turn()
	g.alone[1] = false
	g.beat(2)
	require.Equal(t, NotLeader, rd.drop)
	require.Equal(t, NotLeader, late.drop)
	require.Equal(t, NotLeader, l.get("k", false).drop, "a follower refuses at once")
}

// Goal: reads of one turn share a grant, and later ones are granted in order. Method: count the read rounds that the core
// is asked for.
func TestReadsOfATurnShareOneGrant(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	var all []*read
	for i := range 9 {
		all = append(all, l.get("k", false))
		if i%3 == 2 {
			l.turn()
		}
	}
	require.Equal(t, uint64(3), l.r.reads.nextID)
	g.settle()
	for _, rd := range all {
		require.Equal(t, 1, rd.ends)
		require.NotZero(t, rd.ranAt)
	}
	require.Zero(t, l.r.reads.waiting)
}

// fill writes until the replica has applied at least index.
func (h *home) fill(index uint64) {
	for {
		require.NoError(h.g.t, h.failure)
		applied, _ := h.r.Applied()
		if applied >= index {
			return
		}
		for range index - applied {
			h.put("k", "v")
		}
		h.turn()
		h.g.settle()
	}
}

// Goal: REP-7, replicas pass every hash point with the same state and tell. Method: write past two hash points in large batches
// on three replicas.
func TestReplicasCompareHashesAtHashPoints(t *testing.T) {
	g := newGroup(t, 3, func(c *Config) {
		c.MaxApplyBytes, c.Raft.MaxInflightBytes, c.Raft.MaxAppendBytes = 1<<20, 1<<20, 1<<20
	})
	l := g.elect(1)
	l.fill(2*HashEvery + 1)
	g.beat(1)
	g.agree()
	for _, h := range g.at {
		require.Equal(t, l.reports, h.reports)
		require.Len(t, h.reports, 2)
		for i, p := range h.reports {
			require.Equal(t, uint64(i+1)*HashEvery, p.index)
			require.NotZero(t, p.hash)
		}
	}
	require.NotEqual(t, l.reports[0].hash, l.reports[1].hash)
}
