package node

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// recoverReplicas starts the replicas that the log knows, or the first one of a new cluster.
func (n *Node) recoverReplicas() error {
	for i := range n.deps.Recovery.Groups {
		g := &n.deps.Recovery.Groups[i]
		if g.Group != TheGroup {
			return fmt.Errorf("the log holds partition %d, which this version does not know: start the version that wrote it", g.Group)
		}
		if err := n.open(g.Replica, g.Restored); err != nil {
			return err
		}
	}
	if len(n.replicas) > 0 || n.cfg.Start != StartBootstrap {
		return nil
	}
	return n.bootstrap()
}

// bootstrap starts this node's replica of a new cluster. All first members begin with the same
// entry, committed by agreement of their operators: the initial configuration. From then on only the
// log says who the members are. It has no addresses, which need not be written alike everywhere.
func (n *Node) bootstrap() error {
	var ids []uint64
	for _, m := range n.cfg.Members {
		ids = append(ids, uint64(raft.MakeReplicaID(uint64(m.ID), 0)))
	}
	config := confchange.Initial(ids)
	for i := range config.Members {
		node := raft.ReplicaID(config.Members[i].ID).Node()
		for _, m := range n.cfg.Members {
			if uint64(m.ID) == node {
				config.Members[i].Priority = m.Priority
			}
		}
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("the member list cannot start a cluster: %w", err)
	}
	id := raft.MakeReplicaID(uint64(n.cfg.ID), 0)
	first := raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfig, Data: config.Append(nil)}
	begin := raft.Persist{State: raft.HardState{Term: 1, Commit: 1}, Entries: []raft.Entry{first}}
	b := wal.NewBatch()
	b.Add(TheGroup, id, &begin)
	if err := n.deps.Log.Commit(b); err != nil {
		return err
	}
	return n.open(id, raft.Restored{
		HardState: begin.State, LastIndex: 1, Runs: []raft.TermRun{{First: 1, Term: 1}}, Tail: begin.Entries,
		Configs: []raft.ConfigEntry{{Index: 1, Data: first.Data}},
	})
}

// open starts a replica from what the log holds of it.
func (n *Node) open(id raft.ReplicaID, restored raft.Restored) error {
	m, err := machine.Open(TheGroup, id, n.deps.Engine, n.cfg.Limits)
	if err != nil {
		return fmt.Errorf("partition %d: opening its state: %w", TheGroup, err)
	}
	r, err := replica.New(n.cfg.replicaConfig(id, n.deps.Seed), restored, m, n.deps.Log, n, n.host.Now())
	if err != nil {
		return err
	}
	n.replicas = []*replica.Replica{r}
	n.ConfigChanged(r)
	return nil
}

// receiver returns the replica that a message to the given one is for. A message of a leader
// to a learner that was added for this node's log creates it (NODE-5).
func (n *Node) receiver(g raft.GroupID, to raft.ReplicaID, join uint64) *replica.Replica {
	if g == 0 {
		return nil
	}
	r := n.Replica(g)
	if r != nil && r.ID() == to {
		return r
	}
	if n.joining != 0 || g != TheGroup || join == 0 || join != n.deps.Recovery.Store || env.NodeID(to.Node()) != n.cfg.ID {
		return nil
	}
	if r != nil {
		if to.Generation() <= r.ID().Generation() {
			return nil
		}
		// It was removed, or there could be no other one on this node.
		if r.Stop(); !r.Idle() {
			return nil
		}
	}
	// First the log must know, durably, whose the engine's state is from now on: opening the new
	// replica wipes that of the old one, which a restart would take for damage. The leader will
	// send again.
	n.joining = to
	b := &n.commit.gathering
	b.wal.Add(g, to, &raft.Persist{})
	b.handoffs = append(b.handoffs, handoff{})
	return nil
}

// joined starts the replica whose beginning is in the log now.
func (n *Node) joined() {
	to := n.joining
	n.joining = 0
	if err := n.open(to, raft.Restored{}); err != nil {
		n.Fail(fmt.Errorf("starting replica %d of partition %d: %w", to, TheGroup, err))
	}
}

// Rejoining tells whether the node lost its data and is not yet, by a configuration that is
// committed, a member again: the one that its new replica was added by may still be taken back,
// and with it would come back the old replica, which nobody can be any more.
func (n *Node) Rejoining() bool {
	if n.cfg.Start != StartRejoin {
		return false
	}
	for _, r := range n.replicas {
		if _, ok := r.Raft().CommittedConfiguration().Member(uint64(r.ID())); ok {
			return false
		}
	}
	return true
}

// IsDamage tells whether an error of New, or the reason a node failed for, says that what is on
// disk is damaged: then the data is to be set aside and the node rejoins.
func IsDamage(err error) bool {
	var corrupt *wal.CorruptError
	return errors.Is(err, replica.ErrDamaged) || errors.Is(err, machine.ErrDamaged) || errors.As(err, &corrupt)
}
