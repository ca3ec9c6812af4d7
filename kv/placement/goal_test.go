package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Goal: partitions are created on nodes that were all heard of, in the logs that they have, in as many
// transactions as it takes. Method: more partitions than fit into one, and nodes that report one by one.
func TestPartitionsAreCreatedWhereNodesAnswer(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 300, Replicas: 3}, 1, 2, 3)
	r.report(1, 2)
	require.Empty(t, r.write(), "a node is missing")
	r.report(3)
	created := 0
	for {
		n := len(r.write())
		if created += n; n == 0 {
			break
		}
		require.LessOrEqual(t, n, maxOps-1)
	}
	require.Equal(t, 300, created)
	p := r.state().Partition(300)
	require.Equal(t, uint64(1), p.Epoch)
	require.Len(t, p.Initial, 3)
	for i, x := range p.Initial {
		require.Equal(t, Replica{p.Replicas[i], 100 * p.Replicas[i]}, x)
	}
}

// Goal: a node that does not come up does not hold the creation up for ever. Method: one of four is never heard of.
func TestCreationGoesOnWithoutTheDead(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 8, Replicas: 3}, 1, 2, 3, 4)
	r.step()
	r.report(1, 2, 3)
	created := r.write()
	require.NotEmpty(t, created, "some partitions need not wait")
	require.Less(t, len(created), 8)
	r.pass(10, 1, 2, 3)
	require.Len(t, r.write(), 8-len(created))
	for _, p := range r.state().Partitions[len(created):8] {
		require.NotContains(t, p.Replicas, uint64(4))
	}
}

// Goal: partitions wait for the nodes that are expected, as far as their replicas need them, and not for ever. Method: three
// are expected, two come, then the third; or time passes.
func TestCreationWaitsForNodesThatAreExpected(t *testing.T) {
	begin := func() *rig {
		r := newRig(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2)
		r.d.cfg.Expect, r.d.cfg.ExpectFor = 5, 30*time.Second
		r.report(1, 2)
		require.Empty(t, r.write())
		return r
	}
	r := begin()
	r.do(Join(r.state(), plain(3), false, Evidence{}))
	r.report(3)
	require.Len(t, r.write(), 4)
	r = begin()
	r.pass(29, 1, 2)
	require.Empty(t, r.write())
	r.pass(1, 1, 2)
	require.Len(t, r.write(), 4)
}

// Goal: dead voters are wanted on where too few nodes live to replace them, up to three copies, and one more where it does
// not raise the majority; and only if they have the data and are not to be emptied. A live node that is to be emptied
// stays as long as there are fewer than three others, some of them dead. Method: groups of several sizes.
func TestDeadVotersAreKeptUntilThereAreEnoughCopies(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 5}, 1, 2, 3, 4, 5)
	r.put(1, 1, 1, 2, 3, 4, 5)
	r.step()
	r.pass(10, 1, 2, 3) // 4 and 5 are dead
	r.leads(1, 1, 2, 1, voters(1, 2, 3, 4, 5))
	r.report(1)
	type list = []uint64
	keep := func(wanted list, live list, most int) list {
		p := *r.state().Partition(1)
		p.Replicas = wanted
		return r.board().keepDead(&p, live, most)
	}
	require.Equal(t, list{1, 2, 4}, keep(list{1, 4, 2}, list{1, 2}, 3), "two of two are needed anyhow")
	require.Equal(t, list{1, 2}, keep(list{1, 4, 2}, list{1, 2}, 2), "there are enough")
	require.Equal(t, list{1, 2, 3}, keep(list{1, 2, 3, 4, 5}, list{1, 2, 3}, 5), "three of five would be needed")
	require.Equal(t, list{1, 4, 5}, keep(list{1, 4, 5}, list{1}, 3), "one copy that lives is not enough")
	require.Equal(t, list{1, 2, 4}, keep(list{1, 2, 6}, list{1, 2}, 3), "4 was there before, there is no node 6")
	r.do(Drain(r.state(), 4))
	require.Equal(t, list{1, 2, 5}, keep(list{1, 4, 2}, list{1, 2}, 3), "nobody wants 4 back")
	r.do(Undrain(r.state(), 4))
	r.do(Drain(r.state(), 3))
	require.Equal(t, list{1, 4, 5}, keep(list{1, 3, 4}, list{1}, 3), "the dead first")
	r.leads(1, 1, 2, 1, append(voters(1, 2, 3), learner(4, 1)))
	r.report(1)
	require.Equal(t, list{1, 2, 3}, keep(list{3, 4, 2}, list{1, 2}, 3), "4 has no data; 3 waits for 4 or 5")
	require.Equal(t, list{1, 2}, keep(list{1, 4, 2}, list{1, 2}, 3), "3 is not wanted any more")
}

// Goal: the goal is kept until nodes, weights, zones or deaths change, and follows each of these. Method: each in turn.
func TestGoalFollowsTheNodes(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 8, Replicas: 1}, 1, 2)
	r.report(1, 2)
	r.write()
	goal := func() []uint64 {
		r.report(1, 2)
		r.step()
		var nodes []uint64
		for _, n := range r.d.goal.ring {
			nodes = append(nodes, n.ID, uint64(n.Weight))
		}
		return nodes
	}
	require.Equal(t, []uint64{1, 100, 2, 100}, goal())
	rows := &r.d.goal.rows[0]
	goal()
	require.Same(t, rows, &r.d.goal.rows[0])
	r.do(SetWeight(r.state(), 2, 300))
	require.Equal(t, []uint64{1, 100, 2, 300}, goal())
	require.NotSame(t, rows, &r.d.goal.rows[0])
	r.do(Join(r.state(), plain(3), false, Evidence{}))
	require.Equal(t, []uint64{1, 100, 2, 300, 3, 100}, goal())
	r.pass(10, 1, 2)
	require.Equal(t, []uint64{1, 100, 2, 300}, goal())
	r.do(Drain(r.state(), 1))
	require.Equal(t, []uint64{2, 300}, goal())
}
