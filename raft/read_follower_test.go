package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// following returns a follower of replica 2 in term 5 with a log of terms 1, 4, nothing of which it knows to be its leader's.
func following(t *testing.T, change func(*Config)) *solo {
	s := newSolo(t, 3, change, 5, 1, 4)
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
	return s
}

func (s *solo) ask(ids ...uint64) Message {
	for _, id := range ids {
		s.Read(s.now, id)
	}
	return only(s.t, s.out().Messages, MsgReadIndex)
}

func reply(m Message, index uint64) Message {
	return Message{Type: MsgReadIndexResp, From: m.To, Term: m.Term, Round: m.Round, LogIndex: index, Reject: index == 0}
}

// Claim (dissertation §6.4): a follower asks its leader once for all reads of a turn, and grants them at the index that it is told. Method: two turns.
func TestFollowerAsksItsLeader(t *testing.T) {
	s := following(t, nil)
	m := s.ask(1, 2, 3)
	require.Equal(t, Message{Type: MsgReadIndex, Group: 7, From: 1, To: 2, Term: 5, Round: m.Round}, m)
	require.Empty(t, s.out().Messages)
	next := s.ask(4)
	require.Equal(t, m.Round+1, next.Round)
	require.Equal(t, 4, s.Status().PendingReads)
	s.get(reply(m, 9))
	require.Equal(t, []ReadGrant{{1, 9}, {2, 9}, {3, 9}}, s.out().Reads)
	s.get(reply(m, 9))
	require.Empty(t, s.out().Reads, "once")
	s.get(reply(next, 12))
	require.Equal(t, []ReadGrant{{4, 12}}, s.out().Reads)
	require.Zero(t, s.Status().PendingReads)
}

// Claim (READ-10): an answer is no word about the follower's own log: its commit index stays. Method: an index that the log
// reaches, though with an entry that the leader may not have.
func TestReadAnswerDoesNotCommit(t *testing.T) {
	s := following(t, nil)
	s.get(reply(s.ask(1), 2))
	require.Equal(t, []ReadGrant{{1, 2}}, s.out().Reads)
	require.Zero(t, s.Commit())
	require.Zero(t, s.Applicable())
}

// Claim: reads end in the order in which they came, at indexes that do not go back, whatever order the answers come in. Method: the
// later request's answer first; requests that overtook each other at the leader.
func TestAnswersOutOfOrder(t *testing.T) {
	s := following(t, nil)
	first, second, third := s.ask(1), s.ask(2), s.ask(3)
	s.get(reply(second, 7))
	require.Equal(t, []ReadGrant{{1, 7}, {2, 7}}, s.out().Reads)
	s.get(reply(first, 9))
	require.Empty(t, s.out().Reads)
	s.get(reply(third, 6))
	require.Equal(t, []ReadGrant{{3, 7}}, s.out().Reads)
	first, second = s.ask(4), s.ask(5)
	s.get(reply(second, 0))
	require.Equal(t, []uint64{4, 5}, s.out().DroppedReads)
	s.get(reply(first, 10))
	require.Empty(t, s.out().Reads)
}

// Claim: reads of a follower are dropped, oldest first, when no answer comes within an ElectionTimeout, when it loses its leader or its term, at a no, and
// when too many wait. Method: each case; the wait for the answer is in Deadline.
func TestFollowerDropsReads(t *testing.T) {
	s := following(t, nil)
	s.ask(1)
	asked := s.now
	s.now += testElection / 2
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
	s.ask(2, 3)
	require.Equal(t, asked+testElection, s.Deadline())
	s.tick()
	require.Equal(t, []uint64{1}, s.out().DroppedReads)
	s.Read(s.now, 4)
	s.get(Message{Type: MsgHeartbeat, From: 3, Term: 6})
	require.Equal(t, []uint64{2, 3, 4}, s.out().DroppedReads)
	s.get(reply(s.ask(5), 0))
	require.Equal(t, []uint64{5}, s.out().DroppedReads)

	s = following(t, func(c *Config) { c.MaxPendingReads = 2 })
	s.ask(1)
	s.ask(2)
	s.Read(s.now, 3)
	require.Equal(t, []uint64{3}, s.out().DroppedReads)
	for s.Role() == Follower {
		s.tick()
	}
	require.Equal(t, []uint64{1, 2}, s.out().DroppedReads)
}

// Claim: only the leader of this term is believed, and only an answer to a request of this life of the replica. Method: answers of others; the requests
// of replicas that differ in the seed, or only in the time of their start.
func TestForeignReadAnswersAreIgnored(t *testing.T) {
	s := following(t, nil)
	m := s.ask(1)
	for _, bad := range []func(*Message){
		func(m *Message) { m.From = 3 }, func(m *Message) { m.Term = 4 }, func(m *Message) { m.Round++ }, func(m *Message) { m.Round-- },
	} {
		answer := reply(m, 9)
		bad(&answer)
		s.get(answer)
		require.Empty(t, s.out().Reads)
	}
	s.get(reply(m, 9))
	require.Len(t, s.out().Reads, 1)

	seen := map[uint64]bool{}
	for seed := range uint64(50) {
		s := following(t, func(c *Config) { c.Seed = seed })
		seen[s.ask(1).Round] = true
		s = following(t, func(c *Config) { c.Seed = seed })
		s.now = 1
		seen[s.ask(1).Round] = true
	}
	require.Len(t, seen, 100)
}

// Claim (READ-03): the leader treats a follower's request as a read of its next batch: after a commit of its term, after a round that began later. Method: a
// new leader; echoes before and after.
func TestLeaderConfirmsFollowersReads(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5, 5)
	s.lead()
	s.flush()
	ask := Message{Type: MsgReadIndex, From: 2, Term: 6, Round: 77}
	s.Read(s.now, 1)
	require.Empty(t, s.answer(ask))
	s.echo(2, 1)
	s.echo(3, 1)
	require.Empty(t, s.flush())
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3, Round: 1})
	round := of(s.flush(), MsgHeartbeat)[0].Round
	require.Greater(t, round, uint64(1))
	s.echo(3, round)
	out := s.out()
	require.Equal(t, []ReadGrant{{ID: 1, Index: 3}}, out.Reads)
	require.Equal(t, Message{Type: MsgReadIndexResp, Group: 7, From: 1, To: 2, Term: 6, Round: 77, LogIndex: 3}, only(t, out.Messages, MsgReadIndexResp))
}

// Claim: with a lease a follower's request is answered at once. Method: one echo, then ask.
func TestLeaseAnswersFollowers(t *testing.T) {
	s := leading(t, 3, leases)
	s.echo(3, 1)
	require.Equal(t, uint64(1), only(t, s.answer(Message{Type: MsgReadIndex, From: 2, Term: 6, Round: 7}), MsgReadIndexResp).LogIndex)
}

// Claim (READ-04): the index granted is the commit index that was checked against the term, whatever was applied, appended or written. Method: a leader where
// all of these differ, with a round and with a lease, for itself and for others.
func TestGrantedIndexIsTheOneChecked(t *testing.T) {
	for _, lease := range []func(*Config){nil, leases} {
		s := leading(t, 3, lease)
		s.mustPropose(3)
		s.flush()
		s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3, Round: 1})
		s.mustPropose(1)
		s.SetApplied(1)
		require.Equal(t, []uint64{1, 3, 4, 5}, []uint64{s.Applied(), s.Commit(), s.Durable(), s.LastIndex()})
		s.Read(s.now, 1)
		s.get(Message{Type: MsgReadIndex, From: 2, Term: 6, Round: 7})
		out := s.out()
		if lease == nil {
			s.echo(2, s.leading.round)
			out = s.out()
		}
		require.Equal(t, []ReadGrant{{ID: 1, Index: 3}}, out.Reads)
		require.Equal(t, uint64(3), only(t, out.Messages, MsgReadIndexResp).LogIndex)
	}
}

// Claim: who cannot serve a follower's read says so: who does not lead, who leads another term, who has too many waiting, and who ceases to lead; strangers
// get nothing from a leader. Method: each case.
func TestReadsAreRefusedWhereTheyCannotBeServed(t *testing.T) {
	ask := Message{Type: MsgReadIndex, From: 2, Term: 5, Round: 7}
	no := func(messages []Message) { require.True(t, only(t, messages, MsgReadIndexResp).Reject) }
	no(newSolo(t, 3, nil, 5).answer(ask))
	no(newSolo(t, 3, nil, 4).answer(ask))
	s := newSolo(t, 3, nil, 5)
	s.tick()
	s.flush()
	no(s.answer(ask))
	l := leading(t, 3, func(c *Config) { c.MaxPendingReads = 2 })
	no(l.answer(ask))
	ask.Term, ask.From = 6, 9
	no(l.answer(ask))
	ask.From = 2
	require.Empty(t, of(l.answer(ask), MsgReadIndexResp))
	require.Empty(t, of(l.answer(ask), MsgReadIndexResp))
	no(l.answer(ask))
	answers := l.answer(Message{Type: MsgHeartbeat, From: 3, Term: 9})
	require.Len(t, of(answers, MsgReadIndexResp), 2)
}

// Claim (READ-06): of four voters three must follow a leader for a read. Method: one echo, then another.
func TestReadQuorumOfFour(t *testing.T) {
	s := leading(t, 4, nil)
	s.Read(s.now, 1)
	s.out()
	s.echo(2, s.leading.round)
	require.Empty(t, s.out().Reads)
	s.echo(3, s.leading.round)
	require.Len(t, s.out().Reads, 1)
}
