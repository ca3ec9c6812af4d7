package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/quorum"
)

func leases(c *Config) { c.LeaseReads, c.MaxClockDrift = true, testDrift }

// testLease is how long a lease lasts with leases: two thirds of testElection.
const testLease = testElection * 8 / 12

// timed begins a timed round and returns it, with the time at which it began.
func (s *solo) timed() (uint64, time.Duration) {
	s.tick()
	m := of(s.flush(), MsgHeartbeat)
	require.NotEmpty(s.t, m)
	return m[0].Round, s.now
}

// grantsAt tells whether a read that comes at this time is granted without asking anybody.
func (s *solo) grantsAt(at time.Duration) bool {
	s.now = at
	s.Read(s.now, uint64(at))
	out := s.out()
	require.NotEqual(s.t, len(out.Reads) > 0, len(of(out.Messages, MsgHeartbeat)) > 0)
	return len(out.Reads) > 0
}

// Claim (LEASE-01, LEASE-10, dissertation §6.4.1): a lease lasts ElectionTimeout*(1-d)/(1+d) from the beginning of the round that a quorum
// echoed, however late the echo comes. Method: echo one round after a long while; read just before and at the end.
func TestLeaseCountsFromTheBeginningOfTheRound(t *testing.T) {
	for _, late := range []time.Duration{0, testLease / 2, testLease - time.Nanosecond} {
		for _, over := range []bool{false, true} {
			s := leading(t, 5, leases)
			round, begun := s.timed()
			s.now += late
			s.echo(2, round)
			require.False(t, s.Status().Lease, "no quorum yet")
			s.echo(3, round)
			if over {
				require.False(t, s.grantsAt(begun+testLease))
			} else {
				require.True(t, s.grantsAt(begun+testLease-time.Nanosecond))
			}
		}
	}
}

// Claim (LEASE-10): the length allows for a slow leader and fast followers, is exact, and does not overflow. Method: cases by hand.
func TestLeaseLength(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		drift   int
		want    time.Duration
	}{
		{time.Second, 0, time.Second},
		{time.Second, 500_000, time.Second / 3},
		{time.Second, 1000, 998_001_998},
		{24 * time.Hour, 250_000, 24 * time.Hour * 3 / 5},
	} {
		cfg := Config{ElectionTimeout: c.timeout, MaxClockDrift: c.drift}
		require.Equal(t, c.want, cfg.leaseLength())
	}
}

// Claim: leases need check-quorum and a drift that makes sense. Method: bad configurations.
func TestLeaseConfig(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.CheckQuorum = false },
		func(c *Config) { c.MaxClockDrift = -1 },
		func(c *Config) { c.MaxClockDrift = 500_001 },
	} {
		cfg := testConfig(1, 3)
		leases(&cfg)
		_, err := New(cfg, Restored{}, 0)
		require.NoError(t, err)
		change(&cfg)
		_, err = New(cfg, Restored{}, 0)
		require.ErrorContains(t, err, "raft: config")
	}
}

// Claim (LEASE-09, READ-03): a new leader grants nothing by a lease before an entry of its term is committed. Method: echoes of all
// first, then the commit.
func TestLeaseWaitsForOwnCommit(t *testing.T) {
	s := newSolo(t, 3, leases, 5, 5, 5)
	s.lead()
	s.flush()
	s.echo(2, 1)
	s.echo(3, 1)
	require.True(t, s.Status().Lease)
	s.Read(s.now, 1)
	require.Empty(t, s.out().Reads)
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3, Round: 1})
	require.Equal(t, []ReadGrant{{ID: 1, Index: 3}}, s.out().Reads)
}

// Claim: a leader that nobody echoed has no lease, nor one of before its election; a round it never began gives none. Method: a new leader.
func TestNewLeaderHasNoLease(t *testing.T) {
	s := leading(t, 3, leases)
	s.echo(2, 1)
	require.True(t, s.Status().Lease)
	s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 7})
	require.False(t, s.Status().Lease)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.ackAll(3)
	require.False(t, s.Status().Lease)
	s.echo(2, 99)
	require.False(t, s.Status().Lease)
	s.echo(2, 1)
	require.True(t, s.Status().Lease)
}

// Claim (LEASE-06, READ-07): only voters of the configuration in effect count, for leases as for rounds. Method: a round echoed by others only.
func TestOnlyVotersCountForReads(t *testing.T) {
	for _, lease := range []func(*Config){nil, leases} {
		s := leading(t, 5, lease)
		round, begun := s.timed()
		s.echo(4, round)
		s.echo(5, round)
		require.Equal(t, lease != nil, s.Status().Lease)
		s.config = quorum.Majority(1, 2, 3)
		require.False(t, s.grantsAt(begun+1), "4 and 5 were removed")
		s.echo(4, s.leading.round)
		s.echo(5, s.leading.round)
		require.Empty(t, s.out().Reads)
		s.echo(2, s.leading.round)
		require.Len(t, s.out().Reads, 1)
	}
}

// Claim (LEASE-06, §6): in a joint configuration a lease needs a majority of either half. Method: the round is echoed by outgoing voters, then by one that
// stays.
func TestJointLeaseNeedsBothHalves(t *testing.T) {
	s := leading(t, 5, leases)
	_, _, err := s.ProposeChange(s.now, []confchange.Change{changed(confchange.Remove, 4), changed(confchange.Demote, 5)})
	require.NoError(t, err)
	require.True(t, s.Configuration().Joint())
	round, begun := s.timed()
	s.echo(4, round)
	s.echo(5, round)
	require.False(t, s.grantsAt(begun+1))
	s.echo(2, round)
	require.True(t, s.Status().Lease)
	require.Len(t, s.out().Reads, 1)
}

// Claim: how many rounds a leader remembers is bounded; a round whose beginning is forgotten gives no lease, and one between two
// remembered ones counts as the older. Method: by hand.
func TestRoundStartsAreBounded(t *testing.T) {
	var s roundStarts
	for i := range uint64(100) {
		s.add(10*i, time.Duration(i))
	}
	_, ok := s.of(10*(100-leaseRounds) - 1)
	require.False(t, ok)
	at, ok := s.of(10*(100-leaseRounds) + 9)
	require.True(t, ok)
	require.Equal(t, time.Duration(100-leaseRounds), at)
	at, _ = s.of(1 << 40)
	require.Equal(t, time.Duration(99), at)
}

// Claim (LEASE-05): a replica that heard a leader answers no vote and no pre-vote for an ElectionTimeout, also if it learned a higher term meanwhile and
// no longer knows who leads. Method: learn the term by each kind of message that can tell it, then ask.
func TestTermAloneDoesNotOpenTheDoor(t *testing.T) {
	for name, bump := range map[string]Message{
		"heartbeat answer": {Type: MsgHeartbeatResp, From: 3, Term: 9},
		"append answer":    {Type: MsgAppendResp, From: 3, Term: 9, Reject: true},
		"vote answer":      {Type: MsgVoteResp, From: 3, Term: 9, Reject: true},
		"pre-vote refusal": {Type: MsgPreVoteResp, From: 3, Term: 9, Reject: true},
		"request to read":  {Type: MsgReadIndex, From: 3, Term: 9, Round: 1},
		"read refusal":     {Type: MsgReadIndexResp, From: 3, Term: 9, Round: 1, Reject: true},
		"timeout now":      {Type: MsgTimeoutNow, From: 3, Term: 9},
	} {
		for _, ask := range []Message{
			{Type: MsgVote, From: 3, Term: 9, LogIndex: 9, LogTerm: 8},
			{Type: MsgVote, From: 3, Term: 10, LogIndex: 9, LogTerm: 8},
			{Type: MsgPreVote, From: 3, Term: 10, LogIndex: 9, LogTerm: 8},
		} {
			s := newSolo(t, 3, leases, 5, 5)
			s.now = 10 * time.Second
			s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
			s.answer(bump)
			require.Equal(t, uint64(9), s.Term(), name)
			s.now += testElection - 1
			require.Empty(t, s.answer(ask), name)
			require.Equal(t, uint64(9), s.Term(), name)
			s.now++
			m := s.answer(ask)
			require.Len(t, m, 1, name)
			require.False(t, m[0].Reject, name)
		}
	}
}

// Claim: a replica that starts behaves for an ElectionTimeout as if it had just heard a leader, for it may have, even before its first term was
// durable. Method: requests to a replica that was just started, fresh or not.
func TestRestartedReplicaProtectsTheLease(t *testing.T) {
	for _, term := range []uint64{0, 5} {
		for _, typ := range []MessageType{MsgVote, MsgPreVote} {
			s := newSolo(t, 3, leases, term)
			s.now = testElection - 1
			ask := Message{Type: typ, From: 3, Term: 6}
			require.Empty(t, s.answer(ask))
			require.Equal(t, term, s.Term())
			s.now++
			require.False(t, s.answer(ask)[0].Reject)
		}
	}
	without := newSolo(t, 3, nil, 5)
	require.Len(t, without.answer(Message{Type: MsgVote, From: 3, Term: 6}), 1)
}

// Claim: whoever shortens the wait, a replica that may have promised a lease does not campaign. Method: a single voter that starts; a deadline
// moved by hand, with pre-vote and without.
func TestNobodyCampaignsInsideALease(t *testing.T) {
	lone := newSolo(t, 1, leases, 5, 5)
	lone.Tick(0)
	require.Equal(t, Follower, lone.Role())
	require.Equal(t, testElection, lone.Deadline())
	lone.tick()
	lone.flush()
	require.Equal(t, Leader, lone.Role())
	for _, preVote := range []bool{false, true} {
		s := newSolo(t, 3, func(c *Config) { leases(c); c.PreVote = preVote }, 5, 5)
		s.now = time.Second
		s.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5})
		s.election.deadline = s.now
		s.Tick(s.now)
		require.Empty(t, s.flush())
		require.Equal(t, time.Second+testElection, s.Deadline())
		s.tick()
		require.NotEqual(t, Follower, s.Role())
	}
}

// Claim: reads that wait for a round are granted too when a lease comes, before those that come later. Method: a round whose
// echo is an older timed one.
func TestLeaseGrantsWhatWaits(t *testing.T) {
	s := leading(t, 3, leases)
	round, begun := s.timed()
	require.False(t, s.grantsAt(begun+1))
	s.Read(s.now, 2)
	require.Empty(t, s.out().Reads)
	s.echo(2, round)
	require.Equal(t, []ReadGrant{{ID: uint64(begun + 1), Index: 1}, {ID: 2, Index: 1}}, s.out().Reads)
}
