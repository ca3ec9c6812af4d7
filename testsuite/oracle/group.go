package oracle

import (
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// groupWatch watches the replicas of one group.
type groupWatch struct {
	*Oracle
	id uint64

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

	nodes map[int]*watched
	// initial is the configuration that the group starts with.
	initial invariant.Membership
	// arrived are the replicas that were seen, transfers the terms in which each was told to campaign.
	arrived   map[raft.ReplicaID]bool
	transfers map[raft.ReplicaID]uint64
	// newestConfig is the index of the newest committed configuration, auditedConfig of the one under
	// which a write was audited last.
	newestConfig, auditedConfig uint64
	// newestEpoch is the index of the newest committed configuration that was looked at, and its epoch.
	newestEpoch struct{ index, epoch uint64 }
	// forgotten is how far the oracles have forgotten the log.
	forgotten uint64
}

func newGroupWatch(o *Oracle, id raft.GroupID) *groupWatch {
	return &groupWatch{
		Oracle: o, id: uint64(id),
		election: invariant.NewElectionSafety(), appendOnly: invariant.NewLeaderAppendOnly(),
		matching: invariant.NewLogMatching(), complete: invariant.NewLeaderCompleteness(),
		machine: invariant.NewStateMachineSafety(), progress: invariant.NewProgress(),
		hashes: invariant.NewStateHash(), recovery: invariant.NewRecovery(),
		durability: invariant.NewDurability(), configs: invariant.NewConfigurations(),
		arrived: make(map[raft.ReplicaID]bool), transfers: make(map[raft.ReplicaID]uint64), nodes: make(map[int]*watched),
	}
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
