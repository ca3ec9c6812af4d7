package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Claim (§5.2): waits are random in [1,2) times the election timeout and differ between seeds. Method: many waits.
func TestElectionTimeoutIsRandomInBounds(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range uint64(200) {
		s := newSolo(t, 3, func(c *Config) { c.Seed = seed }, 1)
		d := s.Deadline()
		require.GreaterOrEqual(t, d, testElection)
		require.Less(t, d, 2*testElection)
		seen[d] = true
	}
	require.Greater(t, len(seen), 190)
}

// Claim (ELEC-04, COMM-06): a candidate asks for no votes, and is not its own voter, before its
// term and vote are durable. Method: hold the disk.
func TestCandidateWaitsForItsDisk(t *testing.T) {
	s := newSolo(t, 3, noPreVote, 4, 1, 4)
	s.tick()
	out := s.out()
	require.Equal(t, HardState{Term: 5, Vote: 1}, out.Persist.State)
	require.Empty(t, out.Messages)
	s.get(Message{Type: MsgVoteResp, From: 2, Term: 5})
	require.Equal(t, Candidate, s.Role(), "one vote, its own not yet counted")
	s.complete()
	require.Equal(t, Leader, s.Role())
}

// Claim (ELEC-03, LIVE-05): a grant leaves only when it is durable, and is repeated to the same
// candidate, not given to another. Method: hold the disk, ask again.
func TestGrantWaitsForDiskAndIsRepeated(t *testing.T) {
	s := newSolo(t, 3, nil, 4, 4)
	ask := Message{Type: MsgVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 4}
	s.get(ask)
	out := s.out()
	require.Empty(t, out.Messages)
	require.Equal(t, HardState{Term: 5, Vote: 2}, out.Persist.State)
	s.get(ask)
	require.Empty(t, s.out().Messages, "asked again, still not durable")
	s.complete()
	require.False(t, only(t, s.flush(), MsgVoteResp).Reject)
	require.False(t, only(t, s.answer(ask), MsgVoteResp).Reject, "repeated")
	ask.From = 3
	require.True(t, only(t, s.answer(ask), MsgVoteResp).Reject)
}

// Claim (ELEC-01): term and vote survive a restart. Method: restart from the hand-off.
func TestVoteSurvivesRestart(t *testing.T) {
	s := newSolo(t, 3, nil, 4)
	s.get(Message{Type: MsgVote, From: 2, Term: 5})
	state := s.out().Persist.State
	r, err := New(testConfig(1, 3), Restored{HardState: state}, 0)
	require.NoError(t, err)
	again := &solo{Raft: r, t: t}
	require.True(t, only(t, again.answer(Message{Type: MsgVote, From: 3, Term: 5}), MsgVoteResp).Reject)
	require.False(t, only(t, again.answer(Message{Type: MsgVote, From: 2, Term: 5}), MsgVoteResp).Reject)
}

// Claim (ELEC-05, ELEC-06): only votes of this candidacy count, each voter once. Method: old and double votes in a group of five.
func TestVotesOfOldTermsAndDoublesDoNotCount(t *testing.T) {
	s := newSolo(t, 5, noPreVote, 4)
	s.tick()
	s.flush()
	s.tick()
	s.flush()
	require.Equal(t, uint64(6), s.Term())
	for range 3 {
		s.get(Message{Type: MsgVoteResp, From: 2, Term: 5})
		s.get(Message{Type: MsgVoteResp, From: 4, Term: 5})
		s.get(Message{Type: MsgVoteResp, From: 3, Term: 6})
	}
	require.Equal(t, Candidate, s.Role())
	s.get(Message{Type: MsgVoteResp, From: 5, Term: 6})
	require.Equal(t, Leader, s.Role())
}

// Claim (§5.4.1, ELEC-07, ELEC-08): the last term decides, then the length. Method: all four cases.
func TestVoteComparesLastTermThenLength(t *testing.T) {
	for _, c := range []struct {
		index, term uint64
		grant       bool
	}{{1, 4, true}, {9, 2, false}, {3, 3, true}, {2, 3, false}, {4, 3, true}} {
		s := newSolo(t, 3, nil, 4, 1, 2, 3)
		m := only(t, s.answer(Message{Type: MsgVote, From: 2, Term: 5, LogIndex: c.index, LogTerm: c.term}), MsgVoteResp)
		require.Equal(t, c.grant, !m.Reject, "%+v", c)
		require.Equal(t, uint64(5), m.Term)
	}
}

// Claim (ELEC-19): only the leader of the term and granted votes push the election on.
// Method: everything else leaves the deadline alone.
func TestOnlyLeaderAndGrantsPushElection(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	before := s.Deadline()
	s.now = testElection / 2
	for _, m := range []Message{
		{Type: MsgAppend, From: 2, Term: 4, LogIndex: 1, LogTerm: 4},
		{Type: MsgHeartbeat, From: 2, Term: 4},
		{Type: MsgVote, From: 2, Term: 4, LogIndex: 9, LogTerm: 3},
		{Type: MsgVote, From: 2, Term: 6, LogIndex: 9, LogTerm: 4},
		{Type: MsgPreVote, From: 2, Term: 9, LogIndex: 9, LogTerm: 5},
		{Type: MsgPreVoteResp, From: 2, Term: 7, Reject: true},
		{Type: MsgVoteResp, From: 2, Term: 8},
		{Type: MsgAppendResp, From: 2, Term: 9},
	} {
		s.answer(m)
		require.Equal(t, before, s.Deadline(), "%v", m.Type)
	}
	s.answer(Message{Type: MsgVote, From: 2, Term: 10, LogIndex: 9, LogTerm: 9})
	granted := s.Deadline()
	require.GreaterOrEqual(t, granted, s.now+testElection)
	s.now += testElection / 2
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 10})
	require.GreaterOrEqual(t, s.Deadline(), s.now+testElection)
}

// Claim (dissertation §4.2.3): a replica that hears its leader ignores candidates, even of higher
// terms; afterwards it does not. Method: ask before and after the least election timeout.
func TestLeaderIsSticky(t *testing.T) {
	for _, mt := range []MessageType{MsgVote, MsgPreVote} {
		s := newSolo(t, 3, nil, 5, 5)
		ask := Message{Type: mt, From: 3, Term: 6, LogIndex: 9, LogTerm: 5, Round: 1}
		s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
		s.now += testElection - 1
		require.Empty(t, s.answer(ask))
		require.Equal(t, uint64(5), s.Term())
		s.now++
		require.Len(t, s.answer(ask), 1)

		l := newSolo(t, 3, nil, 5, 5)
		l.lead()
		l.flush()
		ask.Term = 9
		require.Empty(t, l.answer(ask), "a leader too")
		require.Equal(t, Leader, l.Role())
	}
	s := newSolo(t, 3, noSwitches, 5, 5)
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
	require.Len(t, s.answer(Message{Type: MsgVote, From: 3, Term: 6, LogIndex: 9, LogTerm: 5}), 1, "not without check-quorum")
}

// Claim (ELEC-14): requests of older terms are answered with the newer term. Method: each request type.
func TestOldRequestsLearnTheTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	for _, mt := range []MessageType{MsgPreVote, MsgVote, MsgAppend, MsgHeartbeat} {
		ms := s.answer(Message{Type: mt, From: 2, Term: 3, LogIndex: 9, LogTerm: 3})
		require.Len(t, ms, 1)
		require.Equal(t, mt+1, ms[0].Type)
		require.Equal(t, uint64(5), ms[0].Term)
		require.Equal(t, mt != MsgHeartbeat, ms[0].Reject)
	}
	for _, mt := range []MessageType{MsgVoteResp, MsgAppendResp, MsgHeartbeatResp} {
		require.Empty(t, s.answer(Message{Type: mt, From: 2, Term: 3}))
	}
}

// Claim (ELEC-14): a long log in a low term and a short log in a high term elect a leader. Method: exactly those two of three.
func TestTermsCannotFreeze(t *testing.T) {
	c := newCluster(t, 3, 1, nil)
	c.crash(3)
	for id, d := range map[ReplicaID]*disk{
		1: {state: HardState{Term: 2}, entries: []Entry{{Index: 1, Term: 1}, {Index: 2, Term: 2}}},
		2: {state: HardState{Term: 9}, entries: []Entry{{Index: 1, Term: 1}}},
	} {
		c.crash(id)
		c.disks[id] = d
		c.start(id)
	}
	require.Equal(t, ReplicaID(1), c.elect().ID())
	require.Greater(t, c.leader().Term(), uint64(9))
}

// Claim (dissertation §6.2, ELEC-20): a leader that hears no quorum for an election timeout steps down; with
// a quorum it stays. Method: answer from two of four, then one of four followers.
func TestLeaderWithoutQuorumStepsDown(t *testing.T) {
	s := newSolo(t, 5, nil, 5)
	s.lead()
	s.flush()
	beat := func(from ...ReplicaID) {
		s.tick()
		for _, m := range of(s.flush(), MsgHeartbeat) {
			for _, f := range from {
				if f == m.To {
					s.get(Message{Type: MsgHeartbeatResp, From: f, Term: s.Term(), Round: m.Round})
				}
			}
		}
	}
	for s.now < 5*testElection {
		beat(2, 4)
	}
	require.Equal(t, Leader, s.Role())
	alone := s.now
	for s.Role() == Leader && s.now-alone < 10*testElection {
		beat(3)
	}
	require.Equal(t, Follower, s.Role())
	require.LessOrEqual(t, s.now-alone, testElection+testHeartbeat)
	require.Zero(t, s.Leader())
	require.Greater(t, s.Deadline(), s.now)
}

// Claim (ELEC-20): a bridge replica that still hears the old leader does not keep a connected quorum from electing. Method: a non-transitive
// partition of five: the leader reaches only the bridge, the bridge reaches everybody.
func TestPartialPartitionElectsConnectedQuorum(t *testing.T) {
	c := newCluster(t, 5, 3, nil)
	old := c.elect().ID()
	bridge := old%5 + 1
	for _, id := range c.ids {
		if id != bridge && id != old {
			c.cut[[2]ReplicaID{old, id}], c.cut[[2]ReplicaID{id, old}] = true, true
		}
	}
	c.runUntil("the connected quorum elects", func() bool { return c.leader() != nil && c.leader().ID() != old })
}

// Claim (§5.2): a second leader in one term is never followed: it panics. Method: two heartbeats, and one to a leader.
func TestSecondLeaderPanics(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
	require.Panics(t, func() { s.get(Message{Type: MsgHeartbeat, From: 3, Term: 5}) })
	l := newSolo(t, 3, nil, 5)
	l.lead()
	require.Panics(t, func() { l.get(Message{Type: MsgAppend, From: 3, Term: l.Term()}) })
}

// Claim: a single voter elects itself without waiting, but not before its vote is durable. Method: tick at once, hold the disk.
func TestSingleVoterElectsItselfWhenDurable(t *testing.T) {
	s := newSolo(t, 1, nil, 5, 5)
	require.Zero(t, s.Deadline())
	s.tick()
	require.Empty(t, s.out().Messages)
	require.Equal(t, Candidate, s.Role())
	s.complete()
	require.Equal(t, Leader, s.Role())
	require.Equal(t, Never, s.Deadline())
	s.flush()
	require.Equal(t, uint64(2), s.Applicable())
}

// Claim: an election lost or not won ends in another try, not in silence. Method: refuse, then say nothing.
func TestLostElectionIsRetried(t *testing.T) {
	s := newSolo(t, 3, noPreVote, 5)
	s.tick()
	s.flush()
	s.get(Message{Type: MsgVoteResp, From: 2, Term: 6, Reject: true})
	s.get(Message{Type: MsgVoteResp, From: 3, Term: 6, Reject: true})
	require.Equal(t, Follower, s.Role())
	s.tick()
	require.Equal(t, uint64(7), s.Term())
	require.Len(t, of(s.flush(), MsgVote), 2)
	s.tick()
	require.Equal(t, uint64(8), s.Term())
}
