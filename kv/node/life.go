package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// recoverReplicas starts the replicas that the log knows, or the first one of a new cluster.
func (n *Node) recoverReplicas() error {
	for i := range n.deps.Recovery.Groups {
		s := &n.deps.Recovery.Groups[i]
		if !n.cfg.mayHold(s.Group) {
			return fmt.Errorf("the log holds partition %d, which a node of this kind does not have: start it with the version "+
				"that wrote it, and with partitions if the cluster has partitions", s.Group)
		}
		g := n.groups.add(s.Group)
		g.newest = s.Replica
		if s.Destroyed() {
			if err := n.eraseRemains(s.Group); err != nil {
				return err
			}
			continue
		}
		if err := n.open(g, s.Replica, s.Restored); err != nil {
			return err
		}
	}
	if len(n.groups.all) > 0 || n.cfg.Start != StartBootstrap {
		return nil
	}
	return n.bootstrap()
}

// bootstrap starts this node's replica of a new cluster's first group. All first members begin with the same
// entry, committed by agreement of their operators: the initial configuration. From then on only the
// log says who the members are. It has no addresses, which need not be written alike everywhere.
func (n *Node) bootstrap() error {
	id, founders := TheGroup, n.cfg.Members
	if n.cfg.sharded() {
		id, founders = placement.MetaGroup, n.cfg.metaFounders()
	}
	var config confchange.Config
	for _, m := range founders {
		config.Members = append(config.Members, confchange.Member{ID: uint64(raft.MakeReplicaID(uint64(m.ID), 0)), Voter: true, Priority: m.Priority})
	}
	config = config.Sorted()
	if err := config.Validate(); err != nil {
		return fmt.Errorf("the member list cannot start a cluster: %w", err)
	}
	self := raft.MakeReplicaID(uint64(n.cfg.ID), 0)
	if _, ok := config.Member(uint64(self)); !ok {
		return nil // it founds the cluster, but not its first group
	}
	begin, restored := beginning(config)
	b := wal.NewBatch()
	b.Add(id, self, &begin)
	if err := n.deps.Log.Commit(b); err != nil {
		return err
	}
	return n.open(n.groups.add(id), self, restored)
}

// beginning is what the log of a group that begins with this configuration holds, and what a
// replica starts from then: one entry, which is committed.
func beginning(config confchange.Config) (raft.Persist, raft.Restored) {
	first := raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfig, Data: config.Append(nil)}
	begin := raft.Persist{State: raft.HardState{Term: 1, Commit: 1}, Entries: []raft.Entry{first}}
	return begin, raft.Restored{
		HardState: begin.State, LastIndex: 1, Runs: []raft.TermRun{{First: 1, Term: 1}}, Tail: begin.Entries,
		Configs: []raft.ConfigEntry{{Index: 1, Data: first.Data}},
	}
}

// open starts a replica from what the log holds of it.
func (n *Node) open(g *group, id raft.ReplicaID, restored raft.Restored) error {
	m, err := machine.Open(g.id, id, n.deps.Engine, n.cfg.Limits)
	if err != nil {
		return fmt.Errorf("partition %d: opening its state: %w", g.id, err)
	}
	// The groups of a node have different streams of random numbers.
	seed := n.deps.Seed ^ (uint64(g.id)-1)*0x9e3779b97f4a7c15
	r, err := replica.New(n.cfg.replicaConfig(g.id, id, seed), restored, m, n.deps.Log, n, n.host.Now())
	if err != nil {
		return err
	}
	g.replica, g.newest, g.counted = r, id, r.AppliedBytes()
	n.groups.touch(g)
	n.ConfigChanged(r)
	return nil
}

// receiver returns the replica that a message to the given one is for. A message of a leader
// to a learner that was added for this node's log creates it (NODE-5).
func (n *Node) receiver(id raft.GroupID, to raft.ReplicaID, join uint64) *replica.Replica {
	if g := n.groups.get(id); g != nil && g.replica != nil && g.replica.ID() == to {
		return g.replica
	}
	if join == 0 || join != n.deps.Recovery.Store || env.NodeID(to.Node()) != n.cfg.ID || !n.cfg.mayHold(id) {
		return nil
	}
	g := n.groups.add(id)
	if g.beginning != 0 || g.erasing || to.Generation() <= g.newest.Generation() {
		return nil
	}
	if r := g.replica; r != nil {
		// It was removed, or there could be no other one on this node.
		if r.Stop(); !r.Idle() {
			return nil
		}
	}
	n.begin(g, to, raft.Persist{}, raft.Restored{})
	return nil
}

// begin has a replica begin: once the log knows, durably, whose the engine's state is from now on. Opening
// the new replica wipes that of the old one, which a restart would take for damage.
func (n *Node) begin(g *group, id raft.ReplicaID, first raft.Persist, restored raft.Restored) {
	g.beginning = id
	n.commit.gathering.wal.Add(g.id, id, &first)
	n.commit.then(func() {
		g.beginning = 0
		if err := n.open(g, id, restored); err != nil {
			n.Fail(fmt.Errorf("starting replica %d of partition %d: %w", id, g.id, err))
		}
	})
}

// Remembers tells whether the log knows of any replica, be it one that was destroyed. What it knows it knows for ever (WAL-11), so a node that
// remembers one never begins a cluster.
func (n *Node) Remembers() bool {
	return slices.ContainsFunc(n.groups.all, func(g *group) bool { return g.newest != 0 })
}

// Rejoining tells whether the node lost its data and is not yet, by a configuration that is
// committed, a member again: the one that its new replica was added by may still be taken back,
// and with it would come back the old replica, which nobody can be any more.
func (n *Node) Rejoining() bool {
	if n.cfg.Start != StartRejoin {
		return false
	}
	if !n.cfg.sharded() {
		return !n.isMember(TheGroup)
	}
	return !n.agent.takenBack() || n.agent.inMetaGroup() && !n.isMember(placement.MetaGroup)
}

// isMember tells whether this node's replica of a group is one of a configuration that is committed.
func (n *Node) isMember(g raft.GroupID) bool {
	r := n.Replica(g)
	if r == nil {
		return false
	}
	_, ok := r.Raft().CommittedConfiguration().Member(uint64(r.ID()))
	return ok
}

// IsDamage tells whether an error of New, or the reason a node failed for, says that what is on
// disk is damaged: then the data is to be set aside and the node rejoins.
func IsDamage(err error) bool {
	var corrupt *wal.CorruptError
	return errors.Is(err, replica.ErrDamaged) || errors.Is(err, machine.ErrDamaged) || errors.As(err, &corrupt)
}
