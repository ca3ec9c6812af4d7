package oracle

import (
	"iter"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// Names of the oracles of this package, beside those of checker/invariant.
const (
	// CoreInvariant is raft's own invariants, RAFT-1 to RAFT-10.
	CoreInvariant = "core-invariant"
	// NodeFailure is a node that stops serving though its disk did not fail.
	NodeFailure = "node-failure"
)

// Oracle implements cluster.Watcher. It has a watch for each group.
type Oracle struct {
	// Report is told of the first violation.
	Report func(*verdict.Violation)
	// Mute says which oracles are not listened to, by their names; nil is none. What they would have said is not said.
	Mute func(oracle string) bool
	// MayFail says whether a node may stop serving by itself now.
	MayFail func(number int) bool
	// Damaged says whether a node's disk was damaged or lost by a fault: what it held counts as held
	// in audits, as no more of them are damaged than the cluster must survive.
	Damaged func(number int) bool

	cluster *cluster.Cluster
	groups  map[raft.GroupID]*groupWatch
	tables  tables
	// all are the cluster's groups; turns counts the turns of each node since its start.
	all   []raft.GroupID
	turns map[int]uint64
	// stores are the numbers of the logs that the nodes last started with.
	stores map[int]uint64
	done   bool
	// Evidence counts what was seen.
	Evidence verdict.Evidence
	// leases says that leaders may have them.
	leases           bool
	acks, auditEvery uint64
}

// New returns an oracle; auditEvery says how many acknowledged writes go by between two
// looks at the durable bytes.
func New(auditEvery uint64) *Oracle {
	return &Oracle{
		Report: func(*verdict.Violation) {}, MayFail: func(int) bool { return false },
		Damaged:  func(int) bool { return false },
		Evidence: newEvidence(), groups: make(map[raft.GroupID]*groupWatch), stores: make(map[int]uint64), turns: make(map[int]uint64), tables: newTables(), auditEvery: auditEvery,
	}
}

// Watch tells the oracle which cluster it watches.
func (o *Oracle) Watch(c *cluster.Cluster) {
	o.cluster, o.leases, o.all = c, c.Plan().Settings.LeaseReads, c.Groups()
	if c.Plan().Sharded() {
		return
	}
	g := o.group(node.TheGroup)
	for n := 1; n <= c.Plan().Nodes; n++ {
		g.initial = append(g.initial, invariant.Member{ID: uint64(n), Node: uint64(n), Voter: true})
	}
}

// group returns the watch over a group.
func (o *Oracle) group(id raft.GroupID) *groupWatch {
	g := o.groups[id]
	if g == nil {
		g = newGroupWatch(o, id)
		o.groups[id] = g
	}
	return g
}

// each calls fn for the watches, ascending in their groups.
func (o *Oracle) each(fn func(*groupWatch)) {
	for _, id := range slices.Sorted(maps.Keys(o.groups)) {
		fn(o.groups[id])
	}
}

func (o *Oracle) check(v *verdict.Violation) {
	if v == nil || o.done || o.Mute != nil && o.Mute(v.Oracle) {
		return
	}
	o.done = true
	v.At = int64(o.cluster.World.Now())
	o.Report(v)
}

// Recovered implements cluster.Watcher: what was promised must be there.
func (o *Oracle) Recovered(m *cluster.Member) {
	store := o.cluster.Store(m.Number)
	anew := o.stores[m.Number] != 0 && o.stores[m.Number] != store && o.Damaged(m.Number)
	o.stores[m.Number] = store
	o.turns[m.Number] = 0
	o.each(func(g *groupWatch) {
		if w := g.nodes[m.Number]; w != nil && anew && !g.configs.Ever(of(w.replica)) {
			// What it promised is lost with its log, and if the entry that added it is lost as well, another one may get its id in
			// the new log. If it becomes a member nevertheless, invariant.Configurations finds the second one.
			g.recovery.Forget(of(w.replica))
		}
		delete(g.nodes, m.Number)
	})
	for rep := range m.Replicas() {
		o.group(rep.Group()).recovered(m, rep)
	}
}

// AfterTurn implements cluster.Watcher.
func (o *Oracle) AfterTurn(m *cluster.Member) {
	if err := m.Failed(); err != nil && !o.done {
		if !o.MayFail(m.Number) {
			o.check(verdict.Violationf(NodeFailure, "stopped", "node %d stopped serving: %v", m.Number, err).On(0, uint64(m.Number)))
		}
		return
	}
	sharded := o.cluster.Plan().Sharded()
	for group := range o.toLookAt(m) {
		rep := m.Replica(group)
		if rep != nil && !o.done {
			o.group(group).afterTurn(m, rep)
		}
		if sharded && !o.done {
			o.observeReplica(m, group, rep)
		}
	}
	if sharded && !o.done {
		o.observeTable(m)
	}
}

// everyGroup is after how many turns of a node all of its groups are looked at, and not only those that took part.
const everyGroup = 32

// toLookAt are the groups of which something may have changed in the node's last turn. That others have not is a promise of the
// node (NODE-10), so now and then all are looked at.
func (o *Oracle) toLookAt(m *cluster.Member) iter.Seq[raft.GroupID] {
	o.turns[m.Number]++
	if len(o.all) == 1 || o.turns[m.Number]%everyGroup == 1 {
		return slices.Values(o.all)
	}
	return m.Turned()
}

// Sending implements cluster.Watcher: what a message promises must survive.
func (o *Oracle) Sending(m *cluster.Member, to env.NodeID, channel env.Channel, payload []byte) {
	o.carried(channel, payload)
	msg, ok := node.PeekRaft(payload)
	if !ok || o.done {
		return
	}
	if o.tables.dead[deadReplica{msg.Group, msg.From, o.cluster.Store(m.Number)}] {
		o.check(verdict.Violationf(Placement, "zombie", "replica %d of group %d, which was destroyed or replaced before, sends a message",
			msg.From, msg.Group).On(uint64(msg.Group), uint64(msg.From)))
	}
	if rep := m.Replica(msg.Group); rep != nil && msg.From == rep.ID() {
		o.group(msg.Group).sending(rep, &msg)
	}
}

// Answering implements cluster.Watcher: every auditEvery-th acknowledged write is
// looked up in what the nodes' disks would hold after a power loss right now, and the first one
// under each configuration.
func (o *Oracle) Answering(m *cluster.Member, group raft.GroupID, index uint64) {
	if o.done {
		return
	}
	o.acks++
	o.group(group).answering(m, index, o.acks%o.auditEvery == 0)
}

// AuditDue reports whether so many writes were acknowledged that some must have been
// audited.
func (o *Oracle) AuditDue() bool { return o.acks >= o.auditEvery }

// Finish looks once more, at the end of a run, at all acknowledged writes that were
// audited: they must still be in the durable bytes of a quorum.
func (o *Oracle) Finish() {
	o.each(func(g *groupWatch) { g.finish() })
}

var _ cluster.Watcher = (*Oracle)(nil)
