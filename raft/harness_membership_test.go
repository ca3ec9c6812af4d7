package raft

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// sending is a snapshot that a leader's shell is to send.
type sending struct{ from, to ReplicaID }

// transit is a snapshot that was taken and is on its way; it arrives whether its sender still wants it or not.
type transit struct {
	sending
	mark Mark
	// done: nobody waits for its end any more.
	done bool
}

// snapshots is the part of the cluster that moves states of the state machine. A state is no more than
// an index here: that it is the same everywhere is what observe checks.
type snapshots struct {
	sendings []sending
	transits []transit
	// installed is what each engine took over last.
	installed map[ReplicaID]Mark
	// known is the configuration that each shell was told of.
	known             map[ReplicaID]confchange.Config
	restores, changes int
}

// storeOf is the number of the store that a replica is added for.
func storeOf(id ReplicaID) uint64 { return uint64(id) * 7 }

// collectSnapshots takes note of what a replica wants of its shell.
func (c *cluster) collectSnapshots(id ReplicaID, out Output) {
	for _, to := range out.Cancelled {
		i := slices.Index(c.sendings, sending{id, to})
		if i < 0 {
			i = c.underWay(sending{id, to})
			require.GreaterOrEqual(c.t, i, 0, "a snapshot is cancelled that was not asked for")
			c.transits[i].done = true
			continue
		}
		c.sendings = slices.Delete(c.sendings, i, i+1)
	}
	for _, to := range out.Snapshots {
		s := sending{id, to}
		require.NotContains(c.t, c.sendings, s, "a snapshot is asked for twice")
		require.Negative(c.t, c.underWay(s), "a snapshot is asked for twice")
		c.sendings = append(c.sendings, s)
	}
	r := c.nodes[id]
	if !c.known[id].Equal(r.Configuration()) {
		require.True(c.t, out.ConfigChanged, "the shell of %d does not learn of %v", id, r.Configuration())
	}
	c.known[id] = r.Configuration()
}

// underWay returns the place of the snapshot whose end its sender waits for.
func (c *cluster) underWay(s sending) int {
	return slices.IndexFunc(c.transits, func(t transit) bool { return t.sending == s && !t.done })
}

// sendSnapshot takes the oldest snapshot that is asked for, or lets number i of those on their way arrive. If it
// fails, it is lost.
func (c *cluster) sendSnapshot(i int, fail bool) {
	if len(c.sendings) > 0 {
		s := c.sendings[0]
		c.sendings = c.sendings[1:]
		m, ok := c.nodes[s.from].MarkAt(c.applied[s.from])
		require.True(c.t, ok)
		c.transits = append(c.transits, transit{sending: s, mark: m})
		return
	}
	if len(c.transits) == 0 {
		return
	}
	t := c.transits[i]
	c.transits = slices.Delete(c.transits, i, i+1)
	ok := !fail && c.install(&t)
	if from := c.nodes[t.from]; from != nil && !t.done {
		from.SnapshotEnded(t.to, ok)
		c.after(t.from)
	}
}

// install has the receiver's engine take the snapshot over, and then its log.
func (c *cluster) install(t *transit) bool {
	r := c.nodes[t.to]
	if r == nil || r.Role() == Leader || c.cut[[2]ReplicaID{t.from, t.to}] {
		return false
	}
	if t.mark.Index <= c.applied[t.to] {
		return true
	}
	c.installed[t.to], c.applied[t.to] = t.mark, t.mark.Index
	require.NoError(c.t, r.Restore(c.now, t.mark))
	c.restores++
	c.after(t.to)
	return true
}

// join creates the replica that a message is for, if the message says that this store may.
func (c *cluster) join(m *Message) {
	if _, ok := c.cfgs[m.To]; ok || m.Join != storeOf(m.To) {
		return
	}
	cfg := c.cfgs[c.ids[0]]
	cfg.ID, cfg.Voters, cfg.Seed = m.To, nil, cfg.Seed*31+uint64(m.To)
	c.ids, c.cfgs[m.To], c.disks[m.To] = append(c.ids, m.To), cfg, &disk{}
	c.start(m.To)
}

func change(kind confchange.Kind, id ReplicaID) confchange.Change {
	return confchange.Change{Kind: kind, Member: confchange.Member{ID: uint64(id), Store: storeOf(id)}}
}

// nextID is the id of a replica that could be added on the node.
func nextID(r *Raft, node uint64) ReplicaID {
	return MakeReplicaID(node, r.Configuration().Generation+1)
}

// change has the leader propose changes.
func (c *cluster) change(r *Raft, changes ...confchange.Change) error {
	_, _, err := r.ProposeChange(c.now, changes)
	if err == nil {
		c.changes++
		c.after(r.ID())
	}
	return err
}

// complete has the leader make changes, and waits until they are complete.
func (c *cluster) complete(what string, changes ...confchange.Change) {
	c.runUntil(what, func() bool { return c.leader() != nil && c.change(c.leader(), changes...) == nil })
	c.settled(what)
}

// settled waits until the newest configuration is committed and not joint, and its leader a voter of it.
func (c *cluster) settled(what string) *Raft {
	c.runUntil(what+": the configuration settles", func() bool {
		l := c.leader()
		return l != nil && l.committedOwn() && l.ConfigIndex() <= l.Commit() && !l.Configuration().Joint()
	})
	return c.leader()
}

// members returns the members of the configuration that the leader has committed; all replicas if nobody leads.
func (c *cluster) members() []ReplicaID {
	l := c.leader()
	if l == nil {
		return c.ids
	}
	var ids []ReplicaID
	for _, m := range l.CommittedConfiguration().Members {
		ids = append(ids, ReplicaID(m.ID))
	}
	return ids
}
