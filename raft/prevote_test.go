package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Claim (ELEC-12, dissertation §9.6): granting a pre-vote changes nothing. Method: compare all that could change.
func TestPreVoteGrantHasNoEffect(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	before := s.Deadline()
	s.now = testElection / 2
	ask := Message{Type: MsgPreVote, From: 2, Term: 6, LogIndex: 1, LogTerm: 5, Round: 77}
	for _, from := range []ReplicaID{2, 3} {
		ask.From = from
		m := only(t, s.answer(ask), MsgPreVoteResp)
		require.Equal(t, Message{Type: MsgPreVoteResp, Group: 7, From: 1, To: from, Term: 6, Round: 77}, m)
	}
	require.Equal(t, HardState{Term: 5}, HardState{Term: s.Term(), Vote: s.Vote()})
	require.Equal(t, before, s.Deadline())
	ask.LogIndex = 0
	m := only(t, s.answer(ask), MsgPreVoteResp)
	require.True(t, m.Reject)
	require.Equal(t, uint64(5), m.Term, "a refusal tells the own term")
}

// Claim (ELEC-12): nor does it count as word of a leader, with leases or without. Method: the pre-vote, then the vote.
func TestPreVoteGrantIsNoWordOfALeader(t *testing.T) {
	for _, lease := range []func(*Config){nil, leases} {
		s := newSolo(t, 3, lease, 5, 5)
		s.now = testElection
		ask := Message{Type: MsgPreVote, From: 2, Term: 6, LogIndex: 1, LogTerm: 5, Round: 77}
		require.False(t, only(t, s.answer(ask), MsgPreVoteResp).Reject)
		ask.Type = MsgVote
		require.False(t, only(t, s.answer(ask), MsgVoteResp).Reject)
	}
}

// Claim (dissertation §9.6): a replica that is cut off does not raise its term. Method: let it time out many times.
func TestPreCandidateKeepsItsTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	for range 20 {
		s.tick()
		require.Equal(t, PreCandidate, s.Role())
		out := s.out()
		require.False(t, out.HasPersist)
		require.Len(t, of(out.Messages, MsgPreVote), 2)
		require.Equal(t, uint64(6), out.Messages[0].Term)
	}
	require.Equal(t, uint64(5), s.Term())
}

// Claim (ELEC-13): answers to earlier attempts, and pre-votes after the election, do not count. Method: late answers.
func TestLatePreVotesDoNotCount(t *testing.T) {
	s := newSolo(t, 5, nil, 5, 5)
	s.tick()
	old := s.flush()[0].Round
	s.tick()
	s.get(Message{Type: MsgPreVoteResp, From: 2, Term: 6, Round: old})
	s.get(Message{Type: MsgPreVoteResp, From: 3, Term: 6, Round: old})
	require.Equal(t, PreCandidate, s.Role())
	now := s.flush()[0].Round
	s.get(Message{Type: MsgPreVoteResp, From: 2, Term: 6, Round: now})
	s.get(Message{Type: MsgPreVoteResp, From: 3, Term: 6, Round: now})
	require.Equal(t, Candidate, s.Role())
	s.flush()
	for _, from := range []ReplicaID{2, 3, 4, 5} {
		s.get(Message{Type: MsgPreVoteResp, From: from, Term: 6, Round: now})
	}
	require.Equal(t, Candidate, s.Role(), "a pre-vote is not a vote")
}

// Claim (ELEC-14): a refused pre-candidate adopts the higher term and tries again in it. Method: refuse with a high term.
func TestRefusedPreCandidateAdoptsTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	s.tick()
	m := s.flush()[0]
	s.answer(Message{Type: MsgPreVoteResp, From: 2, Term: 9, Reject: true, Round: m.Round})
	require.Equal(t, uint64(9), s.Term())
	require.Equal(t, Follower, s.Role())
	s.tick()
	require.Equal(t, uint64(10), of(s.flush(), MsgPreVote)[0].Term)
}

// Claim: refusals by a quorum end the attempt, whatever the refusers' terms. Method: refuse with a lower term.
func TestPreVoteRefusedByQuorumEndsAttempt(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	s.tick()
	m := s.flush()[0]
	s.get(Message{Type: MsgPreVoteResp, From: 2, Term: 4, Reject: true, Round: m.Round})
	require.Equal(t, PreCandidate, s.Role())
	s.get(Message{Type: MsgPreVoteResp, From: 3, Term: 4, Reject: true, Round: m.Round})
	require.Equal(t, Follower, s.Role())
}

// Claim: a pre-candidate that hears the leader of its term follows it again. Method: a heartbeat in between.
func TestPreCandidateFollowsLeaderOfItsTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	s.tick()
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
	require.Equal(t, Follower, s.Role())
	require.Equal(t, ReplicaID(2), s.Leader())
}
