package oracle

import (
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/replica"
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

// Oracle implements cluster.Watcher.
type Oracle struct {
	// Report is told of the first violation.
	Report func(*verdict.Violation)
	// MayFail says whether a node may stop serving by itself now.
	MayFail func(number int) bool
	// Damaged says whether a node's disk was damaged or lost by a fault: what it held counts as held
	// in audits, as no more of them are damaged than the cluster must survive.
	Damaged func(number int) bool
	// Sent is told of each message that a node sends to another.
	Sent func(from, to env.NodeID)

	election   *invariant.ElectionSafety
	appendOnly *invariant.LeaderAppendOnly
	matching   *invariant.LogMatching
	complete   *invariant.LeaderCompleteness
	machine    *invariant.StateMachineSafety
	progress   *invariant.Progress
	hashes     *invariant.StateHash
	recovery   *invariant.Recovery
	durability *invariant.Durability
	configs    *invariant.Configurations

	cluster *cluster.Cluster
	nodes   map[int]*watched
	done    bool
	// Evidence counts what was seen.
	Evidence verdict.Evidence
	// initial is the configuration that the group starts with; leases says that leaders may have them.
	initial invariant.Membership
	leases  bool
	// arrived are the replicas that were seen, transfers the terms in which each was told to campaign.
	arrived   map[raft.ReplicaID]bool
	transfers map[raft.ReplicaID]uint64
	// newestConfig is the index of the newest committed configuration, auditedConfig of the one under
	// which a write was audited last.
	newestConfig, auditedConfig uint64
	// forgotten is how far the oracles have forgotten the log.
	forgotten        uint64
	acks, auditEvery uint64
}

// watched is what the oracle remembers of one node.
type watched struct {
	member *cluster.Member
	// replica is the node's replica; another one starts anew.
	replica *replica.Replica
	// log is the replica's log from the entry after base on; baseTerm is the term of that
	// at base.
	log            []invariant.Entry
	base, baseTerm uint64
	leads          bool
	term           uint64
	committed      uint64
	applied        uint64
	// configs are the configurations in log, ascending, configBase the one at base. checkedConfig and
	// checkedIndex are what the replica was compared with last.
	configs                   []logConfig
	configBase, checkedConfig invariant.Membership
	checkedIndex              uint64
	// installs counts the snapshots that were installed.
	installs uint64
}

// New returns an oracle; auditEvery says how many acknowledged writes go by between two
// looks at the durable bytes.
func New(auditEvery uint64) *Oracle {
	return &Oracle{
		Report: func(*verdict.Violation) {}, MayFail: func(int) bool { return false },
		Damaged:  func(int) bool { return false },
		Sent:     func(env.NodeID, env.NodeID) {},
		election: invariant.NewElectionSafety(), appendOnly: invariant.NewLeaderAppendOnly(),
		matching: invariant.NewLogMatching(), complete: invariant.NewLeaderCompleteness(),
		machine: invariant.NewStateMachineSafety(), progress: invariant.NewProgress(),
		hashes: invariant.NewStateHash(), recovery: invariant.NewRecovery(),
		durability: invariant.NewDurability(), configs: invariant.NewConfigurations(), Evidence: newEvidence(),
		arrived: make(map[raft.ReplicaID]bool), transfers: make(map[raft.ReplicaID]uint64),
		nodes: make(map[int]*watched), auditEvery: auditEvery,
	}
}

// Watch tells the oracle which cluster it watches.
func (o *Oracle) Watch(c *cluster.Cluster) {
	o.cluster, o.leases = c, c.Plan().Settings.LeaseReads
	for n := 1; n <= c.Plan().Nodes; n++ {
		o.initial = append(o.initial, invariant.Member{ID: uint64(n), Node: uint64(n), Voter: true})
	}
}

func (o *Oracle) check(v *verdict.Violation) {
	if v == nil || o.done {
		return
	}
	o.done = true
	v.At = int64(o.cluster.World.Now())
	o.Report(v)
}
