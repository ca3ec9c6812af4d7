package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
)

// compacted is a leader of term 6 that applied 11 entries and compacted the first n, all acknowledged by replica 2, and by 3 only the first.
func compacted(t *testing.T, n uint64) *solo {
	s := leading(t, 3, nil)
	s.ackAll(3)
	s.mustPropose(10)
	s.flush()
	s.ackAll(2)
	s.SetApplied(s.Commit())
	s.Compact(n)
	s.check()
	return s
}

func markAt(index, term uint64, voters ...uint64) Mark {
	return Mark{Index: index, Term: term, Config: conf(voters...)}
}

// Claim (SNAP-19): the log is compacted up to what is applied, no further; the mark is handed off once; what is behind it stays, in memory and in
// what followers get. Method: compact a leader's log twice, and senselessly.
func TestCompactionForgetsWhatIsApplied(t *testing.T) {
	s := compacted(t, 5)
	require.Equal(t, []uint64{6, 11, 11, 11}, []uint64{s.FirstIndex(), s.LastIndex(), s.Durable(), s.Commit()})
	p := s.out().Persist
	require.Equal(t, markAt(5, 6, 1, 2, 3), p.Mark)
	require.Empty(t, p.Entries)
	require.False(t, s.out().HasPersist, "once")
	s.Compact(5)
	s.Compact(3)
	require.False(t, s.out().HasPersist, "nothing goes back")
	_, ok := s.Slice(5, 5, 1)
	require.False(t, ok)
	es, ok := s.Slice(6, 11, 1<<20)
	require.True(t, ok)
	require.Len(t, es, 6)
	s.Compact(11)
	require.Equal(t, uint64(12), s.FirstIndex())
	require.Zero(t, s.Status().CacheBytes)
	s.mustPropose(1)
	p = s.out().Persist
	require.Equal(t, uint64(11), p.Mark.Index)
	require.Equal(t, uint64(12), p.Entries[0].Index)
	s.complete()
	s.ackAll(2)
	require.Equal(t, []uint64{12, 11}, []uint64{s.Commit(), s.Applied()})
	require.Panics(t, func() { s.Compact(12) }, "committed, but not applied")
}

// Claim (SNAP-08, SNAP-09): a mark carries the configuration in effect at its index, not a newer one, not an uncommitted one, and joint ones whole; compaction
// keeps the newer ones. Method: a log with configurations at 2 and 3, and marks all over it.
func TestMarkCarriesTheConfigurationAtItsIndex(t *testing.T) {
	initial := confchange.Initial([]uint64{1, 2, 3})
	joint := after(t, initial, change(confchange.Remove, 3))
	s := newSolo(t, 3, nil, 5, 1)
	s.appended(1, 1, 3, entryOf(2, 5, joint), Entry{Index: 3, Term: 5}, entryOf(4, 5, joint.Leave()))
	for index, want := range []confchange.Config{1: initial, 2: joint, 3: joint} {
		m, ok := s.MarkAt(uint64(index))
		require.True(t, ok)
		if index == 0 {
			require.Equal(t, Mark{}, m)
			continue
		}
		require.Equal(t, want.Append(nil), m.Config)
	}
	_, ok := s.MarkAt(4)
	require.False(t, ok, "not committed")
	s.SetApplied(3)
	s.Compact(3)
	_, ok = s.MarkAt(2)
	require.False(t, ok, "before the log")
	m, ok := s.MarkAt(3)
	require.True(t, ok)
	require.Equal(t, Mark{Index: 3, Term: 5, Config: joint.Append(nil)}, m)
	require.Equal(t, joint.Leave().String(), s.Configuration().String())
	s.get(Message{Type: MsgAppend, From: 3, Term: 6, LogIndex: 3, LogTerm: 5, Entries: []Entry{{Index: 4, Term: 6}}})
	require.Equal(t, joint.String(), s.Configuration().String(), "rolled back to what the mark says")
	require.Equal(t, uint64(3), s.ConfigIndex())
}

// Claim: a replica that does not know the configuration at an index has no mark of it, and does not compact there. Method: a learner that has not
// come to the entry that added it.
func TestNoMarkWithoutAConfiguration(t *testing.T) {
	s := newLearner(t)
	s.appended(0, 0, 2, Entry{Index: 1, Term: 5}, Entry{Index: 2, Term: 5}, entryOf(3, 5, confchange.Initial([]uint64{2})))
	_, ok := s.MarkAt(2)
	require.False(t, ok)
	s.SetApplied(2)
	s.Compact(2)
	require.Equal(t, uint64(1), s.FirstIndex())
	s.appended(3, 5, 3, Entry{Index: 4, Term: 5})
	s.SetApplied(3)
	s.Compact(3)
	require.Equal(t, uint64(4), s.FirstIndex())
}

// Claim (SNAP-04): a follower whose next entry is the first of the log gets appends, one entry less and it needs a snapshot, which is asked for
// once; heartbeats go on, appends and nudges do not. Method: refusals at the boundary.
func TestFollowerBehindTheLogNeedsASnapshot(t *testing.T) {
	s := compacted(t, 5)
	refuse := func(hint uint64) Output {
		prev := s.peerStatus(3).Next - 1
		s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, Reject: true, LogIndex: prev, HintIndex: hint, HintTerm: 6})
		return s.out()
	}
	s.flush()
	out := refuse(4)
	require.Equal(t, []ReplicaID{3}, out.Snapshots)
	require.Empty(t, to(out.Messages, 3))
	require.Equal(t, progress.Snapshot, s.peerStatus(3).State)
	for range 5 {
		s.mustPropose(1)
		s.tick()
		out = s.out()
		require.Len(t, to(out.Messages, 3), 1)
		s.get(Message{Type: MsgHeartbeatResp, From: 3, Term: 6, LogIndex: 4, Round: of(out.Messages, MsgHeartbeat)[0].Round})
		s.get(Message{Type: MsgHeartbeatResp, From: 2, Term: 6, LogIndex: 4, Round: of(out.Messages, MsgHeartbeat)[0].Round})
		out = s.out()
		require.Empty(t, to(out.Messages, 3))
		require.Empty(t, out.Snapshots, "once")
	}
	s = compacted(t, 5)
	s.flush()
	out = refuse(5)
	require.Empty(t, out.Snapshots)
	m := only(t, to(out.Messages, 3), MsgAppend)
	require.Equal(t, []uint64{5, 6, 6}, []uint64{m.LogIndex, m.LogTerm, m.Entries[0].Index})
}

// snapshotting is a leader that was asked for a snapshot by replica 3.
func snapshotting(t *testing.T) *solo {
	s := compacted(t, 5)
	s.flush()
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, Reject: true, LogIndex: s.peerStatus(3).Next - 1})
	require.Equal(t, []ReplicaID{3}, s.out().Snapshots)
	s.complete()
	return s
}

// Claim: when the sending ends the follower is asked what it has, after a failure once it is heard again; if it still has too little, the next snapshot
// is asked for. Method: both ends.
func TestEndOfSendingIsFollowedByAProbe(t *testing.T) {
	for _, ok := range []bool{false, true} {
		s := snapshotting(t)
		s.SnapshotEnded(2, true)
		require.Equal(t, progress.Snapshot, s.peerStatus(3).State, "not the one")
		s.SnapshotEnded(3, ok)
		s.SnapshotEnded(3, !ok)
		ms := to(s.flush(), 3)
		if !ok {
			require.Empty(t, ms)
			ms = of(s.beat(3, 0), MsgAppend)
		}
		require.Equal(t, uint64(5), only(t, ms, MsgAppend).LogIndex)
		s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, Reject: true, LogIndex: 5, HintIndex: 2, HintTerm: 6})
		out := s.out()
		require.Equal(t, []ReplicaID{3}, out.Snapshots)
		require.Empty(t, out.Cancelled)
	}
}

// Claim: an acknowledgement at or behind the start of the log ends the sending, an earlier one does not (SNAP-18). Method: both.
func TestAcknowledgementEndsTheSending(t *testing.T) {
	s := snapshotting(t)
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, LogIndex: 4})
	out := s.out()
	require.Empty(t, out.Cancelled)
	require.Equal(t, progress.Snapshot, s.peerStatus(3).State)
	require.Equal(t, uint64(4), s.PeerMatch(3))
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, LogIndex: 5, LogTerm: 6})
	out = s.out()
	require.Equal(t, []ReplicaID{3}, out.Cancelled)
	require.Equal(t, uint64(6), to(out.Messages, 3)[0].Entries[0].Index)
	s.SnapshotEnded(3, false)
	require.Equal(t, progress.Replicate, s.peerStatus(3).State, "late words change nothing")
}

// Claim: the shell is told when a snapshot is not wanted any more because this replica ceased to lead, or the follower left. Method: both.
func TestSendingIsCancelled(t *testing.T) {
	s := snapshotting(t)
	s.get(Message{Type: MsgHeartbeatResp, From: 3, Term: 8})
	require.Equal(t, []ReplicaID{3}, s.out().Cancelled)
	require.Empty(t, s.out().Cancelled)
	s = snapshotting(t)
	s.mustChange(change(confchange.Remove, 3))
	s.out()
	s.complete()
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: s.LastIndex()})
	require.Equal(t, []ReplicaID{3}, s.out().Cancelled)
}

// Claim (LIVE): a follower whose window is full of lost appends that are compacted since gets a snapshot. Method: fill the window, compact, answer heartbeats.
func TestStalledFollowerBehindTheLogGetsASnapshot(t *testing.T) {
	s := newSolo(t, 3, func(c *Config) { c.MaxInflightAppends, c.MaxAppendBytes = 2, 100 }, 5)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.ackAll(3)
	for range 8 {
		s.mustPropose(1)
		s.flush()
		s.ackAll(2)
	}
	require.Equal(t, uint64(9), s.Commit())
	s.SetApplied(9)
	s.Compact(9)
	s.flush()
	var asked []ReplicaID
	for range 3 {
		s.tick()
		for _, m := range of(s.flush(), MsgHeartbeat) {
			s.get(Message{Type: MsgHeartbeatResp, From: m.To, Term: 6, LogIndex: 1, Round: m.Round})
		}
		asked = append(asked, s.out().Snapshots...)
	}
	require.Equal(t, []ReplicaID{3}, asked)
}

// Claim: entries that are compacted while they are fetched are of no use, and no harm. Method: compact before the answer.
func TestFetchOfCompactedEntries(t *testing.T) {
	s := newSolo(t, 3, func(c *Config) { c.MaxCacheBytes = 1 }, 5, 5, 5, 5)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, Reject: true, LogIndex: 3})
	require.Len(t, s.out().Fetches, 1)
	s.SetApplied(4)
	s.Compact(4)
	s.Fetched(3, 1, []Entry{{Index: 1, Term: 5}})
	s.check()
	require.Equal(t, []ReplicaID{3}, s.out().Snapshots)
}

// Claim: a snapshot of any leader takes the place of a log that does not hold its last entry, and the acknowledgement waits until that is durable;
// what was on its way to the disk for the old log promises nothing any more (REPL-17). Method: Restore over undurable entries with the same indexes.
func TestRestoreReplacesTheLog(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1)
	s.get(app(5, 1, 1, 0, 5, 5, 5))
	old := s.out().Persist.Seq
	s.get(Message{Type: MsgHeartbeat, From: 3, Term: 6})
	require.NoError(t, s.Restore(s.now, markAt(3, 6, 1, 2, 3, 4)))
	s.check()
	require.Equal(t, []uint64{3, 3, 3, 4}, []uint64{s.Commit(), s.Applied(), s.LastIndex(), s.FirstIndex()})
	require.Equal(t, "voters(1 2 3 4)", s.Configuration().String())
	require.Less(t, s.Durable(), uint64(1)+1)
	out := s.out()
	require.True(t, out.ConfigChanged)
	require.Equal(t, markAt(3, 6, 1, 2, 3, 4), out.Persist.Mark)
	require.Empty(t, of(out.Messages, MsgAppendResp))
	s.Persisted(old)
	s.check()
	require.Less(t, s.Durable(), uint64(2), "the disk has other entries there")
	require.Empty(t, of(s.out().Messages, MsgAppendResp))
	s.complete()
	require.Equal(t, uint64(3), s.Durable())
	m := only(t, s.out().Messages, MsgAppendResp)
	require.Equal(t, []uint64{3, 3, 6, 6}, []uint64{uint64(m.To), m.LogIndex, m.LogTerm, m.Term})
	ack := only(t, s.answer(Message{Type: MsgAppend, From: 3, Term: 6, LogIndex: 3, LogTerm: 6, Entries: []Entry{{Index: 4, Term: 6}}}), MsgAppendResp)
	require.Equal(t, []uint64{4, 0}, []uint64{ack.LogIndex, ack.LogTerm})
}

// Claim (SNAP-10): a log that holds the mark's entry keeps what is behind it, with its configurations, and hands off again what a mark would wipe from the
// disk. Method: Restore within a log, with nothing, some and all of it handed off.
func TestRestoreKeepsTheLogBehindTheMark(t *testing.T) {
	mark := Mark{Index: 3, Term: 5}
	then := after(t, confchange.Initial([]uint64{1, 2, 3}), change(confchange.AddLearner, MakeReplicaID(4, 1)))
	mark.Config = then.Append(nil)
	newer := after(t, then, change(confchange.AddLearner, MakeReplicaID(5, 2)))
	for handed := range 3 {
		s := newSolo(t, 3, nil, 5, 1)
		batches := [][]Entry{{{Index: 2, Term: 5}, {Index: 3, Term: 5}}, {{Index: 4, Term: 5}, entryOf(5, 5, newer)}}
		for i, entries := range batches {
			s.get(Message{Type: MsgAppend, From: 2, Term: 5, LogIndex: entries[0].Index - 1, LogTerm: []uint64{1, 5}[i], Entries: entries})
			if i < handed {
				s.out()
			}
		}
		require.NoError(t, s.Restore(s.now, mark))
		require.Equal(t, []uint64{5, 3, 3}, []uint64{s.LastIndex(), s.Commit(), s.Applied()})
		require.True(t, s.Configuration().Equal(newer), "the newer one stays")
		require.True(t, s.CommittedConfiguration().Equal(then), "the mark's holds at the mark")
		out := s.out()
		require.Equal(t, uint64(3), out.Persist.Mark.Index)
		require.Len(t, out.Persist.Entries, []int{2, 2, 0}[handed])
		require.Empty(t, of(out.Messages, MsgAppendResp))
		s.complete()
		require.Equal(t, uint64(5), s.Durable())
		require.Equal(t, uint64(5), only(t, s.out().Messages, MsgAppendResp).LogIndex)
	}
}

// Claim (SNAP-03, ELEC-10): a snapshot takes nothing back: not the commit index, not what is applied, not the term or the vote; one that cannot be is
// refused whole. Method: each wrong mark, and one with an old term.
func TestRestoreTakesNothingBack(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1, 1)
	s.answer(Message{Type: MsgVote, From: 3, Term: 9, LogIndex: 9, LogTerm: 5})
	s.answer(app(9, 3, 1, 3))
	s.SetApplied(2)
	for want, m := range map[string]Mark{
		"has applied 2":        markAt(2, 1, 1),
		"has applied 2, again": markAt(1, 1, 1),
		"another one is":       markAt(3, 2, 1),
		"out of range":         markAt(4, 0, 1),
		"out of range, index":  markAt(1<<62, 1, 1),
		"out of range, term":   markAt(4, 1<<62, 1),
		"its configuration":    {Index: 4, Term: 1},
	} {
		before := s.Status()
		err := s.Restore(s.now, m)
		require.ErrorIs(t, err, ErrRestore, want)
		require.Equal(t, before, s.Status())
	}
	require.NoError(t, s.Restore(s.now, markAt(7, 4, 1, 2, 3)))
	s.check()
	require.Equal(t, []uint64{9, 3, 7}, []uint64{s.Term(), uint64(s.Vote()), s.Commit()})
	require.NoError(t, s.Restore(s.now, markAt(8, 12, 1, 2, 3)))
	s.check()
	require.Equal(t, []uint64{12, 0, 8}, []uint64{s.Term(), uint64(s.Vote()), s.Commit()})
	require.Empty(t, of(s.flush(), MsgAppendResp), "nobody is known to be owed an answer")
	l := leading(t, 3, nil)
	require.ErrorContains(t, l.Restore(l.now, markAt(9, 6, 1, 2, 3)), "leads term 6")
}

// Claim: a snapshot ends a candidacy, and a replica that it makes a voter waits its time. Method: Restore on a candidate and on a new replica.
func TestRestoreAndElections(t *testing.T) {
	s := newSolo(t, 3, noPreVote, 5, 1)
	s.tick()
	require.Equal(t, Candidate, s.Role())
	require.NoError(t, s.Restore(s.now, markAt(7, 4, 1, 2, 3)))
	require.Equal(t, []any{Follower, uint64(6), ReplicaID(1)}, []any{s.Role(), s.Term(), s.Vote()})
	s.check()
	s = newLearner(t)
	s.now = 50 * testElection
	require.NoError(t, s.Restore(s.now, markAt(7, 4, 1, 2, 3)))
	require.Greater(t, s.Deadline(), s.now+testElection-1)
	require.Less(t, s.Deadline(), Never)
}

// Claim: a deposed leader that wants to replace what a snapshot says is committed is ignored until the newer term is heard of; its
// follower's word about the snapshot counts for nothing there. Method: appends of a term that ended elsewhere, on both sides.
func TestDeposedLeaderAgainstASnapshot(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1)
	s.answer(app(5, 1, 1, 1, 5, 5))
	require.NoError(t, s.Restore(s.now, markAt(3, 4, 1, 2, 3)))
	m := only(t, s.flush(), MsgAppendResp)
	require.Equal(t, []uint64{3, 4}, []uint64{m.LogIndex, m.LogTerm})
	require.Empty(t, of(s.answer(app(5, 1, 1, 3, 5, 5, 5)), MsgAppendResp))
	require.Equal(t, uint64(3), s.LastIndex())
	require.True(t, only(t, s.answer(app(5, 3, 5, 3, 5)), MsgAppendResp).Reject)

	l := newSolo(t, 3, nil, 4, 1)
	l.lead()
	l.mustPropose(2)
	l.flush()
	l.answer(Message{Type: MsgAppendResp, From: 3, Term: 5, LogIndex: 3, LogTerm: 4})
	require.Zero(t, l.PeerMatch(3))
	require.Zero(t, l.Commit())
	l.answer(Message{Type: MsgAppendResp, From: 3, Term: 5, LogIndex: 3, LogTerm: 5})
	require.Equal(t, uint64(3), l.PeerMatch(3))

	kept := newSolo(t, 3, nil, 5, 1, 1)
	kept.answer(app(5, 2, 1, 0))
	require.NoError(t, kept.Restore(kept.now, markAt(2, 1, 1, 2, 3)))
	kept.flush()
	require.Empty(t, of(kept.answer(app(5, 0, 0, 2, 5, 5)), MsgAppendResp))
	require.Equal(t, uint64(2), kept.LastIndex())
}

// Claim (REPL-04, REPL-22): appends from before the start of the log add nothing but what is behind it, and a previous entry of no term matches nothing. Method: late
// appends after compaction.
func TestLateAppendsAfterCompaction(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5, 5, 5, 5)
	s.answer(app(5, 4, 5, 4))
	s.SetApplied(3)
	s.Compact(3)
	s.flush()
	for _, prev := range []uint64{0, 1, 2} {
		m := only(t, s.answer(app(5, prev, min(prev, 1)*5, 0, 5, 5)), MsgAppendResp)
		require.Equal(t, uint64(4), m.LogIndex, "all that is known to match")
		require.Equal(t, uint64(4), s.LastIndex())
	}
	require.True(t, only(t, s.answer(app(5, 3, 0, 0, 5, 5)), MsgAppendResp).Reject, "the entry before has a term")
	require.True(t, only(t, s.answer(app(5, 5, 0, 0, 5)), MsgAppendResp).Reject)
	require.Equal(t, uint64(4), s.LastIndex())
}

// Claim: a crash at any point between taking a snapshot over and its mark loses nothing that was promised. Method: lose the hand-off, repair as the
// shell does, and go on.
func TestCrashBeforeTheMarkIsDurable(t *testing.T) {
	d := &disk{state: HardState{Term: 5}, entries: []Entry{{Index: 1, Term: 1}, {Index: 2, Term: 5}}}
	m := markAt(4, 6, 1, 2, 3)
	d.repair(m)
	r, err := New(testConfig(1, 3), d.restored(4), 0)
	require.NoError(t, err)
	require.NoError(t, r.CheckInvariants())
	require.Equal(t, []uint64{6, 4, 4, 4}, []uint64{r.Term(), r.Commit(), r.LastIndex(), r.Durable()})
	d.repair(markAt(3, 5, 1))
	require.Equal(t, uint64(4), d.mark.Index, "an older record than the log's own mark")
}
