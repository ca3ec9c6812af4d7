package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
	"github.com/holdfastdb/holdfast/raft/quorum"
)

// breakage is a healthy replica, what is done to it, and the invariant that does not hold then.
type breakage struct {
	want   string
	make   func() *solo
	damage func(*solo)
}

func (v *breakage) check(t *testing.T) {
	s := v.make()
	s.check()
	v.damage(s)
	require.ErrorContains(t, s.CheckInvariants(), v.want, v.want)
}

func healthyLeader(t *testing.T) *solo {
	s := leading(t, 3, nil)
	s.mustPropose(3)
	s.flush()
	s.ackAll(2)
	s.mustPropose(2)
	s.flush()
	return s
}

func healthyFollower(t *testing.T) *solo {
	s := newSolo(t, 3, nil, 5, 1)
	s.answer(app(5, 1, 1, 2, 5, 5))
	return s
}

// Claim: CheckInvariants is able to fail, and names what broke. Method: a healthy leader and a healthy follower,
// checked, then damaged in one place.
func TestCheckInvariantsFindsEachViolation(t *testing.T) {
	leader, follower := func() *solo { return healthyLeader(t) }, func() *solo { return healthyFollower(t) }
	for _, c := range []breakage{
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
		{"RAFT-10", leader, func(s *solo) { s.reads.confirming, s.reads.index = []uint64{1}, 0 }},
	} {
		c.check(t)
	}
}

// Claim: the same for membership and snapshots. Method: likewise.
func TestCheckInvariantsFindsEachViolationOfMembership(t *testing.T) {
	leader, follower := func() *solo { return healthyLeader(t) }, func() *solo { return healthyFollower(t) }
	for _, c := range []breakage{
		{"RAFT-13: configurations", follower, func(s *solo) { s.configs[0].index = 1 }},
		{"RAFT-13: entry 4", follower, func(s *solo) {
			s.log.append([]Entry{entryOf(4, 5, s.Configuration())})
		}},
		{"RAFT-13: knows", follower, func(s *solo) {
			pushed(s)
			s.peers = s.peers[:1]
		}},
		{"RAFT-13: knows more", follower, func(s *solo) {
			pushed(s)
			s.peers = append(s.peers, peer{id: 99})
		}},
		{"RAFT-13: counts", follower, func(s *solo) {
			pushed(s)
			s.config = quorum.Majority(1, 9)
		}},
		{"RAFT-14: voters", follower, func(s *solo) {
			s.configs = append(s.configs, configEntry{index: 3, config: confchange.Initial([]uint64{1, 2})})
			s.configure()
		}},
		{"RAFT-14: 2 configurations", leader, func(s *solo) {
			s.configs = append(s.configs, configEntry{index: 5, config: s.configs[0].config}, configEntry{index: 6, config: s.configs[0].config})
		}},
		{"RAFT-15: the log", follower, func(s *solo) { s.log.startAfter(Mark{Index: 2, Term: 5}); s.configs[0].index = 2 }},
		{"RAFT-15: the mark", follower, func(s *solo) { s.log.mark.Index = 1 }},
		{"RAFT-15: a snapshot goes", leader, func(s *solo) { s.peers[0].sending = true }},
		{"RAFT-15: 3 needs", leader, func(s *solo) { s.peers[1].progress.NeedSnapshot() }},
		{"RAFT-16: campaigns", func() *solo {
			s := newSolo(t, 3, nil, 5, 1)
			s.tick()
			return s
		}, func(s *solo) {
			s.configs[0].config = confchange.Initial([]uint64{2, 3})
			s.configure()
		}},
		{"RAFT-16: the joint", leader, func(s *solo) {
			s.configs[0].config = after(t, s.configs[0].config, change(confchange.Remove, 3))
			s.configure()
		}},
		{"RAFT-16: leads on", leader, func(s *solo) {
			s.configs[0].config = confchange.Initial([]uint64{2, 3})
			s.configure()
		}},
	} {
		c.check(t)
	}
}

// Claim (MEMB-07): the invariants count each half of a joint configuration by itself. Method: commits by one half, and by both.
func TestCheckInvariantsCountsBothHalves(t *testing.T) {
	s := leading(t, 3, nil)
	s.mustPropose(1)
	s.flush()
	s.commit = 2
	shrink := after(t, s.Configuration(), change(confchange.Remove, 2), change(confchange.Remove, 3))
	require.ErrorContains(t, s.checkHoldersOf(&shrink), "RAFT-6: entry 2 was committed with [1 1] of [1 3]")
	grow := after(t, shrink.Leave(), change(confchange.AddLearner, MakeReplicaID(2, 1)))
	grow = after(t, grow, change(confchange.Promote, MakeReplicaID(2, 1)))
	require.NoError(t, s.checkHoldersOf(&confchange.Config{Members: grow.Members[:1]}))
	grow.Members[1].ID = 2
	require.ErrorContains(t, s.checkHoldersOf(&grow), "RAFT-6: entry 2 was committed with [1 1] of [2 1]")
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 2})
	require.NoError(t, s.checkHoldersOf(&grow))
	require.NoError(t, s.checkHoldersOf(&shrink))
}

// pushed gives the replica's log a new configuration, that of learners being another one.
func pushed(s *solo) *solo {
	c, err := s.Configuration().Apply([]confchange.Change{change(confchange.AddLearner, MakeReplicaID(4, 1))})
	require.NoError(s.t, err)
	s.configs = append(s.configs, configEntry{index: 3, config: c})
	s.configure()
	return s
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
