package hashing

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// alike returns nodes 1..n of ordinary weight, without zones.
func alike(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{ID: uint64(i + 1), Weight: DefaultWeight}
	}
	return nodes
}

// Goal: all walks at once are the walks one by one. Method: from each partition's start, go
// up the ring and round, and note each node when it comes up first.
func TestWalksMeetNodesInRingOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			Seed: rapid.Uint64().Draw(t, "seed"), Partitions: rapid.IntRange(1, 40).Draw(t, "partitions"),
			VirtualNodes: rapid.IntRange(0, 20).Draw(t, "virtual"),
		}
		nodes := alike(rapid.IntRange(1, 12).Draw(t, "nodes"))
		for i := range nodes {
			nodes[i].Weight = rapid.Uint32Range(1, MaxWeight).Draw(t, "weight")
		}
		points := ring(cfg, nodes)
		got := walks(cfg, nodes)
		for i := range cfg.Partitions {
			start := rangeStart(i, cfg.Partitions)
			first := slices.IndexFunc(points, func(p point) bool { return p.hash >= start })
			first = max(first, 0) // round, if none is above
			var want []int32
			for k := range points {
				if n := points[(first+k)%len(points)].node; !slices.Contains(want, n) {
					want = append(want, n)
				}
			}
			require.Equal(t, want, got[i*len(nodes):(i+1)*len(nodes)])
		}
	})
}

// Goal: nodes have virtual nodes in proportion to weight, and each has one at least.
// Method: count them.
func TestVirtualNodesAreInProportionToWeight(t *testing.T) {
	count := func(weight uint32, virtual int) int {
		return len(ring(Config{VirtualNodes: virtual}, []Node{{ID: 5, Weight: weight}}))
	}
	require.Equal(t, DefaultVirtualNodes, count(DefaultWeight, 0))
	require.Equal(t, 3*DefaultVirtualNodes, count(3*DefaultWeight, 0))
	require.Equal(t, 8, count(DefaultWeight/2, 16))
	require.Equal(t, 1, count(1, 16))
	require.Equal(t, 10*MaxVirtualNodes, count(MaxWeight, MaxVirtualNodes))
}

// Goal: hashing is consistent: a node that comes or goes changes no other preference.
// Method: take it out of each walk, and compare with the walks without it.
func TestNodeThatLeavesChangesNoOtherPreference(t *testing.T) {
	cfg := Config{Seed: 3, Partitions: 100}
	all := alike(9)
	with := walks(cfg, all)
	for gone := range all {
		without := walks(cfg, slices.Delete(slices.Clone(all), gone, gone+1))
		for i := range cfg.Partitions {
			var want []int32
			for _, n := range with[i*9 : (i+1)*9] {
				if int(n) < gone {
					want = append(want, n)
				} else if int(n) > gone {
					want = append(want, n-1)
				}
			}
			require.Equal(t, want, without[i*8:(i+1)*8])
		}
	}
}

// Goal: nodes have about their share of the ring. Method: sum the arcs that end at each; with v
// virtual nodes the share deviates by about 1/sqrt(v).
func TestNodesOwnTheirShareOfTheRing(t *testing.T) {
	nodes := alike(10)
	nodes[4].Weight = 3 * DefaultWeight
	points := ring(Config{Seed: 1}, nodes)
	require.True(t, slices.IsSortedFunc(points, func(a, b point) int { return int(int64(a.hash>>1) - int64(b.hash>>1)) }))
	owned := make([]float64, len(nodes))
	for k, p := range points {
		owned[p.node] += float64(p.hash-points[(k+len(points)-1)%len(points)].hash) / math.Exp2(64)
	}
	for i, n := range nodes {
		fair := float64(n.Weight) / (12 * DefaultWeight)
		require.InDelta(t, 1, owned[i]/fair, 4/math.Sqrt(DefaultVirtualNodes), "node %d", n.ID)
	}
}

// Goal: from scratch, partitions are where the ring wants them, but for what balance costs. Method:
// count replicas among the first R of the walks, and leaders that are the first.
func TestPlacementFollowsTheRing(t *testing.T) {
	for _, n := range []int{4, 8, 16, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			cfg := Config{Seed: 7, Partitions: 1024, Replicas: 3}
			p := mustPlace(t, cfg, alike(n), nil)
			task, err := newTask(cfg, alike(n), nil)
			require.NoError(t, err)
			early, leads := 0, 0
			for i, list := range p {
				for _, of := range task.walk(i)[:cfg.Replicas] {
					if slices.Contains(list, uint64(of)+1) {
						early++
					}
				}
				if list[0] == uint64(task.walk(i)[0])+1 {
					leads++
				}
			}
			require.Greater(t, early, 1024*3*85/100)
			require.Greater(t, leads, 1024*75/100)
		})
	}
}
