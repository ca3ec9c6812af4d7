package oracle

import (
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// counters are what the oracle counts for the evidence, so that each is in the table of a run
// though it be 0.
var counters = []string{
	"configurations committed", "durability audits", "follower reads served", "joint configurations committed",
	"leaders deposed", "leaders elected", "leaders elected by transfer", "lease reads served", "log compactions",
	"replicas added", "replicas replaced", "snapshot bytes sent", "snapshots installed",
}

func newEvidence() (e verdict.Evidence) {
	for _, name := range counters {
		e.Add(name, 0)
	}
	return e
}

// Count adds to a counter.
func (o *Oracle) Count(name string, n int64) { o.Evidence.Add(name, n) }

// Reading implements cluster.Watcher.
func (o *Oracle) Reading(m *cluster.Member, group raft.GroupID) (served func()) {
	rep := m.Replica(group)
	switch {
	case rep == nil:
	case rep.Raft().Role() != raft.Leader:
		return func() { o.Count("follower reads served", 1) }
	case o.leases && rep.Raft().Status().Lease:
		return func() { o.Count("lease reads served", 1) }
	}
	return func() {}
}

// arrival counts a replica that was added to the group after its start.
func (o *groupWatch) arrival(m *cluster.Member, id raft.ReplicaID) {
	if o.arrived[id] {
		return
	}
	o.arrived[id] = true
	if id.Generation() == 0 {
		return
	}
	o.Count("replicas added", 1)
	for other := range o.arrived {
		if other != id && other.Node() == uint64(m.Number) {
			o.Count("replicas replaced", 1)
			return
		}
	}
}

// told notes who was told to campaign, so that it shows whether it won.
func (o *groupWatch) told(msg *raft.Message) {
	if msg.Type == raft.MsgTimeoutNow {
		o.transfers[msg.To] = msg.Term
	}
}

// elected counts a leader.
func (o *groupWatch) elected(id raft.ReplicaID, term uint64) {
	o.Count("leaders elected", 1)
	if was := o.transfers[id]; was > 0 && term == was+1 {
		o.Count("leaders elected by transfer", 1)
	}
}

// carried counts what a message carries.
func (o *Oracle) carried(channel env.Channel, payload []byte) {
	if channel == env.ChannelSnapshot {
		o.Count("snapshot bytes sent", int64(len(payload)))
	}
}
