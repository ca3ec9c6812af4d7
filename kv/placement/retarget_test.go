package placement

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// board is what the driver of a rig sees, after one of its steps.
func (r *rig) board() *board { return r.d.observe(r.now, r.state()) }

// next returns what is wanted next of partition 1, which is on the first nodes, of which votersAt vote, on the way to goal.
func (r *rig) next(wanted, votersAt, goal []uint64) []uint64 {
	p := &Partition{Group: 1, Epoch: 2, Replicas: wanted}
	c := course{b: r.board(), p: p, goal: goal, free: func(uint64) bool { return true }}
	for _, id := range votersAt {
		if c.b.nodes[id].live() {
			c.voters = append(c.voters, id)
		} else {
			c.absent = append(c.absent, id)
		}
	}
	return c.next()
}

// Goal: at each step a group gets at most so many nodes that are new to it as it can lose (PLACE-6), grows at once, drops
// what is too much at once, and puts the goal's nodes first. Method: steps of many kinds, all nodes living.
func TestStepsAreSmallEnoughToBeSurvived(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	r.report(1, 2, 3, 4, 5, 6, 7, 8, 9)
	type list = []uint64
	for name, x := range map[string]struct{ wanted, goal, want list }{
		"there":               {list{1, 2, 3}, list{1, 2, 3}, nil},
		"one of three":        {list{1, 2, 3}, list{4, 2, 3}, list{4, 2, 3}},
		"all of three":        {list{1, 2, 3}, list{4, 5, 6}, list{4, 2, 3}},
		"all of five":         {list{1, 2, 3, 4, 5}, list{6, 7, 8, 9, 5}, list{6, 7, 5, 3, 4}},
		"one of one":          {list{1}, list{2}, list{2}},
		"all of two":          {list{1, 2}, list{3, 4}, list{3, 2}},
		"growth":              {list{1}, list{2, 1, 3}, list{2, 1, 3}},
		"growth, then others": {list{1}, list{2, 3, 4}, list{2, 3, 1}},
		"shrinking":           {list{1, 2, 3, 4, 5}, list{5}, list{5}},
		"shrinking, and one":  {list{1, 2, 3, 4, 5}, list{6, 2, 3}, list{6, 2, 3}},
		"leader":              {list{1, 2, 3}, list{2, 3, 1}, list{2, 3, 1}},
		"order of followers":  {list{1, 2, 3}, list{1, 3, 2}, nil},
	} {
		require.Equal(t, x.want, r.next(x.wanted, x.wanted, x.goal), name)
	}
	require.Nil(t, r.next(list{1, 2, 4}, list{1, 2, 3}, list{1, 5, 4}), "4 is no voter yet, 5 would be the second")
}

// Goal: dead, removed and drained nodes are replaced first, in this order, dead ones all at once; a dead one that was
// to be added is replaced at once; nobody who was not heard of lately is added; a majority must have been heard of.
// Method: steps with nodes of each kind.
func TestLostNodesAreReplacedFirst(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4, 5, 6, 7, 8)
	r.do(Drain(r.state(), 2))
	r.step()
	r.pass(10, 1, 2, 4, 5, 6, 8) // 3 and 7 are dead
	type list = []uint64
	require.Equal(t, list{4, 1, 2}, r.next(list{1, 2, 3}, list{1, 2, 3}, list{4, 5, 6}), "the dead one")
	require.Nil(t, r.next(list{1, 2, 4}, list{1, 2}, list{4, 5, 6}), "another fresh one would be too much")
	require.Equal(t, list{4, 5, 1}, r.next(list{1, 2, 4}, list{1, 2, 4}, list{4, 5, 6}), "the drained one")
	require.Equal(t, list{4, 1, 2}, r.next(list{1, 2, 7}, list{1, 2}, list{4, 1, 2}), "what was to be added died")
	require.Equal(t, list{5, 6, 1, 2, 4}, r.next(list{1, 2, 4, 3, 7}, list{1, 2, 4, 3, 7}, list{5, 6, 1, 2, 4}), "two of five")
	require.Equal(t, list{5, 1, 2, 7, 4}, r.next(list{1, 2, 4, 3, 7}, list{1, 2, 4, 3, 7}, list{5, 6, 1, 2, 7}),
		"of five, one that is dead stays, so the other two do not change at once")
	require.Equal(t, list{4, 1, 3}, r.next(list{1, 2, 3}, list{1, 2, 3}, list{4, 1, 3}), "the drained one, though a dead one stays")

	r.pass(4, 1, 2)
	require.Nil(t, r.next(list{1, 2, 3}, list{1, 2}, list{4, 1, 2}), "4 is silent")
	require.Nil(t, r.next(list{1, 4, 5}, list{1, 4, 5}, list{4, 1, 5}), "4 and 5 are silent")
	require.Nil(t, r.next(list{1}, list{1}, list{1, 5, 6}), "5 and 6 are silent")
	r.report(5)
	require.Nil(t, r.next(list{1}, list{1}, list{1, 5, 6}), "of 1 and 5 none could fail")
	r.report(6)
	require.Equal(t, list{1, 5, 6}, r.next(list{1}, list{1}, list{1, 5, 6}))
}

// Goal: a node that is added is rather of a zone that the others are not in. Method: two nodes to choose from.
func TestStepsKeepZonesApart(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4, 5)
	for id, zone := range map[uint64]string{1: "a", 2: "b", 3: "c", 4: "b", 5: "a"} {
		r.do(SetZone(r.state(), id, zone))
	}
	r.report(1, 2, 3, 4, 5)
	require.Equal(t, []uint64{5, 3, 2}, r.next([]uint64{1, 2, 3}, []uint64{1, 2, 3}, []uint64{4, 5, 3}))
}

// Goal: nothing is retargeted without a leader, or before what was wanted is reached; but it is if a wanted node is lost (PLACE-5).
// Method: a partition on nodes that is to leave a drained one, in several states.
func TestMovementsEndBeforeOthersBegin(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4, 5)
	r.put(1, 1, 1, 2, 3)
	r.report(1, 2, 3, 4, 5)
	r.do(Drain(r.state(), 3))
	require.Empty(t, r.step(), "nobody leads")

	x := r.leads(1, 1, 2, 1, voters(1, 2, 3))
	x.Settled = false
	r.report(1)
	p := r.state().Partition(1)
	require.Equal(t, broken, r.board().classify(p, []uint64{1, 2, 4}), "3 is drained")
	require.Equal(t, idle, r.board().classify(p, []uint64{1, 3, 4}), "2 is not, and nothing is settled")
	x.Settled = true
	r.report(1)
	first := r.write()[1]
	require.Len(t, first, 3)
	added := without(first, []uint64{1, 2})
	require.Subset(t, []uint64{4, 5}, added)

	r.do(SetZone(r.state(), 1, "a"))
	r.do(SetZone(r.state(), 2, "a"))
	require.Empty(t, r.step(), "balance can wait")
	r.report(1, 2, 3, 4, 5)
	r.do(Drain(r.state(), added[0]))
	second := r.write()[1]
	require.Len(t, second, 3)
	require.NotContains(t, second, added[0])
	require.Equal(t, uint64(3), r.state().Partition(1).Epoch)
	require.Empty(t, r.step())
}

// Goal: a group is only where it is to be when the replicas are in the logs that are meant. Method: a node that lost its
// data twice; the group began on it, and then replaced its replica once.
func TestReplicaInAnotherLogIsNotTheOneThatIsWanted(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3)
	r.put(1, 1, 1, 2, 3)
	reached := func(store uint64, generation uint32) bool {
		third := voter(3, generation)
		third.Store = store
		r.leads(1, 1, 2, 1, append(voters(1, 2), third))
		r.report(1, 2, 3)
		return r.board().reached(r.state().Partition(1))
	}
	wipe := func(store uint64) {
		n := plain(3)
		n.Store = store
		r.do(Join(r.state(), n, true, Evidence{}))
	}
	require.True(t, reached(0, 0))
	wipe(301)
	require.False(t, reached(0, 0))
	require.True(t, reached(301, 1))
	wipe(302)
	require.False(t, reached(301, 1))
	require.True(t, reached(302, 2))
	require.False(t, reached(0, 0))
	wipe(300) // found again
	require.True(t, reached(0, 0))
}

// Goal: only a change of the first of its nodes concerns the leader, and it is made when the replicas are where they
// are to be. Method: two nodes with two partitions, both led by one of them.
func TestLeadersAreSpread(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 2, Replicas: 2}, 1, 2)
	r.put(1, 1, 1, 2)
	r.put(2, 1, 1, 2)
	r.leads(1, 1, 2, 1, voters(1, 2))
	r.leads(1, 2, 2, 1, voters(1, 2))
	r.report(1, 2)
	changed := r.write()
	require.Len(t, changed, 1)
	for _, nodes := range changed {
		require.Equal(t, []uint64{2, 1}, nodes)
	}
	require.Empty(t, r.step())
}

// Goal: what is more urgent is done first. Method: groups for which each kind of urgency is there, and one place.
func TestUrgentMovesComeFirst(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2, 3, 4, 5, 6)
	for group, nodes := range map[uint64][]uint64{1: {1, 2, 4}, 2: {1, 2, 3}, 3: {1, 2, 6}, 4: {1, 2}} {
		r.put(group, 1, nodes...)
		r.leads(1, group, 2, 1, voters(nodes...))
	}
	r.do(Drain(r.state(), 3))
	r.step()
	r.pass(10, 1, 2, 3, 4, 5) // 6 is dead
	b := r.board()
	urgencies := map[uint64]urgency{
		1: b.classify(b.s.Partition(1), []uint64{1, 2, 5}), 2: b.classify(b.s.Partition(2), []uint64{1, 2, 5}),
		3: b.classify(b.s.Partition(3), []uint64{1, 2, 5}), 4: b.classify(b.s.Partition(4), []uint64{1, 2, 5}),
	}
	require.Equal(t, map[uint64]urgency{1: balance, 2: draining, 3: lacking, 4: lacking}, urgencies)
	require.Equal(t, leading, b.classify(b.s.Partition(1), []uint64{2, 1, 4}))
	require.Equal(t, idle, b.classify(b.s.Partition(1), []uint64{1, 4, 2}))
	require.True(t, slices.IsSorted([]urgency{broken, lacking, draining, balance, leading, idle}))

	r.d.cfg.MaxMoves = 1
	moved := r.write()
	delete(moved, MetaGroup)
	require.Len(t, moved, 1)
	require.NotContains(t, moved, uint64(1))
	require.NotContains(t, moved, uint64(2))
}
