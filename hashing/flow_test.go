package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// edge is an arc with its index, for the reference.
type edge struct{ from, to, room, cost, index int }

// cheapest is the reference: one shortest way after the other by Bellman and Ford, with no
// potentials, no levels and one unit at a time.
func cheapest(vertices int, edges []edge, s, t int) (size, cost int) {
	used := make([]int, len(edges))
	for {
		const far = 1 << 40
		dist, via := make([]int, vertices), make([]int, vertices)
		for v := range dist {
			dist[v] = far
		}
		dist[s] = 0
		for range vertices {
			for i, e := range edges {
				if used[i] < e.room && dist[e.from]+e.cost < dist[e.to] && dist[e.from] < far {
					dist[e.to], via[e.to] = dist[e.from]+e.cost, i+1
				}
				if used[i] > 0 && dist[e.to]-e.cost < dist[e.from] && dist[e.to] < far {
					dist[e.from], via[e.from] = dist[e.to]-e.cost, -i-1
				}
			}
		}
		if dist[t] == far {
			return size, cost
		}
		size, cost = size+1, cost+dist[t]
		for v := t; v != s; {
			if i := via[v]; i > 0 {
				used[i-1]++
				v = edges[i-1].from
			} else {
				used[-i-1]--
				v = edges[-i-1].to
			}
		}
	}
}

// Goal: the flow is as large and as cheap as can be, keeps FLOW-1 and FLOW-2, and is a flow. Method:
// random networks, against one shortest way after the other.
func TestFlowIsLargestAndCheapest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vertices := rapid.IntRange(2, 8).Draw(t, "vertices")
		net := newNetwork(vertices, 4)
		var edges []edge
		for range rapid.IntRange(0, 24).Draw(t, "arcs") {
			e := edge{
				rapid.IntRange(0, vertices-1).Draw(t, "from"), rapid.IntRange(0, vertices-1).Draw(t, "to"),
				rapid.IntRange(0, 4).Draw(t, "room"), rapid.IntRange(0, 5).Draw(t, "cost"), 0,
			}
			e.index = net.add(e.from, e.to, e.room, e.cost)
			require.Equal(t, e.room == 0, e.index < 0)
			edges = append(edges, e)
		}
		size, cost := net.solve(0, 1)
		wantSize, wantCost := cheapest(vertices, edges, 0, 1)
		require.Equal(t, wantSize, size)
		require.Equal(t, wantCost, cost)

		sum, left := 0, make([]int, vertices)
		for _, e := range edges {
			if e.index < 0 {
				require.False(t, net.full(e.index))
				continue
			}
			flow := int(net.arcs[e.index^1].room)
			require.Equal(t, e.room, flow+int(net.arcs[e.index].room))
			require.Equal(t, flow == e.room, net.full(e.index))
			sum += flow * e.cost
			left[e.from] += flow
			left[e.to] -= flow
		}
		require.Equal(t, cost, sum)
		require.Equal(t, size, left[0])
		require.Equal(t, -size, left[1])
		for _, x := range left[2:] {
			require.Zero(t, x)
		}
		require.Zero(t, net.potential[0], "FLOW-2")
		for e, a := range net.arcs {
			if a.room > 0 {
				require.GreaterOrEqual(t, net.reduced(net.arcs[e^1].to, a), 0, "FLOW-1")
			}
		}
	})
}

// Goal: among equals, arcs that were added first are used. Method: two ways of one cost,
// added in both orders.
func TestFlowPrefersArcsAddedFirst(t *testing.T) {
	for _, first := range []int{2, 3} {
		net := newNetwork(5, 5)
		net.add(4, 0, 1, 0)
		net.add(0, first, 1, 0)
		net.add(0, 5-first, 1, 0)
		a, b := net.add(2, 1, 1, 3), net.add(3, 1, 1, 3)
		size, cost := net.solve(4, 1)
		require.Equal(t, []int{1, 3}, []int{size, cost})
		require.Equal(t, first == 2, net.full(a))
		require.Equal(t, first == 3, net.full(b))
	}
}

// Goal: an arc that no flow can be cheapest with is a broken caller. Method: negative ones.
func TestFlowRefusesNegativeArcs(t *testing.T) {
	require.Panics(t, func() { newNetwork(2, 1).add(0, 1, 1, -1) })
	require.Panics(t, func() { newNetwork(2, 1).add(0, 1, -1, 0) })
}
