package raft_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// leased switches on what production may have, with clocks that are a tenth off at most.
func leased(c *raft.Config) {
	full(c)
	c.LeaseReads, c.MaxClockDrift = true, 100_000
}

// leaseTime is ElectionTimeout*(1-d)/(1+d) for leased.
const leaseTime = election * 9 / 11

// leasedLeader returns a leader of n that has committed its first entry and whose newest round began now.
func leasedLeader(t *testing.T, n int) (*lone, uint64) {
	l := newLone(t, n, 3, nil, leased)
	l.timeout()
	for id := raft.ReplicaID(2); id <= raft.ReplicaID(n); id++ {
		l.receive(raft.Message{Type: raft.MsgPreVoteResp, From: id, Term: 4, Round: 1})
	}
	for id := raft.ReplicaID(2); id <= raft.ReplicaID(n); id++ {
		l.receive(raft.Message{Type: raft.MsgVoteResp, From: id, Term: 4})
	}
	for id := raft.ReplicaID(2); id <= raft.ReplicaID(n); id++ {
		l.ack(id, 1)
	}
	require.Equal(t, raft.Leader, l.r.Role())
	sent := of(raft.MsgHeartbeat, l.timeout())
	require.Len(t, sent, n-1)
	return l, sent[0].Round
}

func (l *lone) echo(from raft.ReplicaID, round uint64) []raft.Message {
	return l.receive(raft.Message{Type: raft.MsgHeartbeatResp, From: from, Term: l.r.Term(), LogIndex: 1, Round: round})
}

// read tells whether a read is granted without a word to anybody.
func (l *lone) read(id uint64) bool {
	before := len(l.grants)
	l.r.Read(l.now, id)
	sent := l.take()
	require.Equal(l.t, len(l.grants) == before, len(of(raft.MsgHeartbeat, sent)) > 0)
	return len(l.grants) > before
}

// Goal: a leader hands over: it takes no requests, brings the target's log up to date, and tells it to campaign, which it does at
// once; so another leads without any timeout (dissertation §3.10). Method: a target that lacks entries; count the time.
func TestDissertation310_LeadershipGoesToTheTargetWithoutATimeout(t *testing.T) {
	c := group(t, 5, full)
	elect(t, c, 1)
	_, err := c.Propose(1, "a", "b")
	require.NoError(t, err)
	before := c.Now()
	require.NoError(t, c.Transfer(1, 4))
	_, err = c.Propose(1, "c")
	require.ErrorIs(t, err, raft.ErrTransferring)
	c.Stabilize()
	require.Equal(t, before, c.Now())
	require.Equal(t, raft.Leader, c.Raft(4).Role())
	require.Equal(t, raft.Follower, c.Raft(1).Role())
	require.Equal(t, uint64(2), c.Raft(4).Term())
	require.Equal(t, uint64(4), c.Raft(4).Commit(), "what was proposed before, and the entry of the new leader")
}

// Goal: if the transfer does not succeed within an election timeout, the leader goes on as before (dissertation §3.10). Method: a target that is
// down; one that has fallen out.
func TestDissertation310_FailedTransferIsAborted(t *testing.T) {
	c := group(t, 3, full)
	leader := elect(t, c, 1)
	c.Crash(3)
	require.NoError(t, c.Transfer(1, 3))
	begun := c.Now()
	c.Run(begun + election - time.Nanosecond)
	_, err := c.Propose(1, "a")
	require.ErrorIs(t, err, raft.ErrTransferring)
	c.Run(begun + election)
	require.Zero(t, leader.Transferring())
	_, err = c.Propose(1, "a")
	require.NoError(t, err)
	c.Stabilize()
	require.Equal(t, uint64(2), leader.Commit())
	require.Equal(t, uint64(1), leader.Term())
}

// Goal: servers take part in an election that their leader asked for, though they hear it, and say no as ever to a worse log
// (dissertation §4.2.3). Method: requests with and without the mark.
func TestDissertation423_TransferPassesThoseWhoHearTheLeader(t *testing.T) {
	l := newLone(t, 3, 3, []uint64{1, 3}, leased)
	l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 2, Term: 3})
	ask := raft.Message{Type: raft.MsgVote, From: 3, Term: 4, LogIndex: 2, LogTerm: 3}
	require.Empty(t, l.receive(ask))
	ask.Transfer = true
	worse := ask
	worse.LogIndex, worse.LogTerm = 5, 2
	require.True(t, only(t, raft.MsgVoteResp, l.receive(worse)).Reject)
	require.False(t, only(t, raft.MsgVoteResp, l.receive(ask)).Reject)
}

// Goal: a follower serves a read too, at an index that it asks of its leader, when it has applied that far (dissertation §6.4). Method: commit
// what a follower lacks, read there.
func TestDissertation64_FollowersServeReads(t *testing.T) {
	c := group(t, 3, full)
	elect(t, c, 1)
	_, err := c.Propose(1, "a")
	require.NoError(t, err)
	c.Stabilize(1, 2)
	require.Equal(t, uint64(2), c.Raft(1).Commit())
	c.Drop(rafttest.Selection{To: 3})
	c.Trace()
	c.Read(3, 1, 2)
	require.Len(t, c.Mail(rafttest.Selection{Type: raft.MsgReadIndex}), 1)
	c.Stabilize()
	require.Contains(t, c.Trace(), "r3 grants read 2 at index 2\n")
	c.Isolate(3)
	c.Read(3, 3)
	c.Run(c.Now() + 2*election)
	require.Contains(t, c.Trace(), "r3 drops read 3\n")
}

// Goal: a leader that a majority heard when its round began grants reads by itself, for an election timeout less the drift of clocks, counted from
// when it sent the round (dissertation §6.4.1). Method: a late majority; reads just before and at the end; then a new round.
func TestDissertation641_LeaseLastsFromTheSendingOfTheRound(t *testing.T) {
	l, round := leasedLeader(t, 5)
	sent := l.now
	l.echo(2, round)
	l.now += leaseTime / 2
	require.False(t, l.r.Status().Lease, "no majority")
	l.echo(3, round)
	l.now = sent + leaseTime - 1
	require.True(t, l.read(1))
	l.now = sent + leaseTime + 1
	require.False(t, l.read(2))
	next := of(raft.MsgHeartbeat, l.timeout())
	require.NotEmpty(t, next)
	l.echo(4, next[0].Round)
	l.echo(5, next[0].Round)
	require.Len(t, l.grants, 2, "the round granted what waited")
	require.True(t, l.read(3), "and renewed the lease")
}

// Goal: no other leader can be elected while a lease lasts: those who heard the leader neither vote nor campaign for an election timeout by their
// clocks, though they restart or learn of a later term (dissertation §6.4.1). Method: a follower in each case, asked just before and at the end.
func TestDissertation641_VotersKeepTheLease(t *testing.T) {
	for name, shake := range map[string]func(*lone){
		"nothing happens": func(*lone) {},
		"a later term":    func(l *lone) { l.receive(raft.Message{Type: raft.MsgAppendResp, From: 3, Term: 8, Reject: true}) },
		"a restart": func(l *lone) {
			cfg := rafttest.DefaultConfig(3)
			cfg.ID, cfg.ElectionTimeout, cfg.HeartbeatInterval = 1, election, heartbeat
			leased(&cfg)
			l.start(cfg)
		},
	} {
		l := newLone(t, 3, 3, nil, leased)
		l.now = time.Second
		l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 2, Term: 3})
		heard := l.now
		shake(l)
		require.Empty(t, l.wait(election-1), name)
		require.GreaterOrEqual(t, l.r.Deadline(), heard+election, name)
		ask := raft.Message{Type: raft.MsgVote, From: 3, Term: 9, LogIndex: 9, LogTerm: 8}
		require.Empty(t, l.receive(ask), name)
		l.now++
		require.False(t, only(t, raft.MsgVoteResp, l.receive(ask)).Reject, name)
	}
}

// Goal: a leader that asked another to take over gives its lease up for good, whatever becomes of the transfer (dissertation §6.4.1). Method: let
// the transfer fail, with all followers alive.
func TestDissertation641_TransferEndsTheLease(t *testing.T) {
	c := group(t, 3, leased)
	leader := elect(t, c, 1)
	c.Run(c.Now() + heartbeat)
	require.True(t, leader.Status().Lease)
	require.NoError(t, c.Transfer(1, 3))
	require.NotZero(t, c.Drop(rafttest.Selection{Type: raft.MsgTimeoutNow}))
	c.Run(c.Now()+2*election, 1, 2)
	require.Zero(t, leader.Transferring())
	require.Equal(t, raft.Leader, leader.Role())
	require.False(t, leader.Status().Lease)
}
