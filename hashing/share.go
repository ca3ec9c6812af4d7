package hashing

import (
	"cmp"
	"slices"
)

// bounds are inclusive.
type bounds struct{ low, high int }

// level is how many replicas a unit of weight gets, as an exact fraction.
type level struct{ num, den int }

// share returns the two whole numbers next to a node's share at this level; they are the
// same if the share is whole, or cut off at most.
func (l level) share(weight, most int) bounds {
	whole, rest := weight*l.num/l.den, weight*l.num%l.den
	if whole >= most {
		return bounds{most, most}
	}
	if rest == 0 {
		return bounds{whole, whole}
	}
	return bounds{whole, whole + 1}
}

// fill returns the level at which nodes of these weights, heaviest first, get total
// replicas together, none of them more than most. total is at most most for each.
func fill(weights []int, total, most int) level {
	rest := 0
	for _, w := range weights {
		rest += w
	}
	for _, w := range weights {
		if w*total < most*rest {
			return level{total, rest}
		}
		total -= most
		rest -= w
	}
	return level{most, 1} // every node has all it can have
}

// zone is a set of nodes of which each partition has low to high.
type zone struct {
	nodes []int // indexes, ascending
	bounds
}

// zonesOf groups nodes by zone, and returns the zone of each node as well. A node
// without a zone is one by itself.
//
// The bounds spread a partition as evenly as can be: no zone has two more of
// its replicas than another one that has a free node.
func zonesOf(nodes []Node, replicas int) (zones []zone, of []int) {
	named := make(map[string]int)
	for i, n := range nodes {
		z, ok := named[n.Zone]
		if !ok || n.Zone == "" {
			z = len(zones)
			zones = append(zones, zone{})
			named[n.Zone] = z
		}
		zones[z].nodes = append(zones[z].nodes, i)
		of = append(of, z)
	}
	room := 0
	for high := 1; room < replicas; high++ {
		room = 0
		for z := range zones {
			size := len(zones[z].nodes)
			zones[z].bounds = bounds{min(size, high-1), min(size, high)}
			room += zones[z].high
		}
	}
	return zones, of
}

// sharesOf returns how many replicas each node may have: its fair share, rounded
// down or up (doc.go has what is fair).
//
// The level is found as the sizes of flexible boxes are in CSS: if the zones at their
// bounds take more in sum than they leave, the level must fall, so that those below their
// lower bound stay there, and the other way round.
func sharesOf(nodes []Node, zones []zone, of []int, partitions, replicas int) []bounds {
	heavy := make([]int, len(nodes))
	for i := range heavy {
		heavy[i] = i
	}
	slices.SortStableFunc(heavy, func(a, b int) int { return cmp.Compare(nodes[b].Weight, nodes[a].Weight) })
	weights := make([]int, 0, len(nodes))
	levelOf := func(total int, in func(z int) bool) level {
		weights = weights[:0]
		for _, i := range heavy {
			if in(of[i]) {
				weights = append(weights, int(nodes[i].Weight))
			}
		}
		return fill(weights, total, partitions)
	}

	levels := make([]level, len(zones)) // den is 0 while the zone is open
	open, total := len(zones), partitions*replicas
	for open > 0 {
		common := levelOf(total, func(z int) bool { return levels[z].den == 0 })
		excess, pull := 0, make([]int, len(zones))
		for z := range zones {
			if levels[z].den == 0 {
				pull[z] = zones[z].pull(nodes, common, partitions)
				excess += pull[z]
			}
		}
		for z := range zones {
			switch {
			case levels[z].den != 0 || excess > 0 && pull[z] <= 0 || excess < 0 && pull[z] >= 0:
				continue
			case pull[z] == 0:
				levels[z] = common
			default:
				fixed := partitions * zones[z].low
				if pull[z] < 0 {
					fixed = partitions * zones[z].high
				}
				levels[z] = levelOf(fixed, func(y int) bool { return y == z })
				total -= fixed
			}
			open--
		}
	}
	shares := make([]bounds, len(nodes))
	for i, n := range nodes {
		shares[i] = levels[of[i]].share(int(n.Weight), partitions)
	}
	return shares
}

// pull is by how much the bounds move what the zone gets at a level, in
// replicas times l.den.
func (z zone) pull(nodes []Node, l level, partitions int) int {
	sum := 0
	for _, i := range z.nodes {
		sum += min(int(nodes[i].Weight)*l.num, partitions*l.den)
	}
	return min(max(sum, z.low*partitions*l.den), z.high*partitions*l.den) - sum
}
