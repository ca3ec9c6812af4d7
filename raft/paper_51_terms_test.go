package raft_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// fromTerm returns one message of each type that carries the sender's term.
func fromTerm(term uint64) []raft.Message {
	return []raft.Message{
		{Type: raft.MsgVote, From: 2, Term: term},
		{Type: raft.MsgVoteResp, From: 2, Term: term, Reject: true},
		{Type: raft.MsgAppend, From: 2, Term: term},
		{Type: raft.MsgAppendResp, From: 2, Term: term, Reject: true},
		{Type: raft.MsgHeartbeat, From: 2, Term: term},
		{Type: raft.MsgHeartbeatResp, From: 2, Term: term},
		{Type: raft.MsgPreVoteResp, From: 2, Term: term, Reject: true},
	}
}

// Goal: whoever sees a larger term takes it over and becomes a follower (§5.1). Method: each
// message that carries its sender's term, at each role.
func TestPaper51_LargerTermIsTakenOverByEveryRole(t *testing.T) {
	for _, role := range []raft.Role{raft.Follower, raft.Candidate, raft.Leader} {
		for _, m := range fromTerm(9) {
			t.Run(fmt.Sprint(role, m.Type), func(t *testing.T) {
				l := newLone(t, 3, 4, []uint64{1, 4})
				switch role {
				case raft.Candidate:
					l.timeout()
				case raft.Leader:
					l.lead()
				}
				require.Equal(t, role, l.r.Role())
				l.receive(m)
				require.Equal(t, raft.Follower, l.r.Role())
				require.Equal(t, uint64(9), l.r.Term())
				require.Equal(t, uint64(9), l.disk.State.Term, "the term is persistent state (Figure 2)")
			})
		}
	}
}

// Goal: a request of a stale term is refused with the current term, and changes nothing (§5.1).
// Method: each request at each role.
func TestPaper51_StaleRequestsAreRefused(t *testing.T) {
	for _, role := range []raft.Role{raft.Follower, raft.Candidate, raft.Leader} {
		for _, m := range []raft.Message{
			{Type: raft.MsgVote, From: 2, Term: 3, LogIndex: 99, LogTerm: 3},
			{Type: raft.MsgAppend, From: 2, Term: 3, LogIndex: 1, LogTerm: 1, Entries: entries(1, 3), Commit: 2},
			{Type: raft.MsgHeartbeat, From: 2, Term: 3, Commit: 2},
		} {
			t.Run(fmt.Sprint(role, m.Type), func(t *testing.T) {
				l := newLone(t, 3, 4, []uint64{1, 1})
				switch role {
				case raft.Candidate:
					l.timeout()
				case raft.Leader:
					l.lead()
				}
				before, log := l.r.Status(), l.terms()
				deadline := l.r.Deadline()
				answers := l.receive(m)
				require.Len(t, answers, 1)
				require.Equal(t, before.Term, answers[0].Term)
				require.Equal(t, raft.ReplicaID(2), answers[0].To)
				require.Equal(t, m.Type != raft.MsgHeartbeat, answers[0].Reject)
				require.Equal(t, before, l.r.Status())
				require.Equal(t, log, l.terms())
				require.Equal(t, deadline, l.r.Deadline(), "a stale leader does not hold off elections")
			})
		}
	}
}

// Goal: a response of an older term counts for nothing (§5.1; Figure 2 is about the current term).
// Method: votes, acknowledgements and echoes of term 5 at a candidate and a leader of later terms.
func TestPaper51_StaleResponsesAreIgnored(t *testing.T) {
	l := newLone(t, 3, 4, []uint64{1, 1})
	l.timeout()
	l.timeout()
	require.Equal(t, uint64(6), l.r.Term())
	l.receive(raft.Message{Type: raft.MsgVoteResp, From: 2, Term: 5})
	l.receive(raft.Message{Type: raft.MsgVoteResp, From: 3, Term: 5})
	require.Equal(t, raft.Candidate, l.r.Role(), "votes of term 5 do not elect in term 6")

	l.receive(raft.Message{Type: raft.MsgVoteResp, From: 2, Term: 6})
	require.Equal(t, raft.Leader, l.r.Role())
	l.receive(raft.Message{Type: raft.MsgAppendResp, From: 2, Term: 5, LogIndex: 3})
	l.receive(raft.Message{Type: raft.MsgAppendResp, From: 3, Term: 5, LogIndex: 3})
	require.Zero(t, l.r.Commit(), "acknowledgements of term 5 do not commit in term 6")
	require.Zero(t, l.r.PeerMatch(2))
}

// Goal: every message carries the sender's current term (§5.1: "current terms are exchanged
// whenever servers communicate"). Method: look at all mail of an election, a command and a heartbeat.
func TestPaper51_MessagesCarryTheCurrentTerm(t *testing.T) {
	l := newLone(t, 3, 4, nil)
	sent := l.timeout()
	require.Len(t, of(raft.MsgVote, sent), 2)
	for id := raft.ReplicaID(2); id <= 3; id++ {
		sent = append(sent, l.receive(raft.Message{Type: raft.MsgVoteResp, From: id, Term: 5})...)
	}
	sent = append(sent, l.ack(2, 1)...)
	sent = append(sent, l.propose("a")...)
	sent = append(sent, l.timeout()...)
	require.Len(t, of(raft.MsgHeartbeat, sent), 2)
	for _, m := range sent {
		require.Equal(t, uint64(5), m.Term)
		require.Equal(t, raft.ReplicaID(1), m.From)
	}
}

// Goal: term, vote and log are on disk before any answer that rests on them (Figure 2, "updated
// on stable storage before responding"). Method: hold up the disk at a voter, a candidate and a follower.
func TestPaperFig2_PersistentStateIsDurableBeforeAnswering(t *testing.T) {
	l := newLone(t, 3, 4, []uint64{1})
	l.slow = true
	require.Empty(t, l.receive(raft.Message{Type: raft.MsgVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 1}))
	l.persist()
	vote := only(t, raft.MsgVoteResp, l.take())
	require.False(t, vote.Reject)
	require.Equal(t, raft.HardState{Term: 5, Vote: 2}, l.disk.State)

	require.Empty(t, l.receive(raft.Message{Type: raft.MsgAppend, From: 2, Term: 5, LogIndex: 1, LogTerm: 1, Entries: entries(1, 5)}))
	l.persist()
	require.Equal(t, uint64(2), only(t, raft.MsgAppendResp, l.take()).LogIndex)
	require.Len(t, l.disk.Entries, 2)

	require.Empty(t, of(raft.MsgVote, l.timeout()), "a candidate's vote for itself is a vote, too")
	require.Equal(t, uint64(6), l.r.Term())
	l.persist()
	require.Len(t, of(raft.MsgVote, l.take()), 2)
}

// Goal: after a restart term, vote and log are what they were, role and leader are not (Figure 2).
// Method: restart a leader from its disk and ask it for its vote.
func TestPaperFig2_PersistentStateSurvivesRestart(t *testing.T) {
	c := group(t, 3, plain)
	elect(t, c, 1)
	_, err := c.Propose(1, "a")
	require.NoError(t, err)
	c.Stabilize()
	log := c.Log(1)
	c.Crash(1)
	require.NoError(t, c.Restart(1, 0))
	r := c.Raft(1)
	require.Equal(t, uint64(1), r.Term())
	require.Equal(t, raft.ReplicaID(1), r.Vote())
	require.Equal(t, log, c.Log(1))
	require.Equal(t, raft.Follower, r.Role())
	require.Zero(t, r.Leader())
	c.Receive(raft.Message{Type: raft.MsgVote, Group: 1, From: 3, To: 1, Term: 1, LogIndex: 9, LogTerm: 1})
	answer := c.Mail(rafttest.Selection{From: 1, Type: raft.MsgVoteResp})
	require.Len(t, answer, 1)
	require.True(t, answer[0].Reject, "the vote of term 1 was given to itself")
}
