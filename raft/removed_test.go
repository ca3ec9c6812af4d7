package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Claim (dissertation §4.2.3, MEMB-15): a replica that the committed configuration excludes is told so when it asks for a vote, in whatever term, also by who hears
// a leader; nothing else happens. One that may be of a later configuration is not told. Method: strangers' requests.
func TestReplicaThatIsOutIsTold(t *testing.T) {
	for _, typ := range []MessageType{MsgVote, MsgPreVote} {
		for _, term := range []uint64{1, 5, 6, 99} {
			s := newSolo(t, 3, nil, 5, 5)
			s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
			before := s.Status()
			m := s.answer(Message{Type: typ, From: 9, Term: term, LogIndex: 9, LogTerm: 1})
			require.Equal(t, []Message{{Type: MsgRemoved, Group: 7, From: 1, To: 9, Term: 5}}, m)
			require.Equal(t, before, s.Status())
		}
		s := newSolo(t, 3, nil, 5, 5)
		newer := MakeReplicaID(9, 1)
		m := s.answer(Message{Type: typ, From: newer, Term: 6, LogIndex: 9, LogTerm: 5})
		require.NotEqual(t, MsgRemoved, m[0].Type, "it may be a member that this replica has not heard of yet")
	}
	fresh := newSolo(t, 3, nil, 0)
	require.Equal(t, uint64(1), fresh.answer(Message{Type: MsgPreVote, From: 9, Term: 1})[0].Term, "no message is of term 0")
}

// Claim: only a committed configuration tells who is out, and one that knows of nobody tells nobody. Method: remove a replica; a replica that was just added.
func TestOnlyACommittedConfigurationExcludes(t *testing.T) {
	s := leading(t, 3, nil)
	ask := Message{Type: MsgPreVote, From: 3, Term: 7, LogIndex: 1, LogTerm: 6}
	index, _, err := s.ProposeChange(s.now, []confchange.Change{changed(confchange.Remove, 3)})
	require.NoError(t, err)
	s.flush()
	require.Empty(t, s.answer(ask), "it may still be rolled back")
	s.ackAll(2)
	require.Empty(t, of(s.answer(ask), MsgRemoved), "an outgoing voter is a member")
	s.ackAll(2)
	require.Equal(t, index+1, only(t, s.answer(ask), MsgRemoved).LogIndex)

	cfg := testConfig(MakeReplicaID(1, 4), 0)
	fresh, err := New(cfg, Restored{}, 0)
	require.NoError(t, err)
	ask.Group, ask.To = 7, cfg.ID
	fresh.Receive(0, ask)
	require.Empty(t, of(fresh.Output().Messages, MsgRemoved))
}

// Claim: a replica that was told that it is out never campaigns again, in whatever role and term the word reaches it; it still follows and votes. Method: each role.
func TestRemovedReplicaNeverCampaigns(t *testing.T) {
	for _, term := range []uint64{1, 9} {
		for _, timeouts := range []int{0, 1} {
			for _, change := range []func(*Config){nil, noPreVote} {
				s := newSolo(t, 3, change, 5, 5)
				for range timeouts {
					s.tick()
					s.flush()
				}
				now := s.Term()
				require.Empty(t, s.answer(Message{Type: MsgRemoved, From: 2, Term: term, LogIndex: 3}))
				require.True(t, s.Status().Removed)
				for range 5 {
					s.tick()
					require.Empty(t, s.flush())
					require.Equal(t, Follower, s.Role())
				}
				require.Equal(t, now, s.Term(), "the word tells no term")
				require.False(t, only(t, s.answer(Message{Type: MsgVote, From: 3, Term: 20, LogIndex: 1, LogTerm: 5}), MsgVoteResp).Reject)
			}
		}
	}
	s := newSolo(t, 3, nil, 5)
	s.Receive(0, Message{Type: MsgRemoved, Group: 7, From: 2, To: MakeReplicaID(1, 1), Term: 5})
	require.False(t, s.Status().Removed, "that was for another replica of this node")
}
