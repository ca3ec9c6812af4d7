package raft_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// Goal: requests are idempotent (§5.5): a follower that has it all answers a repeated append the
// same and changes nothing. Method: repeat votes, appends and heartbeats; compare state and disk writes.
func TestPaper55_RequestsAreIdempotent(t *testing.T) {
	l := newLone(t, 3, 4, []uint64{1, 1})
	for _, m := range []raft.Message{
		{Type: raft.MsgVote, From: 2, Term: 5, LogIndex: 2, LogTerm: 1},
		{Type: raft.MsgAppend, From: 2, Term: 5, LogIndex: 2, LogTerm: 1, Entries: entries(2, 5, 5), Commit: 3},
		{Type: raft.MsgHeartbeat, From: 2, Term: 5, Commit: 4, Round: 3},
	} {
		first := l.receive(m)
		require.Len(t, first, 1)
		status, disk, log := l.r.Status(), l.disk, l.terms()
		for range 3 {
			require.Equal(t, first, l.receive(m))
			require.Equal(t, status, l.r.Status())
			require.Equal(t, disk, l.disk)
			require.Equal(t, log, l.terms())
		}
	}
}

// Goal: a network that delivers everything twice leads to the same logs, terms and commits (§5.5).
// Method: the same story with and without duplicates.
func TestPaper55_DuplicatedMailChangesNothing(t *testing.T) {
	story := func(copies int) *rafttest.Cluster {
		c := group(t, 3, plain)
		deliver := func() {
			for len(c.Mail(rafttest.Selection{})) > 0 {
				batch := c.Mail(rafttest.Selection{})
				before := len(batch)
				for range copies {
					for _, m := range batch {
						c.Receive(m)
					}
				}
				// What was just received is done with; what it led to comes next.
				c.Drop(rafttest.Selection{Count: before})
			}
		}
		c.Tick(1)
		deliver()
		for i := range 5 {
			_, err := c.Propose(1, fmt.Sprint(i))
			require.NoError(t, err)
			deliver()
		}
		c.Tick(1)
		deliver()
		return c
	}
	once, twice := story(1), story(2)
	for id := raft.ReplicaID(1); id <= 3; id++ {
		require.Equal(t, once.Log(id), twice.Log(id))
		require.Equal(t, once.Raft(id).Commit(), twice.Raft(id).Commit())
		require.Equal(t, once.Raft(id).Term(), twice.Raft(id).Term())
		require.Equal(t, uint64(6), twice.Raft(id).Commit())
	}
}

// Goal: a follower that crashes after it did the work but before it answered gets the request again and ignores what it has
// (§5.5). Method: crash between the write and the answer's arrival.
func TestPaper55_CrashBetweenWorkAndAnswer(t *testing.T) {
	c := group(t, 2)
	leader := elect(t, c, 1)
	_, err := c.Propose(1, "a", "b")
	require.NoError(t, err)
	c.Deliver(rafttest.Selection{To: 2})
	c.Drop(rafttest.Selection{From: 2})
	c.Crash(2)
	require.NoError(t, c.Restart(2, 10))
	require.Equal(t, uint64(1), leader.Commit())
	c.Run(c.Now() + 4*heartbeat)
	require.Equal(t, uint64(3), leader.Commit())
	require.Equal(t, c.Log(1), c.Log(2))
}

// Goal: with broadcast times far below the election timeout a leader stays, and after its crash there is a new one
// soon (§5.6). Method: ten crashes of the leader, 1 ms per message; measure virtual time until the next leader commits.
func TestPaper56_ANewLeaderIsThereSoonAfterACrash(t *testing.T) {
	c := group(t, 5)
	run := func(done func() bool, limit time.Duration) time.Duration {
		start := c.Now()
		for !done() {
			require.Less(t, c.Now()-start, limit)
			c.TickTo(c.Now() + time.Millisecond)
			c.Deliver(rafttest.Selection{})
		}
		return c.Now() - start
	}
	settled := func() bool {
		l := leaderOf(c, 5)
		return l != nil && l.Commit() == l.LastIndex()
	}
	run(settled, 10*election)
	for range 10 {
		old := leaderOf(c, 5)
		start, term := c.Now(), old.Term()
		run(func() bool { return c.Now() >= start+2*time.Second }, time.Hour)
		require.Equal(t, term, leaderOf(c, 5).Term(), "no election while the leader works")
		c.Crash(old.ID())
		took := run(settled, 10*election)
		require.GreaterOrEqual(t, took, election-heartbeat-2*time.Millisecond)
		require.NoError(t, c.Restart(old.ID(), 0))
		run(settled, 10*election)
	}
}

// Goal: the election timeout must leave room for several heartbeats, or else leaders are deposed by delay alone
// (§5.6). Method: configurations that do not are refused.
func TestPaper56_TimingRequirementIsEnforced(t *testing.T) {
	cfg := rafttest.DefaultConfig(3)
	cfg.HeartbeatInterval, cfg.ElectionTimeout = heartbeat, 2*heartbeat-1
	_, err := rafttest.New(cfg)
	require.ErrorContains(t, err, "ElectionTimeout")
	cfg.ElectionTimeout++
	_, err = rafttest.New(cfg)
	require.NoError(t, err)
}

// Goal: a new leader commits a no-op of its term at once, and so learns what is committed (§8).
// Method: a leader that inherits an entry of which nobody knows whether it is committed.
func TestPaper8_NewLeaderCommitsANoOp(t *testing.T) {
	c := group(t, 3, plain)
	for id := raft.ReplicaID(1); id <= 3; id++ {
		reset(t, c, id, 1, 1, 1)
	}
	require.Zero(t, c.Raft(1).Commit())
	elect(t, c, 1)
	require.Equal(t, uint64(3), c.Raft(1).Commit())
	last := c.Log(1)[2]
	require.Equal(t, raft.Entry{Index: 3, Term: 2, Kind: raft.EntryNoOp}, last)
}
