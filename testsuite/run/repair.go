package run

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// unrepaired names a node that runs and should be of use again after healing, and is not: one that lost its data
// must get a new replica from its group, a learner that waits for its promotion must become a voter. It is empty if
// there is none. A node whose disk hangs for good is not asked for; it may be any.
func (r *runner) unrepaired() string {
	if slices.ContainsFunc(r.plan.Faults, func(f plan.Fault) bool { return f.Kind == plan.HangDisk }) {
		return ""
	}
	if r.plan.Sharded() {
		return r.unplaced()
	}
	leader := r.cluster.Leader()
	if leader == 0 {
		return "nobody leads"
	}
	core := r.cluster.Member(leader).Replica(node.TheGroup).Raft()
	config := core.CommittedConfiguration()
	if config.Joint() {
		return fmt.Sprintf("the joint configuration %v is not left", config)
	}
	for number := 1; number <= r.cluster.Size(); number++ {
		m := r.cluster.Alive(number)
		member, ok := config.OnNode(uint64(number))
		if m == nil || !ok {
			continue
		}
		rep := m.Replica(node.TheGroup)
		switch {
		case rep == nil || rep.ID() != raft.ReplicaID(member.ID):
			return fmt.Sprintf("node %d has not got replica %d.%d", number, number, raft.ReplicaID(member.ID).Generation())
		case member.Promote:
			return fmt.Sprintf("node %d waits for its promotion", number)
		}
	}
	return ""
}

// repairPatience times recoveryBound is how long repairs may take that go on: a log of many entries may have to travel
// one by one.
const repairPatience = 20

// repairing watches whether repairs go on.
type repairing struct {
	progress uint64
	since    time.Duration
}

// goesOn tells whether there is still something to repair and anything happened lately that may lead there.
func (p *repairing) goesOn(r *runner) bool {
	if r.unrepaired() == "" {
		return false
	}
	progress := uint64(0)
	for number := 1; number <= r.cluster.Size(); number++ {
		if m := r.cluster.Alive(number); m != nil {
			for rep := range m.Replicas() {
				progress += rep.Raft().Durable() + rep.Raft().ConfigIndex() + rep.Raft().Term()
			}
		}
	}
	now := time.Duration(r.world.Now())
	if progress != p.progress {
		p.progress, p.since = progress, now
	}
	bound := recoveryBound(r.plan) + placementBound(r.plan)
	return now-p.since < bound && now < r.plan.HealAt+repairPatience*bound
}

// placementBound is how long a driver may wait, by the plan, before it goes on: for a node that is silent, or that
// was dead before.
func placementBound(p *plan.Plan) time.Duration {
	if !p.Sharded() {
		return 0
	}
	return 3*p.Sharding.DeadAfter + 130*p.Sharding.FlapDamping
}

func groupID(group uint64) raft.GroupID { return raft.GroupID(group) }
