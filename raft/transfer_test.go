package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/quorum"
)

// echoAll has all followers of the newest timed round answer its heartbeat.
func (s *solo) echoAll(messages []Message) {
	for _, m := range of(messages, MsgHeartbeat) {
		s.get(Message{Type: MsgHeartbeatResp, From: m.To, Term: s.Term(), Round: m.Round})
	}
}

// Claim (dissertation §3.10): the target is told to campaign when it holds the whole log, not before, and again with each timed
// round. Method: a target that lacks an entry.
func TestTargetIsToldWhenItHoldsTheLog(t *testing.T) {
	s := leading(t, 3, nil)
	s.ackAll(3)
	s.mustPropose(1)
	require.NoError(t, s.Transfer(s.now, 3))
	require.Empty(t, of(s.flush(), MsgTimeoutNow))
	require.Empty(t, of(s.ackAll(2), MsgTimeoutNow))
	m := only(t, s.ackAll(3), MsgTimeoutNow)
	require.Equal(t, Message{Type: MsgTimeoutNow, Group: 7, From: 1, To: 3, Term: 6}, m)
	require.Empty(t, of(s.ackAll(3), MsgTimeoutNow))
	s.tick()
	require.Len(t, of(s.flush(), MsgTimeoutNow), 1)
	require.Empty(t, of(s.flush(), MsgTimeoutNow))
}

// Claim (LIVE-02): while a transfer is under way nothing is appended, or the target would never catch up. Method: propose throughout.
func TestNoProposalsDuringTransfer(t *testing.T) {
	s := leading(t, 3, nil)
	require.NoError(t, s.Transfer(s.now, 2))
	last := s.LastIndex()
	for range 3 {
		_, _, err := s.Propose(s.now, [][]byte{{1}})
		require.ErrorIs(t, err, ErrTransferring)
		s.echoAll(s.flush())
		s.tick()
	}
	require.Equal(t, last, s.LastIndex())
}

// Claim (LIVE-01): a transfer that does not succeed ends after an ElectionTimeout, and proposals are taken again. Method: a target
// that is told and stays silent, and one that lags; the leader ticks only at its Deadline.
func TestFailedTransferEnds(t *testing.T) {
	for _, target := range []ReplicaID{2, 3} {
		s := leading(t, 3, nil)
		s.tick()
		s.echoAll(s.flush())
		s.now += time.Millisecond // out of step with the rounds
		begun := s.now
		require.NoError(t, s.Transfer(s.now, target))
		for s.now < begun+testElection {
			require.Equal(t, target, s.Transferring())
			require.LessOrEqual(t, s.Deadline(), begun+testElection)
			s.tick()
			s.echoAll(s.flush())
		}
		require.Zero(t, s.Transferring())
		require.Equal(t, begun+testElection, s.now)
		require.Equal(t, Leader, s.Role())
		_, _, err := s.Propose(s.now, [][]byte{{1}})
		require.NoError(t, err)
		require.NoError(t, s.Transfer(s.now, target), "it may be tried again")
	}
}

// Claim: a transfer also ends with the leadership. Method: a higher term, then lead again.
func TestTransferEndsWithTheLeadership(t *testing.T) {
	s := leading(t, 3, nil)
	require.NoError(t, s.Transfer(s.now, 2))
	s.answer(Message{Type: MsgVote, From: 2, Term: 7, Transfer: true, LogIndex: 1, LogTerm: 6})
	require.Zero(t, s.Transferring())
	s.lead()
	_, _, err := s.Propose(s.now, [][]byte{{1}})
	require.NoError(t, err)
}

// Claim: what cannot be done is refused, with the reason. Method: each case.
func TestTransferErrors(t *testing.T) {
	require.ErrorIs(t, newSolo(t, 3, nil, 5).Transfer(0, 2), ErrNotLeader)
	s := leading(t, 3, nil)
	require.ErrorIs(t, s.Transfer(s.now, 1), ErrBadTransfer, "itself")
	require.ErrorIs(t, s.Transfer(s.now, 9), ErrBadTransfer, "a stranger")
	s.now += testElection
	require.ErrorIs(t, s.Transfer(s.now, 0), ErrBadTransfer, "nobody was heard lately")
	s.echo(3, 1)
	require.NoError(t, s.Transfer(s.now, 0))
	require.Equal(t, ReplicaID(3), s.Transferring())
	require.NoError(t, s.Transfer(s.now, 3), "the same again")
	require.ErrorIs(t, s.Transfer(s.now, 2), ErrTransferring)
	require.ErrorIs(t, s.Transfer(s.now, 0), ErrTransferring)
	require.ErrorIs(t, leading(t, 1, nil).Transfer(testElection, 0), ErrBadTransfer)
}

// Claim: without a choice of the caller the longest log leads next. Method: two followers.
func TestBestTargetHasTheLongestLog(t *testing.T) {
	s := leading(t, 3, nil)
	s.mustPropose(1)
	s.flush()
	s.ackAll(3)
	require.NoError(t, s.Transfer(s.now, 0))
	require.Equal(t, ReplicaID(3), s.Transferring())
}

// change has the leader propose a change and followers acknowledge it, up to its last entry.
func (s *solo) change(from []ReplicaID, changes ...confchange.Change) []Message {
	_, _, err := s.ProposeChange(s.now, changes)
	require.NoError(s.t, err)
	var sent []Message
	for s.Configuration().Joint() || s.ConfigIndex() > s.Commit() {
		for _, id := range from {
			sent = append(sent, s.ackAll(id)...)
		}
	}
	return sent
}

func changed(kind confchange.Kind, id ReplicaID) confchange.Change {
	return confchange.Change{Kind: kind, Member: confchange.Member{ID: uint64(id), Priority: 9}}
}

// Claim: without a choice of the caller the highest priority leads next, before the longest log; a learner never does. Method: priorities by a change
// of the configuration.
func TestBestTargetHasTheHighestPriority(t *testing.T) {
	s := leading(t, 4, nil)
	s.change([]ReplicaID{2, 3}, changed(confchange.Update, 3))
	s.change([]ReplicaID{2, 3}, changed(confchange.Demote, 4))
	s.mustPropose(1)
	s.flush()
	s.ackAll(2)
	require.Greater(t, s.PeerMatch(2), s.PeerMatch(3))
	require.ErrorIs(t, s.Transfer(s.now, 4), ErrBadTransfer, "a learner")
	require.NoError(t, s.Transfer(s.now, 0))
	require.Equal(t, ReplicaID(3), s.Transferring())
	_, _, err := s.ProposeChange(s.now, []confchange.Change{changed(confchange.Remove, 4)})
	require.ErrorIs(t, err, ErrTransferring)
}

// Claim (§6, dissertation §4.2.2, MEMB-09): a leader that is removed leads on until the change is committed, then hands over like any other: it tells the best voter,
// again if need be, takes nothing new, and goes when that one has taken over or has not for an ElectionTimeout. Method: both ends.
func TestRemovedLeaderHandsOver(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := leading(t, 3, leases)
		sent := s.change([]ReplicaID{2, 3}, changed(confchange.Remove, 1))
		require.Equal(t, Leader, s.Role())
		target := s.Transferring()
		require.NotZero(t, target)
		require.Equal(t, target, of(append(sent, s.ackAll(target)...), MsgTimeoutNow)[0].To)
		_, _, err := s.Propose(s.now, [][]byte{{1}})
		require.ErrorIs(t, err, ErrTransferring)
		require.False(t, s.Status().Lease)
		begun := s.now
		s.tick()
		again := s.flush()
		require.Len(t, of(again, MsgTimeoutNow), 1)
		if taken {
			s.answer(Message{Type: MsgVote, From: target, Term: 7, Transfer: true, LogIndex: s.LastIndex(), LogTerm: 6})
		} else {
			for s.Role() == Leader {
				s.echoAll(again)
				s.tick()
				again = s.flush()
			}
			require.Equal(t, begun+testElection, s.now)
		}
		require.Equal(t, Follower, s.Role())
		require.Equal(t, Never, s.Deadline(), "it has no vote and does not campaign")
	}
}

// Claim: a transfer may begin while a change is under way, but not to a voter that loses its vote by it. Method: a demotion.
func TestTransferDuringAChange(t *testing.T) {
	s := leading(t, 4, nil)
	_, _, err := s.ProposeChange(s.now, []confchange.Change{changed(confchange.Demote, 4)})
	require.NoError(t, err)
	require.ErrorIs(t, s.Transfer(s.now, 4), ErrBadTransfer, "it is on its way out")
	require.NoError(t, s.Transfer(s.now, 3))
	s.flush()
	s.ackAll(2)
	s.ackAll(3)
	require.False(t, s.Configuration().Joint(), "a transfer does not hold up the change that is under way")
	require.Len(t, of(s.ackAll(3), MsgTimeoutNow), 1)
}

// Claim (dissertation §3.10): the target campaigns at once, without pre-votes, and says why; that goes for this candidacy only
// (LEASE-04). Method: two candidacies.
func TestTargetCampaignsAtOnce(t *testing.T) {
	for _, lease := range []func(*Config){nil, leases} {
		s := newSolo(t, 3, lease, 5, 5)
		s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
		votes := of(s.answer(Message{Type: MsgTimeoutNow, From: 2, Term: 5}), MsgVote)
		require.Len(t, votes, 2)
		for _, v := range votes {
			require.Equal(t, Message{Type: MsgVote, Group: 7, From: 1, To: v.To, Term: 6, LogIndex: 1, LogTerm: 5, Transfer: true}, v)
		}
		for len(of(s.flush(), MsgPreVote)) == 0 {
			s.tick()
		}
		for _, from := range []ReplicaID{2, 3} {
			s.get(Message{Type: MsgPreVoteResp, From: from, Term: 7, Round: s.election.attempt})
		}
		votes = of(s.flush(), MsgVote)
		require.Len(t, votes, 2)
		require.False(t, votes[0].Transfer)
	}
}

// Claim (ELEC-21): only a voter that may lead takes the leadership over: no removed one, no learner, none that is unfit; and only at the word of
// the leader of its term. Method: each case.
func TestTimeoutNowIsIgnoredByWhoMayNotLead(t *testing.T) {
	now := Message{Type: MsgTimeoutNow, From: 2, Term: 5}
	for name, change := range map[string]func(*solo){
		"removed":            func(s *solo) { s.get(Message{Type: MsgRemoved, From: 3, Term: 5}) },
		"not a voter":        func(s *solo) { s.config = quorum.Majority(2, 3) },
		"unfit":              func(s *solo) { s.SetUnfit(true) },
		"not of its leader":  func(*solo) { now.From = 3 },
		"of an older leader": func(s *solo) { now.From, now.Term = 2, 4 },
		"of a newer term":    func(s *solo) { now.Term = 6 },
	} {
		t.Run(name, func(t *testing.T) {
			now = Message{Type: MsgTimeoutNow, From: 2, Term: 5}
			s := newSolo(t, 3, nil, 5, 5)
			s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
			change(s)
			require.Empty(t, s.answer(now))
			require.Equal(t, Follower, s.Role())
		})
	}
}

// Claim (dissertation §4.2.3, §3.10): voters do not protect a leader that asked for the candidacy, and are bound by all other rules. Method: with
// and without Transfer; a short log; a vote given.
func TestTransferPassesStickinessOnly(t *testing.T) {
	vote := Message{Type: MsgVote, From: 3, Term: 6, LogIndex: 1, LogTerm: 5}
	for _, lease := range []func(*Config){nil, leases} {
		s := newSolo(t, 3, lease, 5, 5)
		s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
		require.Empty(t, s.answer(vote))
		vote.Transfer = true
		short := vote
		short.LogIndex, short.LogTerm = 0, 0
		require.True(t, only(t, s.answer(short), MsgVoteResp).Reject)
		require.False(t, only(t, s.answer(vote), MsgVoteResp).Reject)
		vote.From = 2
		require.True(t, only(t, s.answer(vote), MsgVoteResp).Reject)
		vote.From, vote.Transfer = 3, false
	}
}

// Claim (LEASE-03, LEASE-04): from the word to campaign on, a leader has no lease for the rest of its term, though the transfer ends; before
// it, and in its next term, it has. Method: read with a fresh quorum all along.
func TestNoLeaseAfterTimeoutNow(t *testing.T) {
	s := leading(t, 3, leases)
	id := uint64(0)
	lease := func() bool {
		s.tick()
		s.echoAll(s.flush())
		s.flush()
		id++
		s.Read(s.now, id)
		granted := len(s.out().Reads) == 1
		require.Equal(t, granted, s.Status().Lease)
		s.tick()
		s.echoAll(s.flush())
		s.flush()
		return granted
	}
	require.True(t, lease())
	require.NoError(t, s.Transfer(s.now, 3))
	require.Empty(t, of(s.flush(), MsgTimeoutNow))
	require.True(t, lease(), "nobody was told yet")
	require.Len(t, of(s.ackAll(3), MsgTimeoutNow), 1)
	require.False(t, lease())
	for s.Transferring() != 0 {
		require.False(t, lease())
	}
	for range 30 {
		require.False(t, lease(), "the word may still arrive")
	}
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 7})
	s.lead()
	s.flush()
	s.ackAll(2)
	require.True(t, lease())
}
