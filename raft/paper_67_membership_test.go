package raft_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

func changeOf(kind confchange.Kind, id raft.ReplicaID) confchange.Change {
	return confchange.Change{Kind: kind, Member: confchange.Member{ID: uint64(id), Store: 1}}
}

func configOf(c *rafttest.Cluster, id raft.ReplicaID) string {
	return c.Raft(id).Configuration().String()
}

// Goal: a server uses the latest configuration in its log, whether that is committed or not (§6). Method: an entry that reaches one follower, and nobody's
// answer.
func TestPaper6_LatestConfigurationInTheLogIsUsed(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	before := c.Raft(1).Commit()
	require.NoError(t, c.Change(1, changeOf(confchange.Remove, 3)))
	c.Deliver(rafttest.Selection{To: 2})
	require.Equal(t, "voters(1 2) replacing(1 2 3)", configOf(c, 1))
	require.Equal(t, "voters(1 2) replacing(1 2 3)", configOf(c, 2))
	require.Equal(t, "voters(1 2 3)", configOf(c, 3))
	require.Equal(t, before, c.Raft(1).Commit())
	require.NoError(t, c.Err())
}

// Goal: agreement in the joint phase needs separate majorities of old and new (§6, Figure 11). Method: replace two of three; let only the one half answer,
// then only the other.
func TestPaper6_JointConsensusNeedsBothMajorities(t *testing.T) {
	for _, half := range [][]raft.ReplicaID{{2, 3}, {raft.MakeReplicaID(4, 1), raft.MakeReplicaID(5, 2)}} {
		c := group(t, 3, full)
		elect(t, c, 1)
		four, five := raft.MakeReplicaID(4, 1), raft.MakeReplicaID(5, 2)
		require.NoError(t, c.Change(1, changeOf(confchange.AddLearner, four), changeOf(confchange.AddLearner, five)))
		c.Stabilize()
		require.NoError(t, c.Change(1,
			changeOf(confchange.Promote, four), changeOf(confchange.Promote, five), changeOf(confchange.Remove, 2), changeOf(confchange.Remove, 3)))
		joint := c.Raft(1).LastIndex()
		c.Stabilize(append(half, 1)...)
		require.Less(t, c.Raft(1).Commit(), joint)
		require.True(t, c.Raft(1).Configuration().Joint())
		c.Stabilize()
		require.Equal(t, "voters(1 4.1 5.2)", configOf(c, four))
		require.Equal(t, joint+1, c.Raft(1).Commit())
		require.NoError(t, c.Err())
	}
}

// Goal: the joint configuration is left when it is committed, by whoever leads then (§6). Method: the leader falls out in the joint phase.
func TestPaper6_NextLeaderEndsTheJointPhase(t *testing.T) {
	c := group(t, 5, full)
	elect(t, c, 1)
	require.NoError(t, c.Change(1, changeOf(confchange.Remove, 4), changeOf(confchange.Remove, 5)))
	c.Deliver(rafttest.Selection{Type: raft.MsgAppend})
	c.Drop(rafttest.Selection{})
	c.Crash(1)
	c.Run(c.Now() + 20*election)
	for _, id := range []raft.ReplicaID{2, 3} {
		require.Equal(t, "voters(1 2 3)", configOf(c, id))
	}
	require.NoError(t, c.Err())
}

// Goal: a leader that is not in the new configuration leads on until it is committed, counts only others meanwhile, and then goes (§6). Method: remove the leader
// of three; let its followers answer one after the other.
func TestPaper6_RemovedLeaderGoesWhenTheNewConfigurationIsCommitted(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	require.NoError(t, c.Change(1, changeOf(confchange.Remove, 1)))
	last := c.Raft(1).LastIndex()
	c.Deliver(rafttest.Selection{Type: raft.MsgAppend})
	c.Deliver(rafttest.Selection{From: 2})
	require.Less(t, c.Raft(1).Commit(), last)
	c.Deliver(rafttest.Selection{From: 3})
	require.Equal(t, last, c.Raft(1).Commit())
	require.Equal(t, raft.Leader, c.Raft(1).Role(), "it still has to end the joint phase")
	_, err := c.Propose(1, "meanwhile")
	require.NoError(t, err)
	c.Run(c.Now() + 5*election)
	require.Equal(t, raft.Follower, c.Raft(1).Role())
	require.Equal(t, raft.Never, c.Raft(1).Deadline())
	require.Equal(t, raft.Leader, max(c.Raft(2).Role(), c.Raft(3).Role()))
	require.Equal(t, "voters(2 3)", configOf(c, 3))
	require.NoError(t, c.Err())
}

// Goal: new servers get the log without a vote first, and become voters only when they keep pace (§6, dissertation §4.2.1). Method: promote one at once, and one
// that has the log.
func TestDissertation421_NewServersCatchUpBeforeTheyVote(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	four := raft.MakeReplicaID(4, 1)
	require.NoError(t, c.Change(1, changeOf(confchange.AddLearner, four)))
	c.Stabilize(1, 2, 3)
	require.ErrorIs(t, c.Change(1, changeOf(confchange.Promote, four)), raft.ErrNotCaughtUp)
	c.Stabilize()
	require.NoError(t, c.Change(1, changeOf(confchange.Promote, four)))
	c.Stabilize()
	require.Equal(t, "voters(1 2 3 4.1)", configOf(c, four))
	require.NoError(t, c.Err())
}

// Goal: a server that is not in its latest configuration still starts elections while that is not committed, as nobody else may be able to
// (dissertation §4.2.2, Figure 4.6). Method: a removed leader alone has the new configuration, and crashes.
func TestDissertation422_ServerOutsideItsConfigurationMayBeNeeded(t *testing.T) {
	c := group(t, 2, full)
	elect(t, c, 1)
	require.NoError(t, c.Change(1, changeOf(confchange.Remove, 1)))
	c.Deliver(rafttest.Selection{To: 2})
	c.Deliver(rafttest.Selection{To: 1})
	require.Equal(t, "voters(2)", configOf(c, 1))
	c.Drop(rafttest.Selection{})
	c.Crash(1)
	require.NoError(t, c.Restart(1, 9))
	c.Run(c.Now() + 10*election)
	require.Equal(t, "voters(2)", configOf(c, 2))
	require.Equal(t, raft.Leader, c.Raft(2).Role())
	require.NoError(t, c.Err())
}

// Goal: requests are answered whoever sends them, so that a server which does not know its configuration yet can be brought up and can vote (dissertation
// §4.1). Method: a server that knows of nobody.
func TestDissertation41_RequestsOfStrangersAreAnswered(t *testing.T) {
	l := newLone(t, 3, 3, nil, func(c *raft.Config) { c.Voters = nil })
	require.Equal(t, raft.Never, l.r.Deadline())
	require.Len(t, of(raft.MsgVoteResp, l.receive(raft.Message{Type: raft.MsgVote, From: 9, Term: 4, LogIndex: 1, LogTerm: 1})), 1)
	require.Len(t, of(raft.MsgAppendResp, l.receive(raft.Message{Type: raft.MsgAppend, From: 8, Term: 5})), 1)
	require.Len(t, of(raft.MsgHeartbeatResp, l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 8, Term: 5})), 1)
}

// Goal: a follower that is so far behind that the leader has discarded what it needs gets a snapshot, with the configuration, and follows from there (§7).
// Method: compact while a follower is down.
func TestPaper7_FollowerFarBehindGetsASnapshot(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	c.Crash(3)
	for range 5 {
		_, err := c.Propose(1, "a", "b")
		require.NoError(t, err)
		c.Stabilize()
	}
	c.Compact(1, c.Raft(1).Applied())
	require.NoError(t, c.Restart(3, 9))
	c.Run(c.Now() + 10*20*time.Millisecond)
	require.Equal(t, c.Raft(1).LastIndex(), c.Raft(3).Applied())
	require.Equal(t, c.Raft(1).FirstIndex(), c.Raft(3).FirstIndex())
	require.NoError(t, c.Err())
}

// Goal: if the log holds the snapshot's last entry, what follows it is retained, otherwise all of it goes (§7, Figure 13 steps 6 and 7); the
// commit index, the term and the vote never go back. Method: a snapshot within a log, and one that conflicts.
func TestPaper7_LogBehindTheSnapshotIsRetainedIfItMatches(t *testing.T) {
	for term, last := range map[uint64]uint64{3: 5, 2: 4} {
		l := newLone(t, 3, 3, []uint64{1, 1, 1, 3, 3}, full)
		l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 2, Term: 6})
		m := raft.Mark{Index: 4, Term: term, Config: confchange.Initial([]uint64{1, 2, 3}).Append(nil)}
		require.NoError(t, l.r.Restore(l.now, m))
		require.NoError(t, l.r.CheckInvariants())
		l.take()
		require.Equal(t, []uint64{last, 4, 6}, []uint64{l.r.LastIndex(), l.r.Commit(), l.r.Term()})
		m.Index = 3
		require.ErrorIs(t, l.r.Restore(l.now, m), raft.ErrRestore)
	}
}
