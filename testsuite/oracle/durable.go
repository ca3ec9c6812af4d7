package oracle

import (
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// Answering implements cluster.Watcher: every auditEvery-th acknowledged write is
// looked up in what the nodes' disks would hold after a power loss right now.
func (o *Oracle) Answering(m *cluster.Member, _ env.NodeID, index uint64) {
	if o.done {
		return
	}
	if o.acks++; o.acks%o.auditEvery != 0 {
		return
	}
	w := o.nodes[m.Number]
	if index == 0 || index > uint64(len(w.log)) {
		o.check(verdict.Violationf(invariant.OracleDurability, "no-such-entry",
			"node %d acknowledged entry %d, its log ends at %d", m.Number, index, len(w.log)).On(group, uint64(m.Number)))
		return
	}
	o.Audits++
	o.check(o.durability.ObserveAck(replicaOf(m), index, w.log[index-1].Term, configOf(m), o.durable()))
}

func configOf(m *cluster.Member) invariant.Config {
	var config invariant.Config
	for _, v := range m.Replica(node.TheGroup).Raft().Voters() {
		config.Voters = append(config.Voters, uint64(v))
	}
	return config
}

// AuditDue reports whether so many writes were acknowledged that some must have been
// audited.
func (o *Oracle) AuditDue() bool { return o.acks >= o.auditEvery }

// Finish looks once more, at the end of a run, at all acknowledged writes that were
// audited: they must still be in the durable bytes of a quorum.
func (o *Oracle) Finish() {
	for number := 1; !o.done && number <= len(o.nodes); number++ {
		if w := o.nodes[number]; w != nil {
			o.check(o.durability.Recheck(group, 1, configOf(w.member), o.durable()))
			return
		}
	}
}

// durable opens each node's durable image once, on first use.
func (o *Oracle) durable() invariant.Durable {
	images := make(map[uint64]*cluster.Image)
	return func(number, index uint64) (uint64, invariant.Holding) {
		img := images[number]
		if img == nil {
			var err error
			if img, err = o.cluster.DurableImage(int(number)); err != nil {
				o.check(verdict.Violationf(invariant.OracleDurability, "unreadable",
					"the durable bytes of node %d cannot be recovered: %v", number, err).On(group, number))
				return 0, invariant.Absent
			}
			images[number] = img
		}
		if term, ok := img.TermAt(index); ok {
			return term, invariant.Present
		}
		return 0, invariant.Absent
	}
}

var _ cluster.Watcher = (*Oracle)(nil)
