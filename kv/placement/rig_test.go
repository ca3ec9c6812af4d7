package placement

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// rig is a driver with a table, and nodes that say what a test has them say.
type rig struct {
	*ledger
	d   *Driver
	now env.Instant
	// says are the replicas that a node reports.
	says map[uint64][]ReplicaReport
}

// newRig is a cluster whose driver has heard of all nodes, but of no replicas.
func newRig(t *testing.T, c Cluster, ids ...uint64) *rig {
	r := &rig{ledger: founded(t, c, ids...), says: map[uint64][]ReplicaReport{}}
	r.d = New(testConfig(), 0)
	return r
}

func (r *rig) after(d time.Duration) { r.now = r.now.Add(d) }

// pass lets time pass in which these nodes report every second.
func (r *rig) pass(seconds int, ids ...uint64) {
	for range seconds {
		r.after(time.Second)
		r.report(ids...)
	}
}

// report has nodes report.
func (r *rig) report(ids ...uint64) {
	for _, id := range ids {
		says := slices.Clone(r.says[id])
		slices.SortFunc(says, func(a, b ReplicaReport) int { return int(a.Group) - int(b.Group) })
		r.d.Heard(r.now, Report{Node: id, Store: 100 * id, Address: plain(id).Address, Replicas: says})
	}
}

// put writes the record of a partition that began on these nodes.
func (r *rig) put(group, epoch uint64, wanted ...uint64) {
	s := r.state()
	p := Partition{Group: group, Epoch: epoch, Replicas: wanted}
	if old := s.Partition(group); old != nil {
		p.Version, p.Initial = old.Version, old.Initial
	} else {
		for _, id := range wanted {
			p.Initial = append(p.Initial, Replica{id, 100 * id})
		}
	}
	txn := s.change(s.Cluster)
	txn.putPartition(p, "")
	require.True(r.t, r.commit(*txn))
}

// voter, learner and leaving are members of the generation given.
func voter(node uint64, generation uint32) MemberReport {
	return MemberReport{Replica: uint64(raft.MakeReplicaID(node, generation)), Voter: true, CaughtUp: true}
}

func learner(node uint64, generation uint32) MemberReport {
	m := MemberReport{Replica: uint64(raft.MakeReplicaID(node, generation)), Store: 100 * node}
	return m
}

func voters(nodes ...uint64) (members []MemberReport) {
	for _, n := range nodes {
		members = append(members, voter(n, 0))
	}
	return members
}

// leads has a node say from now on that it leads a group with these members, which is settled.
func (r *rig) leads(node, group, term, epoch uint64, members []MemberReport) *ReplicaReport {
	id := node
	generation := uint32(0)
	slices.SortFunc(members, func(a, b MemberReport) int { return int(a.Replica) - int(b.Replica) })
	for _, m := range members {
		generation = max(generation, raft.ReplicaID(m.Replica).Generation())
		if m.Node() == node {
			id = m.Replica
		}
	}
	r.says[node] = slices.DeleteFunc(r.says[node], func(x ReplicaReport) bool { return x.Group == group })
	r.says[node] = append(r.says[node], ReplicaReport{
		Group: group, Replica: id, Term: term, Epoch: epoch, Generation: generation, Index: term * 10, Bytes: 1000,
		Leader: true, Settled: true, Members: members,
	})
	return &r.says[node][len(r.says[node])-1]
}

// holds has a node say that it has a replica.
func (r *rig) holds(node, group uint64, generation uint32, bytes uint64) {
	r.says[node] = append(r.says[node], ReplicaReport{
		Group: group, Replica: uint64(raft.MakeReplicaID(node, generation)), Term: 1, Bytes: bytes,
	})
}

// step returns the groups that the driver changes, and what it wants of them.
func (r *rig) step() map[uint64][]uint64 {
	changed := map[uint64][]uint64{}
	txn := r.d.Step(r.now, r.state())
	for _, op := range txn.Ops[min(1, len(txn.Ops)):] {
		p, err := DecodePartition(op.Value)
		require.NoError(r.t, err)
		changed[p.Group] = p.Replicas
	}
	return changed
}

// write is step, and the change takes effect.
func (r *rig) write() map[uint64][]uint64 {
	changed := r.step()
	if txn := r.d.Step(r.now, r.state()); !txn.Empty() {
		require.True(r.t, r.commit(txn))
	}
	return changed
}
