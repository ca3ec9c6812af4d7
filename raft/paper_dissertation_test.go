package raft_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

func preVote(c *raft.Config) { c.PreVote, c.CheckQuorum = true, false }

func full(c *raft.Config) { c.PreVote, c.CheckQuorum = true, true }

// Goal: a server asks for pre-votes first, and raises its term only with a majority of them (dissertation
// §9.6). Method: time out again and again, then answer.
func TestDissertation96_TermRisesOnlyAfterAMajorityOfPreVotes(t *testing.T) {
	l := newLone(t, 5, 3, []uint64{1, 3}, preVote)
	for range 5 {
		sent := l.timeout()
		require.Len(t, sent, 4)
		for _, m := range sent {
			require.Equal(t, raft.MsgPreVote, m.Type)
			require.Equal(t, uint64(4), m.Term, "the term it would campaign in")
			require.Equal(t, [2]uint64{2, 3}, [2]uint64{m.LogIndex, m.LogTerm})
		}
		require.Equal(t, uint64(3), l.r.Term())
		require.Equal(t, raft.PreCandidate, l.r.Role())
	}
	round := l.timeout()[0].Round
	grant := raft.Message{Type: raft.MsgPreVoteResp, From: 2, Term: 4, Round: round}
	require.Empty(t, l.receive(grant))
	require.Empty(t, l.receive(grant), "the same voter twice")
	grant.From = 3
	require.Len(t, of(raft.MsgVote, l.receive(grant)), 4)
	require.Equal(t, raft.Candidate, l.r.Role())
	require.Equal(t, uint64(4), l.r.Term())
}

// Goal: a pre-vote is granted only to an up-to-date log, and granting changes nothing: not the term, not the vote, not the
// wait for the next election (dissertation §9.6). Method: requests of good and bad candidates, then a real vote for another.
func TestDissertation96_PreVoteChangesNothingAtTheVoter(t *testing.T) {
	l := newLone(t, 3, 3, []uint64{1, 3}, preVote)
	before, deadline, disk := l.r.Status(), l.r.Deadline(), l.disk
	for _, tc := range []struct {
		index, term uint64
		want        bool
	}{{2, 3, true}, {3, 3, true}, {1, 3, false}, {9, 2, false}, {1, 4, true}} {
		answer := only(t, raft.MsgPreVoteResp, l.receive(raft.Message{
			Type: raft.MsgPreVote, From: 2, Term: 5, LogIndex: tc.index, LogTerm: tc.term, Round: 7,
		}))
		require.Equal(t, tc.want, !answer.Reject, "%+v", tc)
		require.Equal(t, uint64(7), answer.Round)
		require.Equal(t, before, l.r.Status())
		require.Equal(t, deadline, l.r.Deadline())
		require.Equal(t, disk, l.disk)
	}
	vote := only(t, raft.MsgVoteResp, l.receive(raft.Message{Type: raft.MsgVote, From: 3, Term: 4, LogIndex: 2, LogTerm: 3}))
	require.False(t, vote.Reject, "a pre-vote for one binds nobody")
}

// Goal: a server that was partitioned off does not disrupt the group when it comes back (dissertation §9.6). Method: cut it off for
// thirty timeouts; term and leader stay, and it follows again.
func TestDissertation96_RejoiningServerDoesNotDisrupt(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	c.Isolate(3)
	c.Run(c.Now() + 30*election)
	require.Equal(t, raft.PreCandidate, c.Raft(3).Role())
	c.Heal()
	c.Run(c.Now() + 2*election)
	for id := raft.ReplicaID(1); id <= 3; id++ {
		require.Equal(t, uint64(1), c.Raft(id).Term())
		require.Equal(t, raft.ReplicaID(1), c.Raft(id).Leader())
	}
}

// Goal: a leader steps down when an election timeout passes without answers of a majority (dissertation §6.2). Method: a majority or a
// minority of followers goes on answering.
func TestDissertation62_LeaderWithoutAMajorityStepsDown(t *testing.T) {
	for alive := range 5 {
		c := group(t, 5, full)
		r := elect(t, c, 1)
		for id := raft.ReplicaID(5); id > raft.ReplicaID(1+alive); id-- {
			c.Crash(id)
		}
		lost := c.Now()
		c.Run(lost+election-time.Nanosecond, 1, 2, 3, 4, 5)
		require.Equal(t, raft.Leader, r.Role(), "not before the timeout has passed")
		c.Run(lost + 2*election)
		require.Equal(t, alive >= 2, r.Role() == raft.Leader, "%d followers of 4 are left", alive)
	}
}

// Goal: a server that heard its leader within the least election timeout takes no notice of vote requests, not
// even of their term (dissertation §4.2.3). Method: requests just before and at the timeout.
func TestDissertation423_ServersThatHearALeaderIgnoreVoteRequests(t *testing.T) {
	for _, typ := range []raft.MessageType{raft.MsgVote, raft.MsgPreVote} {
		l := newLone(t, 3, 3, nil, full)
		l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 2, Term: 3})
		l.now += election - 1
		require.Empty(t, l.receive(raft.Message{Type: typ, From: 3, Term: 9, LogIndex: 9, LogTerm: 9}))
		require.Equal(t, uint64(3), l.r.Term())
		l.now++
		answer := l.receive(raft.Message{Type: typ, From: 3, Term: 9, LogIndex: 9, LogTerm: 9})
		require.Len(t, answer, 1)
		require.False(t, answer[0].Reject)
	}
	leader := newLone(t, 3, 3, nil, full)
	leader.timeout()
	leader.receive(raft.Message{Type: raft.MsgPreVoteResp, From: 2, Term: 4, Round: 1})
	leader.receive(raft.Message{Type: raft.MsgVoteResp, From: 2, Term: 4})
	require.Equal(t, raft.Leader, leader.r.Role())
	require.Empty(t, leader.receive(raft.Message{Type: raft.MsgVote, From: 3, Term: 9, LogIndex: 9, LogTerm: 9}))
	require.Equal(t, raft.Leader, leader.r.Role())
}

// Goal: a leader serves no read before it committed an entry of its term (dissertation §6.4 step 1). Method: read at
// a new leader whose round is echoed by all, then commit.
func TestDissertation64_ReadWaitsForAnOwnTermCommit(t *testing.T) {
	l := newLone(t, 3, 3, []uint64{1, 3})
	l.lead()
	l.r.Read(l.now, 1)
	l.take()
	for range 3 {
		for _, m := range of(raft.MsgHeartbeat, l.wait(heartbeat)) {
			l.receive(raft.Message{Type: raft.MsgHeartbeatResp, From: m.To, Term: 4, LogIndex: 2, Round: m.Round})
		}
		require.Empty(t, l.grants)
	}
	sent := l.ack(2, 3)
	require.Equal(t, uint64(3), l.r.Commit())
	require.Empty(t, l.grants, "the round begins only now")
	for _, m := range of(raft.MsgHeartbeat, sent) {
		l.receive(raft.Message{Type: raft.MsgHeartbeatResp, From: m.To, Term: 4, LogIndex: 3, Round: m.Round})
	}
	require.Equal(t, []raft.ReadGrant{{ID: 1, Index: 3}}, l.grants)
}

// Goal: a read needs a round of contact with a majority that began after it came (dissertation §6.4 steps 2 and 3). Method:
// echoes of older rounds, then of the new one, by one and by two of four followers.
func TestDissertation64_ReadNeedsARoundThatBeganAfterIt(t *testing.T) {
	l := newLone(t, 5, 0, nil)
	l.lead()
	for id := raft.ReplicaID(2); id <= 5; id++ {
		l.ack(id, 1)
	}
	before := of(raft.MsgHeartbeat, l.wait(heartbeat))
	require.Len(t, before, 4)
	old := before[0].Round
	l.r.Read(l.now, 1)
	sent := of(raft.MsgHeartbeat, l.take())
	require.Len(t, sent, 4)
	require.Greater(t, sent[0].Round, old)
	echo := func(id raft.ReplicaID, round uint64) {
		l.receive(raft.Message{Type: raft.MsgHeartbeatResp, From: id, Term: 1, LogIndex: 1, Round: round})
	}
	for id := raft.ReplicaID(2); id <= 5; id++ {
		echo(id, old)
	}
	echo(2, sent[0].Round)
	echo(2, sent[0].Round)
	require.Empty(t, l.grants)
	echo(3, sent[0].Round)
	require.Equal(t, []raft.ReadGrant{{ID: 1, Index: 1}}, l.grants)
}

// Goal: a read sees what was committed when it came, costs no log entry, and reads share rounds (dissertation §6.4). Method:
// count entries and heartbeats of a hundred reads; commit in between.
func TestDissertation64_ReadsShareRoundsAndWriteNothing(t *testing.T) {
	c := group(t, 3, full)
	r := elect(t, c, 1)
	_, err := c.Propose(1, "a")
	require.NoError(t, err)
	c.Stabilize()
	last := r.LastIndex()
	for id := uint64(1); id <= 100; id++ {
		c.Read(1, id)
	}
	require.Len(t, c.Mail(rafttest.Selection{Type: raft.MsgHeartbeat}), 2, "one round for the first, none yet for those behind it")
	c.Stabilize()
	require.Zero(t, r.Status().PendingReads)
	require.Equal(t, last, r.LastIndex())
	require.Equal(t, uint64(2), r.Commit())
	trace := c.Trace()
	require.Contains(t, trace, "r1 grants read 1 at index 2\n")
	require.Contains(t, trace, "r1 grants read 100 at index 2\n")
}

// Goal: a leader that was deposed without knowing it serves no read (dissertation §6.4). Method: cut it off, elect another, commit there;
// then bring them together with a read in flight.
func TestDissertation64_DeposedLeaderServesNoRead(t *testing.T) {
	c := group(t, 3, plain)
	old := elect(t, c, 1)
	c.Isolate(1)
	c.Tick(2)
	c.Stabilize()
	_, err := c.Propose(2, "new")
	require.NoError(t, err)
	c.Stabilize()
	require.Equal(t, raft.Leader, old.Role())
	c.Heal()
	c.Trace()
	c.Read(1, 1)
	c.Stabilize()
	require.NotContains(t, c.Trace(), "grants read")
	require.Equal(t, raft.Follower, old.Role())
}

// Goal: a leader writes to its disk in parallel with its followers, and an entry may commit before the leader's own write is
// complete, if a majority has it without the leader (dissertation §10.2.1). Method: hold up the leader's disk.
func TestDissertation1021_LeaderWritesInParallel(t *testing.T) {
	l := newLone(t, 3, 0, nil)
	l.lead()
	l.ack(2, 1)
	l.ack(3, 1)
	l.slow = true
	require.Len(t, of(raft.MsgAppend, l.propose("a")), 2, "sent before the write is complete")
	require.Len(t, l.pending, 1)
	l.ack(2, 2)
	require.Equal(t, uint64(1), l.r.Commit(), "a leader counts only what is on its disk")
	l.ack(3, 2)
	require.Equal(t, uint64(2), l.r.Commit())
	require.Equal(t, uint64(1), l.r.Applicable(), "nothing is applied that a restart would not find")
	l.persist()
	require.Equal(t, uint64(2), l.r.Applicable())
}

// Goal: the leader's own write counts when it is complete, and only then (dissertation §10.2.1). Method: hold up its disk with
// one follower of two.
func TestDissertation1021_LeaderCountsItselfWhenDurable(t *testing.T) {
	l := newLone(t, 3, 0, nil)
	l.slow = true
	l.timeout()
	l.persist()
	l.take()
	l.receive(raft.Message{Type: raft.MsgVoteResp, From: 2, Term: 1})
	l.ack(2, 1)
	require.Zero(t, l.r.Commit())
	l.persist()
	l.take()
	require.Equal(t, uint64(1), l.r.Commit())
}

// Goal: a follower acknowledges an entry only when it is durable, and a write that was under way for entries since
// replaced makes nothing durable (§5.3, REPL-17). Method: replace entries while they are written.
func TestDissertation1021_FollowerAcknowledgesWhatIsDurable(t *testing.T) {
	l := newLone(t, 3, 2, []uint64{1})
	l.slow = true
	l.receive(raft.Message{Type: raft.MsgAppend, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: entries(1, 2, 2)})
	old := l.pending
	l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 3, Term: 3})
	l.receive(raft.Message{Type: raft.MsgAppend, From: 3, Term: 3, LogIndex: 1, LogTerm: 1, Entries: entries(1, 3, 3)})
	l.r.Persisted(old[0].Seq + 1)
	for _, m := range of(raft.MsgAppendResp, l.take()) {
		require.Equal(t, uint64(1), m.LogIndex)
	}
	require.Equal(t, uint64(1), l.r.Durable())
	l.persist()
	require.Equal(t, uint64(3), only(t, raft.MsgAppendResp, l.take()).LogIndex)
}
