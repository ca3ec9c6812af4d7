package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// promote makes a learner a voter as soon as it has caught up.
func (c *cluster) promote(id ReplicaID) { c.complete("a promotion", change(confchange.Promote, id)) }

func (c *cluster) addVoter(node uint64) ReplicaID {
	id := nextID(c.leader(), node)
	c.complete("an addition", change(confchange.AddLearner, id))
	c.promote(id)
	return id
}

func (c *cluster) restartAll() {
	for _, id := range c.ids {
		c.crash(id)
		c.start(id)
	}
	c.elect()
}

// Claim: a group grows from one voter to seven and shrinks back to another one, even sizes included, each time without its leader, across
// restarts of all, and loses nothing. Method: one change after the other, with a write and a restart after each.
func TestGroupGrowsAndShrinks(t *testing.T) {
	c := newCluster(t, 1, 3, nil)
	c.elect()
	write := func() {
		c.runUntil("a write", func() bool { return c.leader() != nil && c.propose(c.leader(), fmt.Sprint(len(c.committed))) != 0 })
		c.agree("all members hold it")
	}
	for node := uint64(2); node <= 7; node++ {
		c.addVoter(node)
		write()
		c.restartAll()
	}
	require.Len(t, c.leader().Voters(), 7)
	for n := 6; n >= 1; n-- {
		gone := c.leader().ID()
		c.complete("the leader's removal", change(confchange.Remove, gone))
		l := c.settled("without it")
		c.runUntil("somebody else leads", func() bool { l = c.leader(); return l != nil && l.ID() != gone && l.committedOwn() })
		require.Len(t, l.Voters(), n)
		require.False(t, l.Configuration().IsVoter(uint64(gone)))
		write()
		c.restartAll()
	}
}

// Claim: a new member is brought up by a snapshot of a group whose log is compacted, and is a voter like any other then. Method: compact everywhere,
// add, promote, and let the new one be needed.
func TestNewMemberIsBroughtUpByASnapshot(t *testing.T) {
	c := newCluster(t, 3, 3, nil)
	l := c.elect()
	for i := range 50 {
		c.propose(l, fmt.Sprint(i))
	}
	c.agree("a log")
	for _, id := range c.ids {
		c.nodes[id].Compact(c.nodes[id].Applied())
		c.after(id)
	}
	id := c.addVoter(4)
	require.Positive(t, c.restores)
	require.Greater(t, c.nodes[id].FirstIndex(), uint64(50))
	c.agree("the new one holds all")
	c.crash(l.ID()%3 + 1)
	require.NotZero(t, c.propose(c.leader(), "three of four"))
	before := len(c.committed)
	c.runUntil("the new one's vote counts", func() bool { return len(c.committed) > before })
}

// Claim (MEMB-15): a replica that was removed while it was cut off does not disrupt the group when it is back. Method: remove it, heal, watch the term.
func TestRemovedReplicaDoesNotDisrupt(t *testing.T) {
	c := newCluster(t, 4, 3, nil)
	l := c.elect()
	c.agree("all follow")
	gone := l.ID()%4 + 1
	c.isolate(gone, true)
	c.complete("a removal", change(confchange.Remove, gone))
	c.run(10 * testElection)
	c.isolate(gone, false)
	c.run(20 * testElection)
	require.Equal(t, []any{l.ID(), uint64(1)}, []any{c.leader().ID(), c.leader().Term()})
	require.True(t, c.nodes[gone].Status().Removed)
	require.Equal(t, Never, c.nodes[gone].Deadline())
}

// Claim: a change that its leader could not commit is rolled back, and the group goes on in the old configuration. Method: cut a leader off with its change.
func TestLostChangeIsRolledBack(t *testing.T) {
	c := newCluster(t, 3, 3, nil)
	l := c.elect()
	c.isolate(l.ID(), true)
	require.NoError(t, c.change(l, change(confchange.Remove, l.ID()%3+1)))
	require.True(t, l.Configuration().Joint())
	c.runUntil("another leader", func() bool { n := c.leader(); return n != nil && n.ID() != l.ID() && n.committedOwn() })
	require.NotZero(t, c.propose(c.leader(), "in its place"))
	c.isolate(l.ID(), false)
	c.agree("all go on")
	for _, id := range c.ids {
		require.Equal(t, "voters(1 2 3)", c.nodes[id].Configuration().String())
	}
}

// Claim (MEMB-08): a joint phase survives the crash of everybody and is ended by whoever leads next. Method: crash all with a joint configuration on every disk.
func TestJointPhaseSurvivesARestart(t *testing.T) {
	c := newCluster(t, 3, 3, nil)
	l := c.elect()
	c.filter = func(m Message) bool { return m.Type != MsgAppendResp }
	require.NoError(t, c.change(l, change(confchange.Remove, l.ID())))
	c.run(testHeartbeat)
	for _, id := range c.ids {
		require.True(t, c.nodes[id].Configuration().Joint())
	}
	c.filter = nil
	c.restartAll()
	for _, id := range c.ids {
		require.False(t, c.nodes[id].Configuration().Joint() && c.nodes[id].CommittedConfiguration().Joint() && c.nodes[id].Role() == Leader)
	}
	c.runUntil("somebody else leads", func() bool { n := c.leader(); return n != nil && n.ID() != l.ID() && n.committedOwn() })
	require.Len(t, c.settled("it is left").Voters(), 2)
}
