package hashing

import (
	"cmp"
	"slices"
)

// point is a virtual node of the node with this index.
type point struct {
	hash uint64
	node int32
}

// ring returns the virtual nodes, ascending. Each node has them in proportion to
// its weight, and at least one.
func ring(cfg Config, nodes []Node) []point {
	each := cfg.VirtualNodes
	if each == 0 {
		each = DefaultVirtualNodes
	}
	var points []point
	for i, n := range nodes {
		for v := range max(1, int(n.Weight)*each/DefaultWeight) {
			points = append(points, point{pointOf(cfg.Seed, n.ID, uint64(v)), int32(i)})
		}
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.node, b.node))
	})
	return points
}

// walks returns, for each partition, all nodes in the order in which a walk up the
// ring from the start of its range meets them first: partition i's are at
// [i*len(nodes), (i+1)*len(nodes)).
//
// It goes down the ring instead and keeps the nodes by how lately it met each,
// so that all walks together cost two laps.
func walks(cfg Config, nodes []Node) []int32 {
	points := ring(cfg, nodes)
	met := make([]int32, 0, len(nodes))
	for _, p := range points {
		if !slices.Contains(met, p.node) {
			met = append(met, p.node)
		}
	}
	// met is now the walk from 0, which is what a lap down from the top ends with.
	out := make([]int32, cfg.Partitions*len(nodes))
	next := len(points) - 1
	for i := cfg.Partitions - 1; i >= 0; i-- {
		for start := rangeStart(i, cfg.Partitions); next >= 0 && points[next].hash >= start; next-- {
			node := points[next].node
			at := slices.Index(met, node)
			copy(met[1:at+1], met[:at])
			met[0] = node
		}
		copy(out[i*len(nodes):], met)
	}
	return out
}
