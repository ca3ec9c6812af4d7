package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/progress"
)

// Claim: CheckInvariants is able to fail, and names what broke. Method: a healthy leader and a healthy follower,
// checked, then damaged in one place.
func TestCheckInvariantsFindsEachViolation(t *testing.T) {
	leader := func() *solo {
		s := leading(t, 3, nil)
		s.mustPropose(3)
		s.flush()
		s.ackAll(2)
		s.mustPropose(2)
		s.flush()
		return s
	}
	follower := func() *solo {
		s := newSolo(t, 3, nil, 5, 1)
		s.answer(app(5, 1, 1, 2, 5, 5))
		return s
	}
	type damage = func(*solo)
	for _, c := range []struct {
		want   string
		make   func() *solo
		damage damage
	}{
		{"LOG-1", leader, func(s *solo) { s.log.durable = s.log.handed + 1 }},
		{"RAFT-1: term", leader, func(s *solo) { s.commit-- }},
		{"RAFT-1: term", follower, func(s *solo) { s.commit = 0 }},
		{"RAFT-1: durable term", follower, func(s *solo) { s.durableState.Term++ }},
		{"RAFT-1: acknowledged", follower, func(s *solo) { s.promises.acked-- }},
		{"RAFT-1: match", leader, func(s *solo) { s.peers[0].progress = progress.New(2, s.cfg.limits()) }},
		{"RAFT-2: vote changed", func() *solo {
			s := newSolo(t, 3, nil, 5)
			s.answer(Message{Type: MsgVote, From: 2, Term: 6})
			return s
		}, func(s *solo) { s.vote = 3 }},
		{"RAFT-2: leads with", leader, func(s *solo) { s.vote = 2 }},
		{"RAFT-2: takes", leader, func(s *solo) { s.leader = 2 }},
		{"RAFT-3", follower, func(s *solo) { s.applied = 3 }},
		{"RAFT-3", follower, func(s *solo) { s.commit = 9 }},
		{"RAFT-4", follower, func(s *solo) { s.term = 4 }},
		{"RAFT-5: its first", leader, func(s *solo) { s.leading.start = 1 << 40 }},
		{"RAFT-5: last index", leader, func(s *solo) { s.leading.round-- }},
		{"RAFT-5: peer 3 is ahead", leader, func(s *solo) { s.peers[1].progress = progress.New(99, s.cfg.limits()) }},
		{"RAFT-6: entry", leader, func(s *solo) { s.commit = s.log.last }},
		{"RAFT-8: 99", follower, func(s *solo) { s.promises.acked = 99 }},
		{"RAFT-8: 99 matched", follower, func(s *solo) { s.following.matched = 99 }},
		{"RAFT-8: asks", leader, func(s *solo) { s.durableState.Vote = 0 }},
		{"RAFT-9", follower, func(s *solo) {
			s.log.truncateFrom(2)
			s.log.append([]Entry{{Index: 2, Term: 4}, {Index: 3, Term: 5}})
			s.promises.acked, s.log.durable, s.log.handed = 3, 3, 3
		}},
		{"RAFT-10", follower, func(s *solo) { s.reads.waiting = []uint64{1} }},
		{"RAFT-10", leader, func(s *solo) { s.reads.confirming, s.reads.index = []uint64{1}, 0 }},
	} {
		s := c.make()
		s.check()
		c.damage(s)
		require.ErrorContains(t, s.CheckInvariants(), c.want)
	}
}

// Claim (§5.4.2): the invariants notice a commit of an older term by counting. Method: move the commit of a new leader by hand.
func TestCheckInvariantsFindsCommitOfOlderTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 2, 3)
	s.lead()
	s.flush()
	s.check()
	s.commit = 2
	require.ErrorContains(t, s.CheckInvariants(), "RAFT-6: entry 2 of term 3")
}
