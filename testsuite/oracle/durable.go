package oracle

import (
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// answering looks the entry of an acknowledged write up, if its turn has come.
func (o *groupWatch) answering(m *cluster.Member, index uint64, due bool) {
	w := o.nodes[m.Number]
	if !due && (w == nil || w.replica.Raft().ConfigIndex() <= o.auditedConfig) {
		return
	}
	if w == nil || index == 0 || index > w.last() {
		o.check(verdict.Violationf(invariant.OracleDurability, "no-such-entry",
			"node %d acknowledged entry %d, which is not in its log", m.Number, index).On(o.id, uint64(m.Number)))
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

func (o *groupWatch) finish() {
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
	o.check(o.durability.Recheck(o.id, 1, configOf(config), o.durable()))
}

// durable opens each node's durable image once, on first use. Voters are replica ids.
func (o *groupWatch) durable() invariant.Durable {
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
			if img, err = o.cluster.DurableImage(number, raft.GroupID(o.id)); err != nil {
				o.check(verdict.Violationf(invariant.OracleDurability, "unreadable",
					"the durable bytes of node %d cannot be recovered: %v", number, err).On(o.id, voter))
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
