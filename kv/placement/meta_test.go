package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// metaRig is a cluster whose metadata group is on these nodes, all of which report.
func metaRig(t *testing.T, at []uint64, ids ...uint64) *rig {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, ids...)
	r.put(MetaGroup, 2, at...)
	r.leads(at[0], MetaGroup, 2, 2, voters(at...))
	r.report(ids...)
	return r
}

func (r *rig) metaGoal() []uint64 {
	r.step()
	return r.board().metaGoal(r.state().Partition(MetaGroup))
}

// Goal: the metadata group has 1, 3 or 5 voters, by the number of nodes that are up. Method: clusters of each size.
func TestMetadataGroupGrowsWithTheCluster(t *testing.T) {
	ids := []uint64{1, 2, 3, 4, 5, 6, 7}
	for n, want := range []int{1, 1, 3, 3, 5, 5, 5} {
		r := metaRig(t, []uint64{1}, ids[:n+1]...)
		require.Len(t, r.metaGoal(), want, "%d nodes", n+1)
		require.Equal(t, uint64(1), r.metaGoal()[0])
	}
	r := metaRig(t, []uint64{1}, 1, 2, 3)
	require.Contains(t, r.write(), uint64(1), "the partition is created first")
	require.Equal(t, map[uint64][]uint64{MetaGroup: {1, 2, 3}}, r.write())
}

// Goal: members that live stay; those that are drained, removed or dead are replaced; a dead one stays where nobody
// can replace it, and the number stays odd. Method: each of these.
func TestMetadataGroupKeepsThoseThatLive(t *testing.T) {
	r := metaRig(t, []uint64{4, 2, 3}, 1, 2, 3, 4)
	require.Equal(t, []uint64{4, 2, 3}, r.metaGoal())
	r.do(Drain(r.state(), 2))
	require.Equal(t, []uint64{4, 3, 1}, r.metaGoal())
	r.do(Drain(r.state(), 3))
	require.Equal(t, []uint64{4}, r.metaGoal(), "two are up")

	r = metaRig(t, []uint64{1, 2, 3}, 1, 2, 3)
	r.pass(10, 1, 2)
	require.Equal(t, []uint64{1, 2, 3}, r.metaGoal())

	r = metaRig(t, []uint64{1}, 1, 2, 3)
	r.pass(10, 1, 2)
	require.Equal(t, []uint64{1}, r.metaGoal(), "2 alone would only be one more that must not fail")

	r = metaRig(t, []uint64{1, 2, 3, 4, 5}, 1, 2, 3, 4, 5)
	r.pass(10, 1, 3, 5)
	require.Equal(t, []uint64{1, 3, 5}, r.metaGoal())
}

// Goal: the metadata group does not become smaller while founders may be late, and does so when they had their time. Method: a
// group of three of which only two nodes are in service, before and after ExpectFor.
func TestMetadataGroupWaitsForNodesThatAreExpected(t *testing.T) {
	r := metaRig(t, []uint64{1, 2, 3}, 1, 2, 3)
	r.d.cfg.Expect, r.d.cfg.ExpectFor = 3, 30*time.Second
	r.do(Drain(r.state(), 3))
	r.pass(29, 1, 2)
	require.Equal(t, []uint64{1, 2, 3}, r.metaGoal())
	r.pass(1, 1, 2)
	require.Equal(t, []uint64{1}, r.metaGoal())
}

// Goal: the metadata group is spread over zones, also if these are given later, and then stays. Method: all members in
// one zone, others elsewhere; and nodes without zones, of which each is one.
func TestMetadataGroupIsSpreadOverZones(t *testing.T) {
	r := metaRig(t, []uint64{1, 2, 3}, 1, 2, 3, 4)
	require.Equal(t, []uint64{1, 2, 3}, r.metaGoal())
	for id, zone := range map[uint64]string{1: "a", 2: "a", 3: "a", 4: "b"} {
		r.do(SetZone(r.state(), id, zone))
	}
	require.Equal(t, []uint64{1, 2, 4}, r.metaGoal())
	r.do(SetZone(r.state(), 3, "c"))
	require.Equal(t, []uint64{1, 3, 4}, r.metaGoal())
	r.put(MetaGroup, 3, 1, 3, 4)
	require.Equal(t, []uint64{1, 3, 4}, r.metaGoal())
}
