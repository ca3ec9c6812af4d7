package oracle

import (
	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// Placement is the oracle of where partitions are: what nodes have as the table, and what becomes of replicas
// that were destroyed.
const Placement = "placement"

// tables is what is known of the cluster's tables.
type tables struct {
	// hashes are those of the tables by version, newest is the newest table.
	hashes map[uint64]uint64
	newest *placement.State
	// seen are the versions that nodes have, by incarnation.
	seen map[*cluster.Member]uint64
	// present are the replicas that nodes have, dead those that were destroyed or replaced, with the log that they
	// were in: one that was never part of a committed configuration leaves its id to another log.
	present map[place]deadReplica
	dead    map[deadReplica]bool
}

type place struct {
	number int
	group  raft.GroupID
}

type deadReplica struct {
	group   raft.GroupID
	replica raft.ReplicaID
	store   uint64
}

func newTables() tables {
	return tables{
		hashes: map[uint64]uint64{}, seen: map[*cluster.Member]uint64{},
		present: map[place]deadReplica{}, dead: map[deadReplica]bool{},
	}
}

// observeTable looks at the table that a node has after a turn: it only gets newer, all nodes have the same under one version,
// and from version to version epochs do not go back.
func (o *Oracle) observeTable(m *cluster.Member) {
	t := m.Table()
	if t == nil || t.Version == o.tables.seen[m] {
		return
	}
	if before := o.tables.seen[m]; t.Version < before {
		o.check(verdict.Violationf(Placement, "table-goes-back", "node %d had the table of version %d, and now that of version %d",
			m.Number, before, t.Version).On(placement.MetaGroup, uint64(m.Number)))
		return
	}
	o.tables.seen[m] = t.Version
	hash := xxhash.Sum64(placement.AppendTable(nil, t))
	if known, ok := o.tables.hashes[t.Version]; ok && known != hash {
		o.check(verdict.Violationf(Placement, "two-tables", "nodes have different tables of version %d", t.Version).On(placement.MetaGroup, uint64(m.Number)))
		return
	}
	o.tables.hashes[t.Version] = hash
	if n := o.tables.newest; n == nil || t.Version > n.Version {
		o.compare(n, t)
		o.tables.newest = t
	}
}

// compare looks at what changed between two tables.
func (o *Oracle) compare(old, t *placement.State) {
	o.Count("tables", 1)
	if old == nil {
		return
	}
	for i := range old.Partitions {
		was := &old.Partitions[i]
		is := t.Partition(was.Group)
		switch {
		case is == nil || is.Epoch < was.Epoch:
			o.check(verdict.Violationf(Placement, "epoch-goes-back", "group %d had epoch %d in table %d, and has not in table %d",
				was.Group, was.Epoch, old.Version, t.Version).On(was.Group, 0))
		case is.Epoch > was.Epoch:
			o.Count("placements changed", 1)
		}
	}
	if was, is := old.Cluster, t.Cluster; was.Seed != is.Seed || was.Partitions != is.Partitions {
		o.check(verdict.Violationf(Placement, "keys-move", "how keys map to partitions has changed from table %d to %d", old.Version, t.Version).
			On(placement.MetaGroup, 0))
	}
	o.Count("nodes that joined", int64(len(t.Nodes)-len(old.Nodes)))
}

// observeReplica notices a replica that was destroyed, and one that should be. rep is nil where the node has none.
func (o *Oracle) observeReplica(m *cluster.Member, group raft.GroupID, rep *replica.Replica) {
	at := place{m.Number, group}
	was, is := o.tables.present[at], deadReplica{}
	if rep != nil {
		is = deadReplica{group, rep.ID(), o.cluster.Store(m.Number)}
	}
	if was == is {
		return
	}
	o.tables.present[at] = is
	if was.replica != 0 {
		o.tables.dead[was] = true
		if is.replica == 0 {
			o.Count("replicas destroyed", 1)
		}
	}
	if o.tables.dead[is] {
		o.check(verdict.Violationf(Placement, "zombie", "node %d has replica %d of group %d again, which was destroyed or replaced before",
			m.Number, is.replica, group).On(uint64(group), uint64(is.replica)))
	}
}

// epochs checks that committed configurations of a group do not go back in what they were wanted for.
func (o *groupWatch) epochs(index, epoch uint64) {
	if last := o.newestEpoch; index > last.index && epoch < last.epoch || index < last.index && epoch > last.epoch {
		o.check(verdict.Violationf(Placement, "configuration-goes-back",
			"the configuration at entry %d is of epoch %d, that at entry %d of epoch %d", index, epoch, last.index, last.epoch).On(o.id, 0))
	}
	if index > o.newestEpoch.index {
		o.newestEpoch.index, o.newestEpoch.epoch = index, epoch
	}
}
