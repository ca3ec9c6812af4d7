package oracle

import (
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// Answering implements cluster.Watcher: every auditEvery-th acknowledged write is
// looked up in what the nodes' disks would hold after a power loss right now, and the first one
// under each configuration.
func (o *Oracle) Answering(m *cluster.Member, _ env.NodeID, index uint64) {
	if o.done {
		return
	}
	o.acks++
	w := o.nodes[m.Number]
	if o.acks%o.auditEvery != 0 && (w == nil || w.replica.Raft().ConfigIndex() <= o.auditedConfig) {
		return
	}
	if w == nil || index == 0 || index > w.last() {
		o.check(verdict.Violationf(invariant.OracleDurability, "no-such-entry",
			"node %d acknowledged entry %d, which is not in its log", m.Number, index).On(group, uint64(m.Number)))
		return
	}
	e, ok := w.entry(index)
	if !ok {
		return // a saved answer: the entry is compacted
	}
	o.Count("durability audits", 1)
	// The entry was committed under the configuration that was in effect then: the one that is
	// now, or the newest committed one before it.
	core, durable := w.replica.Raft(), o.durable()
	o.auditedConfig = max(o.auditedConfig, core.ConfigIndex())
	v := o.durability.ObserveAck(of(w.replica), index, e.Term, configOf(core.Configuration()), durable)
	if v != nil {
		v = o.durability.ObserveAck(of(w.replica), index, e.Term, configOf(core.CommittedConfiguration()), durable)
	}
	o.check(v)
}

func configOf(c confchange.Config) invariant.Config {
	var config invariant.Config
	for i := range c.Members {
		if c.Members[i].Voter {
			config.Voters = append(config.Voters, c.Members[i].ID)
		}
		if c.Members[i].Outgoing {
			config.Outgoing = append(config.Outgoing, c.Members[i].ID)
		}
	}
	return config
}

// AuditDue reports whether so many writes were acknowledged that some must have been
// audited.
func (o *Oracle) AuditDue() bool { return o.acks >= o.auditEvery }

// Finish looks once more, at the end of a run, at all acknowledged writes that were
// audited: they must still be in the durable bytes of a quorum.
func (o *Oracle) Finish() {
	var newest *watched
	for number := 1; number <= o.cluster.Size(); number++ {
		if w := o.nodes[number]; w != nil && o.cluster.Alive(number) == w.member &&
			(newest == nil || w.replica.Raft().Commit() > newest.replica.Raft().Commit()) {
			newest = w
		}
	}
	if o.done || newest == nil {
		return
	}
	config := newest.replica.Raft().CommittedConfiguration()
	o.check(o.durability.Recheck(group, 1, configOf(config), o.durable()))
}

// durable opens each node's durable image once, on first use. Voters are replica ids.
func (o *Oracle) durable() invariant.Durable {
	images := make(map[int]*cluster.Image)
	return func(voter, index uint64) (uint64, invariant.Holding) {
		id := raft.ReplicaID(voter)
		number := int(id.Node())
		if o.Damaged(number) {
			return 0, invariant.Compacted
		}
		img, known := images[number]
		if !known {
			var err error
			if img, err = o.cluster.DurableImage(number); err != nil {
				o.check(verdict.Violationf(invariant.OracleDurability, "unreadable",
					"the durable bytes of node %d cannot be recovered: %v", number, err).On(group, voter))
				img = nil
			}
			images[number] = img
		}
		if img == nil || img.Replica() != id {
			return 0, invariant.Absent
		}
		return img.Holds(index)
	}
}

var _ cluster.Watcher = (*Oracle)(nil)

// group is the only partition.
const group = uint64(node.TheGroup)
