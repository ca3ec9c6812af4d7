package placement

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// drainRig is a cluster with so many partitions on nodes 1 to 3, of which 3 is to be emptied to the others. Nodes 1 and 2
// lead.
func drainRig(t *testing.T, partitions int, others ...uint64) *rig {
	ids := append([]uint64{1, 2, 3}, others...)
	r := newRig(t, Cluster{Partitions: partitions, Replicas: 3}, ids...)
	for group := range uint64(partitions) {
		r.put(group+1, 1, 1, 2, 3)
		r.leads(1+group%2, group+1, 2, 1, voters(1, 2, 3))
	}
	r.do(Drain(r.state(), 3))
	r.report(ids...)
	return r
}

// partitions are the groups that were changed, without that of the metadata.
func partitionsOf(changed map[uint64][]uint64) (groups []uint64) {
	for group := range changed {
		if group != MetaGroup {
			groups = append(groups, group)
		}
	}
	slices.Sort(groups)
	return groups
}

// Goal: no more partitions are moved at a time than MaxMoves, and at each node no more than MaxMovesPerNode; the next
// ones follow when some are done (PLACE-4). Method: several bounds, all partitions to be moved.
func TestMovesAreBounded(t *testing.T) {
	for _, x := range []struct{ total, perNode, want int }{{1, 9, 1}, {4, 9, 4}, {9, 1, 2}, {9, 2, 4}, {64, 64, 9}} {
		r := drainRig(t, 9, 4, 5, 6)
		r.d.cfg.MaxMoves, r.d.cfg.MaxMovesPerNode = x.total, x.perNode
		changed := r.write()
		require.Len(t, partitionsOf(changed), x.want, "%+v", x)
		require.Empty(t, partitionsOf(r.write()), "%+v: they are not done", x)
		group := partitionsOf(changed)[0]
		var members []MemberReport
		for _, id := range changed[group] {
			members = append(members, voter(id, uint32(count(id > 3))))
		}
		r.leads(1+(group-1)%2, group, 2, 2, members)
		r.report(1, 2)
		if x.want < 9 {
			require.Len(t, partitionsOf(r.write()), 1, "%+v: one is done", x)
		}
	}
}

// Goal: a node gets no more than MaxMovesPerNode at a time, whoever sends. Method: one node that is to get all.
func TestReceiversAreNotOverrun(t *testing.T) {
	for perNode := 1; perNode < 4; perNode++ {
		r := drainRig(t, 9, 4)
		r.d.cfg.MaxMoves, r.d.cfg.MaxMovesPerNode = 9, perNode
		require.Len(t, partitionsOf(r.write()), perNode)
	}
}

// Goal: movements that cannot end since a node died do not wait for each other's nodes for ever (SHARD-18). Method: two, each
// with a learner on the node that the other one is to go to instead of the dead one, at one move for each node.
func TestStuckMovementsDoNotWaitForEachOther(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 2, Replicas: 4}, 1, 2, 3, 4, 5, 6)
	r.d.cfg.MaxMovesPerNode = 1
	for group, lists := range map[uint64][2][]uint64{1: {{1, 3, 4, 6}, {1, 3, 4, 5}}, 2: {{2, 3, 5, 6}, {2, 3, 5, 4}}} {
		wanted := lists[0]
		r.put(group, 1, wanted...)
		r.leads(wanted[0], group, 2, 1, append(voters(wanted[0], 3), learner(wanted[2], 1), learner(6, 2)))
	}
	r.step()
	r.pass(10, 1, 2, 3, 4, 5)
	b := r.board()
	m := b.moving()
	require.Equal(t, 2, m.count)
	for group, goal := range map[uint64][]uint64{1: {1, 3, 4, 5}, 2: {2, 3, 5, 4}} {
		p := b.s.Partition(group)
		require.True(t, b.stuck(p))
		require.Equal(t, goal, b.moving().start(b, task{p, goal, broken}))
	}
}

// Goal: a movement may turn back to a voter at any time, and replace another node though a voter is dead: neither is
// more to copy than there was. Method: a partition that goes back to the node it was to leave, which is busy; and what is
// seen of one with a dead voter.
func TestVotersCanAlwaysBeKept(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 2, Replicas: 3}, 1, 2, 3, 4, 5)
	r.d.cfg.MaxMovesPerNode = 1
	r.put(1, 1, 1, 2, 4)
	r.leads(1, 1, 2, 1, append(voters(1, 2, 3), learner(4, 1)))
	r.put(2, 2, 2, 5, 3)
	r.leads(2, 2, 2, 2, append(voters(2, 5), learner(3, 1)))
	r.step()
	r.pass(10, 1, 2, 3, 5) // 4 is dead
	b := r.board()
	p := b.s.Partition(1)
	m := b.moving()
	require.False(t, m.free(3))
	require.Equal(t, []uint64{1, 2, 3}, m.start(b, task{p, []uint64{1, 2, 3}, broken}))

	r.leads(1, 1, 2, 1, voters(1, 2, 4))
	r.report(1)
	b = r.board()
	require.Equal(t, []uint64{1, 2}, b.voters(b.leader(1), p))
	require.Equal(t, []uint64{4}, b.absent(b.leader(1), p))
}

// Goal: a partition that has not begun yet takes no place, since nothing of it is copied. Method: one without a leader at
// epoch 1, and another one to be moved.
func TestCreationTakesNoPlace(t *testing.T) {
	r := drainRig(t, 2, 4)
	r.d.cfg.MaxMoves = 1
	r.says[1] = slices.DeleteFunc(r.says[1], func(x ReplicaReport) bool { return x.Group == 1 })
	r.report(1)
	require.Equal(t, []uint64{2}, partitionsOf(r.write()))
}

// Goal: a partition that nobody leads does not hold up the others for ever; but a new driver waits until it can have heard of the
// leaders. Method: a partition in movement whose leader is silent, with one place.
func TestUnavailablePartitionsDoNotHoldUpOthers(t *testing.T) {
	r := drainRig(t, 3, 4, 5, 6)
	r.d.cfg.MaxMoves = 1
	r.put(1, 2, 1, 2, 4)
	r.says[1] = slices.DeleteFunc(r.says[1], func(x ReplicaReport) bool { return x.Group == 1 })
	r.report(1)
	for range 9 {
		r.pass(1, 1, 2, 3, 4, 5, 6)
		require.Empty(t, partitionsOf(r.write()))
	}
	r.pass(1, 1, 2, 3, 4, 5, 6)
	require.Len(t, partitionsOf(r.write()), 1)
	require.Equal(t, PhaseUnavailable, r.d.Progress(r.now, r.state()).Groups[0].Phase)
}
