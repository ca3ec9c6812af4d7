package rafttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

func cluster(t *testing.T, n int) *Cluster {
	cfg := DefaultConfig(n)
	cfg.QuiesceAfter = 200 * time.Millisecond
	cfg.PreVote, cfg.CheckQuorum = false, false
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

// led is a cluster whose replica 1 leads and has committed its no-op.
func led(t *testing.T) *Cluster {
	c := cluster(t, 3)
	c.Tick(1)
	c.Stabilize()
	c.Tick(1)
	c.Stabilize()
	require.NoError(t, c.Err())
	require.Equal(t, uint64(1), c.Raft(2).Commit())
	return c
}

// Goal: each check of the group is able to fail (TEST-2 to TEST-5). Method: do to disks, logs, votes and the
// audit's memory what a broken core would, and go on.
func TestEachAuditFindsItsViolation(t *testing.T) {
	for name, breaks := range map[string]func(*testing.T, *Cluster){
		"Election Safety": func(_ *testing.T, c *Cluster) {
			c.audit.leaders[2] = 3
			c.Tick(2)
			c.Stabilize()
		},
		"Leader Completeness": func(t *testing.T, c *Cluster) {
			require.NoError(t, c.Reset(2, Disk{State: raft.HardState{Term: 1}}))
			require.NoError(t, c.Reset(3, Disk{State: raft.HardState{Term: 1}}))
			c.Tick(2)
			c.Stabilize(2, 3)
		},
		"Log Matching": func(t *testing.T, c *Cluster) {
			require.NoError(t, c.Reset(2, Disk{State: raft.HardState{Term: 4}, Entries: LogOfTerms(1, 2, 4)}))
			require.NoError(t, c.Reset(3, Disk{State: raft.HardState{Term: 4}, Entries: LogOfTerms(1, 3, 4)}))
		},
		"State Machine Safety: r2 commits": func(t *testing.T, c *Cluster) {
			require.NoError(t, c.Reset(2, Disk{State: raft.HardState{Term: 3, Commit: 1}, Entries: LogOfTerms(3)}))
		},
		"State Machine Safety: r2 applies": func(t *testing.T, c *Cluster) {
			require.NoError(t, c.Reset(2, Disk{State: raft.HardState{Term: 3, Commit: 1}, Entries: LogOfTerms(1)}))
		},
		"ELEC-04": func(_ *testing.T, c *Cluster) {
			c.post(c.replica(1), &raft.Message{Type: raft.MsgVote, From: 1, To: 2, Term: 2})
		},
		"ELEC-03": func(_ *testing.T, c *Cluster) {
			c.post(c.replica(1), &raft.Message{Type: raft.MsgVoteResp, From: 1, To: 2, Term: 1})
		},
		"leaves before the entries are durable": func(_ *testing.T, c *Cluster) {
			c.replica(2).disk.Entries = nil
			c.post(c.replica(2), &raft.Message{Type: raft.MsgAppendResp, From: 2, To: 1, Term: 1, LogIndex: 1})
		},
		"its disk does not have it": func(_ *testing.T, c *Cluster) {
			c.replica(2).disk.Entries = nil
			c.Tick(2)
		},
		"with 1 of 3 disks": func(t *testing.T, c *Cluster) {
			_, err := c.Propose(1, "a")
			require.NoError(t, err)
			for id := raft.ReplicaID(2); id <= 3; id++ {
				c.Receive(raft.Message{Type: raft.MsgAppendResp, Group: 1, From: id, To: 1, Term: 1, LogIndex: 2})
			}
		},
		"RAFT-17: r1 sleeps": func(_ *testing.T, c *Cluster) {
			c.Run(c.Now() + time.Second)
			c.replica(3).disk.Entries = nil
			c.settle(c.replica(1))
		},
		"RAFT-10": func(_ *testing.T, c *Cluster) {
			c.Read(1, 7)
			c.audit.floor[7] = 9
			c.Stabilize()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := led(t)
			breaks(t, c)
			require.ErrorContains(t, c.Err(), name)
			require.Contains(t, c.Trace(), violation)
		})
	}
}

// Goal: a leader of an old term that comes late is no violation of Leader Completeness. Method: the last
// vote of term 1 arrives when term 2 has committed.
func TestLateLeaderOfAnOldTermIsNoViolation(t *testing.T) {
	c := cluster(t, 3)
	c.Tick(1)
	c.Deliver(Selection{From: 1, To: 2})
	c.Drop(Selection{To: 3})
	vote := c.Mail(Selection{From: 2})
	c.Tick(2)
	c.Stabilize(2, 3)
	require.Equal(t, uint64(1), c.Raft(2).Commit())
	c.Receive(vote[0])
	require.Equal(t, raft.Leader, c.Raft(1).Role())
	require.NoError(t, c.Err())
}

// Goal: what a crash loses is what was not durable, no less and no more. Method: two hand-offs, one of them complete.
func TestCrashLosesWhatIsNotDurable(t *testing.T) {
	c := led(t)
	c.SetDisk(true, 2)
	for _, p := range []string{"a", "b"} {
		_, err := c.Propose(1, p)
		require.NoError(t, err)
		c.Deliver(Selection{To: 2})
	}
	seqs := c.Pending(2)
	require.Len(t, seqs, 2)
	require.True(t, c.Persist(2, seqs[0]))
	require.Len(t, c.Log(2), 3)
	c.Crash(2)
	require.Len(t, c.Log(2), 2)
	require.NoError(t, c.Restart(2, 0))
	require.Equal(t, uint64(2), c.Raft(2).LastIndex())
	require.Equal(t, []byte("a"), c.Log(2)[1].Data)
	require.Empty(t, c.Pending(2))
}

// Goal: the same calls give the same trace. Method: one long story, twice.
func TestClusterIsDeterministic(t *testing.T) {
	story := func() string {
		c, err := New(DefaultConfig(5))
		require.NoError(t, err)
		c.Run(5 * DefaultConfig(1).ElectionTimeout)
		return c.Trace() + c.Status()
	}
	require.Equal(t, story(), story())
	require.Contains(t, story(), "becomes leader")
}
