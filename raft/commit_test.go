package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Claim (§5.4.2, Figure 8, COMM-01, COMM-04): entries of older terms are not committed by counting, but all at once with the first of the
// leader's own. Method: a quorum that holds only the old ones, then the new one too.
func TestOldTermsAreCommittedOnlyAlongWithOwn(t *testing.T) {
	s := newSolo(t, 5, nil, 5, 2, 3, 5)
	s.lead()
	s.flush()
	for _, from := range []ReplicaID{2, 3, 4} {
		s.answer(Message{Type: MsgAppendResp, From: from, Term: 6, LogIndex: 3})
	}
	require.Zero(t, s.Commit())
	s.ackAll(2)
	require.Zero(t, s.Commit())
	s.ackAll(3)
	require.Equal(t, uint64(4), s.Commit())
}

// Claim (COMM-06, dissertation §10.2.1): the leader counts itself by its own disk, but may commit without it. Method: hold its disk in a group of three.
func TestLeaderCountsItselfWhenDurable(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	s.mustPropose(1)
	s.out()
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 2})
	require.Equal(t, uint64(1), s.Durable())
	require.Equal(t, uint64(1), s.Commit(), "one follower and an unfinished disk are no quorum")
	s.complete()
	require.Equal(t, uint64(2), s.Commit())
	s.mustPropose(1)
	s.out()
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3})
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 6, LogIndex: 3})
	require.Equal(t, uint64(3), s.Commit(), "two followers are one")
	require.Equal(t, uint64(2), s.Applicable(), "but nothing is applied before it is durable here")
	s.complete()
	require.Equal(t, uint64(3), s.Applicable())
}

// Claim (COMM-07): a single voter commits only what is durable. Method: hold its disk.
func TestSingleVoterCommitsWhenDurable(t *testing.T) {
	s := newSolo(t, 1, nil, 5)
	s.lead()
	s.flush()
	s.mustPropose(3)
	s.out()
	require.Equal(t, uint64(1), s.Commit())
	s.complete()
	require.Equal(t, uint64(4), s.Commit())
}

// Claim (COMM-03): whatever the order of answers, commit is what a majority holds. Method: all orders of four
// answers in a group of five, invariants (which count by themselves) after each.
func TestCommitForAllOrdersOfAnswers(t *testing.T) {
	indexes := []uint64{3, 5, 7, 9}
	var permute func(rest []uint64, done []uint64)
	permute = func(rest []uint64, done []uint64) {
		if len(rest) > 0 {
			for i := range rest {
				next := append(append([]uint64(nil), rest[:i]...), rest[i+1:]...)
				permute(next, append(append([]uint64(nil), done...), rest[i]))
			}
			return
		}
		s := newSolo(t, 5, nil, 5)
		s.lead()
		s.mustPropose(9)
		s.flush()
		for i, index := range done {
			s.get(Message{Type: MsgAppendResp, From: ReplicaID(i + 2), Term: 6, LogIndex: index})
			got := append([]uint64{10}, done[:i+1]...)
			want := uint64(0)
			for _, candidate := range got {
				n := 0
				for _, v := range got {
					if v >= candidate {
						n++
					}
				}
				if n >= 3 {
					want = max(want, candidate)
				}
			}
			require.Equal(t, want, s.Commit(), "%v", done)
		}
	}
	permute(indexes, nil)
}

// Claim: applying is reported in order and never beyond what may be applied. Method: wrong reports panic.
func TestSetAppliedIsChecked(t *testing.T) {
	s := newSolo(t, 1, nil, 5)
	s.lead()
	s.mustPropose(3)
	s.flush()
	s.SetApplied(2)
	require.Equal(t, uint64(2), s.Applied())
	require.Panics(t, func() { s.SetApplied(1) })
	require.Panics(t, func() { s.SetApplied(5) })
	s.SetApplied(4)
}
