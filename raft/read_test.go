package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func (s *solo) echo(from ReplicaID, round uint64) {
	s.get(Message{Type: MsgHeartbeatResp, From: from, Term: s.Term(), Round: round, LogIndex: s.LastIndex()})
}

// leading returns a leader of n that has committed its no-op, at rest.
func leading(t *testing.T, n int, change func(*Config)) *solo {
	s := newSolo(t, n, change, 5)
	s.lead()
	s.flush()
	for i := range n / 2 {
		s.ackAll(ReplicaID(i + 2))
	}
	require.Equal(t, uint64(1), s.Commit())
	return s
}

// Claim (dissertation §6.4, READ-01, READ-02): a read is granted after a quorum echoed a round that began after
// it came, at the commit index of that round's start. Method: five replicas; old echoes, too few, enough.
func TestReadIsGrantedAfterQuorumEchoed(t *testing.T) {
	s := leading(t, 5, nil)
	s.tick()
	old := of(s.flush(), MsgHeartbeat)[0].Round
	s.Read(s.now, 42)
	out := s.out()
	require.Len(t, of(out.Messages, MsgHeartbeat), 4)
	round := out.Messages[0].Round
	require.Greater(t, round, old)
	for _, from := range []ReplicaID{2, 3, 4, 5} {
		s.echo(from, old)
	}
	s.echo(2, round)
	s.echo(2, round)
	require.Empty(t, s.out().Reads)
	s.echo(3, round+7)
	require.Empty(t, s.out().Reads, "a round that never began")
	s.echo(3, round)
	require.Equal(t, []ReadGrant{{ID: 42, Index: 1}}, s.out().Reads)
}

// Claim: an append's answer echoes too. Method: a proposal shares the Output of a read.
func TestAppendAnswersEchoRounds(t *testing.T) {
	s := leading(t, 3, nil)
	s.mustPropose(1)
	s.Read(s.now, 1)
	m := only(t, to(s.flush(), 2), MsgAppend)
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: m.LogIndex + 1, Round: m.Round})
	require.Equal(t, []ReadGrant{{ID: 1, Index: 1}}, s.out().Reads, "at the commit index when the round began")
}

// Claim: reads that come while a round is under way share the next one, which starts as soon as the first is done. Method: three waves.
func TestReadsShareRounds(t *testing.T) {
	s := leading(t, 3, nil)
	s.Read(s.now, 1)
	first := s.out().Messages[0].Round
	for id := uint64(2); id < 10; id++ {
		s.Read(s.now, id)
		require.Empty(t, s.out().Messages)
	}
	s.echo(2, first)
	out := s.out()
	require.Len(t, out.Reads, 1)
	require.Len(t, of(out.Messages, MsgHeartbeat), 2, "the next round")
	second := out.Messages[0].Round
	s.echo(2, first)
	require.Empty(t, s.out().Reads)
	s.echo(3, second)
	require.Len(t, s.out().Reads, 8)
}

// Claim (READ-03): a new leader grants nothing before an entry of its own term is committed. Method: echoes before and after.
func TestReadWaitsForOwnCommit(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5, 5)
	s.lead()
	s.flush()
	s.Read(s.now, 1)
	require.Empty(t, s.out().Messages)
	s.echo(2, 1)
	s.echo(3, 1)
	require.Empty(t, s.out().Reads)
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3, Round: 1})
	out := s.out()
	require.Empty(t, out.Reads)
	s.echo(2, of(out.Messages, MsgHeartbeat)[0].Round)
	require.Equal(t, []ReadGrant{{ID: 1, Index: 3}}, s.out().Reads)
}

// Claim: a lost round is made good by the next timed one. Method: drop the first round's heartbeats.
func TestLostReadRoundIsRepeatedByTheClock(t *testing.T) {
	s := leading(t, 3, nil)
	s.Read(s.now, 1)
	s.out()
	s.tick()
	s.echo(2, of(s.flush(), MsgHeartbeat)[0].Round)
	require.Len(t, s.out().Reads, 1)
}

// Claim: reads that cannot be granted here are dropped: on followers, beyond the bound, and all that wait when the
// leader steps down. Method: each case.
func TestReadsAreDroppedNotForgotten(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.Read(s.now, 1)
	require.Equal(t, []uint64{1}, s.out().DroppedReads)
	l := leading(t, 3, func(c *Config) { c.MaxPendingReads = 3 })
	l.Read(l.now, 1)
	l.out()
	for id := uint64(2); id < 5; id++ {
		l.Read(l.now, id)
	}
	require.Equal(t, []uint64{4}, l.out().DroppedReads)
	l.get(Message{Type: MsgHeartbeatResp, From: 2, Term: 9})
	require.Equal(t, []uint64{1, 2, 3}, l.out().DroppedReads)
	require.Empty(t, l.out().DroppedReads)
}

// Claim: a single voter grants at once, but only after its own commit (READ-13). Method: read before and after.
func TestSingleVoterGrantsAtOnce(t *testing.T) {
	s := newSolo(t, 1, nil, 5, 5, 5)
	s.tick()
	s.out()
	s.complete()
	require.Equal(t, Leader, s.Role())
	s.Read(s.now, 1)
	require.Empty(t, s.out().Reads)
	s.complete()
	require.Equal(t, []ReadGrant{{ID: 1, Index: 3}}, s.out().Reads)
	s.Read(s.now, 2)
	require.Equal(t, []ReadGrant{{ID: 2, Index: 3}}, s.out().Reads)
}

// Claim (READ-02): an isolated leader grants nothing, and drops its reads when it steps down. Method: isolate it in a cluster, write elsewhere, read.
func TestIsolatedLeaderGrantsNoReads(t *testing.T) {
	c := newCluster(t, 3, 9, nil)
	old := c.elect()
	c.isolate(old.ID(), true)
	c.read(old, 1)
	c.runUntil("another leader commits", func() bool {
		l := c.leader()
		return l != nil && l != old && l.committedOwn()
	})
	c.propose(c.leader(), "new")
	c.run(testElection)
	require.Empty(t, c.grants)
	require.Equal(t, []uint64{1}, c.droppedRd)
}
