package hashing

import (
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// exactShares is the reference for fair shares, by the words of doc.go: the one level, and the ones
// of zones at their bounds, are found by straight lines between all points where the slope of the sum
// changes.
func exactShares(nodes []Node, partitions, replicas int) []*big.Rat {
	zones, of := zonesOf(nodes, replicas)
	most := big.NewRat(int64(partitions), 1)
	share := func(n Node, level *big.Rat) *big.Rat {
		s := new(big.Rat).Mul(level, big.NewRat(int64(n.Weight), 1))
		return least(s, most)
	}
	sumOf := func(z zone, level *big.Rat) *big.Rat {
		sum := new(big.Rat)
		for _, i := range z.nodes {
			sum.Add(sum, share(nodes[i], level))
		}
		return sum
	}
	bends := []*big.Rat{new(big.Rat)}
	for _, n := range nodes {
		bends = append(bends, big.NewRat(int64(partitions), int64(n.Weight)))
	}
	slices.SortFunc(bends, (*big.Rat).Cmp)
	levels := make([][2]*big.Rat, len(zones)) // at the lower and upper bound
	for z, zone := range zones {
		for k, bound := range []int{zone.low, zone.high} {
			total := big.NewRat(int64(bound*partitions), 1)
			levels[z][k] = solve(bends, total, func(l *big.Rat) *big.Rat { return sumOf(zone, l) })
		}
	}
	all := slices.Clone(bends)
	for _, l := range levels {
		all = append(all, l[0], l[1])
	}
	slices.SortFunc(all, (*big.Rat).Cmp)
	levelOf := func(z int, l *big.Rat) *big.Rat {
		if l.Cmp(levels[z][0]) < 0 {
			return levels[z][0]
		}
		return least(l, levels[z][1])
	}
	common := solve(all, big.NewRat(int64(partitions*replicas), 1), func(l *big.Rat) *big.Rat {
		sum := new(big.Rat)
		for z := range zones {
			sum.Add(sum, sumOf(zones[z], levelOf(z, l)))
		}
		return sum
	})
	var out []*big.Rat
	for i, n := range nodes {
		out = append(out, share(n, levelOf(of[i], common)))
	}
	return out
}

func least(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// solve returns where a rising function that is straight between bends has the value want.
func solve(bends []*big.Rat, want *big.Rat, f func(*big.Rat) *big.Rat) *big.Rat {
	for k := 1; k < len(bends); k++ {
		low, high := f(bends[k-1]), f(bends[k])
		if high.Cmp(want) < 0 {
			continue
		}
		rise := new(big.Rat).Sub(high, low)
		if rise.Sign() == 0 {
			return bends[k-1]
		}
		part := new(big.Rat).Sub(want, low)
		part.Quo(part, rise)
		part.Mul(part, new(big.Rat).Sub(bends[k], bends[k-1]))
		return part.Add(part, bends[k-1])
	}
	return bends[len(bends)-1]
}

func roundings(r *big.Rat) bounds {
	low := new(big.Int).Div(r.Num(), r.Denom()).Int64()
	if r.IsInt() {
		return bounds{int(low), int(low)}
	}
	return bounds{int(low), int(low) + 1}
}

// Goal: shares are what doc.go calls fair, rounded (RING-4), and add up to all replicas. Method: random
// weights and zones, against exact fractions found in another way.
func TestSharesAreFairToTheFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, rapid.IntRange(1, 20).Draw(t, "nodes"))
		partitions, replicas := rapid.IntRange(1, 100).Draw(t, "partitions"), rapid.IntRange(1, len(nodes)).Draw(t, "replicas")
		zones, of := zonesOf(nodes, replicas)
		got := sharesOf(nodes, zones, of, partitions, replicas)
		sum := new(big.Rat)
		for i, share := range exactShares(nodes, partitions, replicas) {
			require.Equal(t, roundings(share), got[i], "%+v", nodes[i])
			sum.Add(sum, share)
		}
		require.Equal(t, big.NewRat(int64(partitions*replicas), 1).String(), sum.String())
	})
}

// Goal: the cases that doc.go speaks of are as a reader would expect. Method: one example each.
func TestSharesOfKnownClusters(t *testing.T) {
	node := func(weight uint32, zone string) Node { return Node{Weight: weight, Zone: zone} }
	for name, x := range map[string]struct {
		nodes                []Node
		partitions, replicas int
		want                 []bounds
	}{
		"equal":            {[]Node{node(1, ""), node(1, ""), node(1, ""), node(1, "")}, 16, 3, []bounds{{12, 12}, {12, 12}, {12, 12}, {12, 12}}},
		"rounded":          {[]Node{node(7, ""), node(7, ""), node(7, ""), node(7, ""), node(7, "")}, 16, 3, []bounds{{9, 10}, {9, 10}, {9, 10}, {9, 10}, {9, 10}}},
		"by weight":        {[]Node{node(100, ""), node(200, ""), node(300, "")}, 12, 1, []bounds{{2, 2}, {4, 4}, {6, 6}}},
		"cut off":          {[]Node{node(100, ""), node(100, ""), node(1000, "")}, 10, 2, []bounds{{5, 5}, {5, 5}, {10, 10}}},
		"all on all":       {[]Node{node(1, ""), node(1000, ""), node(3, "")}, 10, 3, []bounds{{10, 10}, {10, 10}, {10, 10}}},
		"zones as weights": {[]Node{node(1, "a"), node(1, "a"), node(2, "b"), node(2, "c")}, 12, 3, []bounds{{6, 6}, {6, 6}, {12, 12}, {12, 12}}},
		"small zone":       {[]Node{node(1, "a"), node(1, "b"), node(1, "b"), node(1, "b")}, 12, 2, []bounds{{12, 12}, {4, 4}, {4, 4}, {4, 4}}},
		"heavy zone":       {[]Node{node(1, "a"), node(1, "b"), node(9, "c"), node(9, "c")}, 12, 2, []bounds{{6, 6}, {6, 6}, {6, 6}, {6, 6}}},
		"two of three":     {[]Node{node(1, "a"), node(1, "a"), node(1, "b"), node(1, "b")}, 12, 3, []bounds{{9, 9}, {9, 9}, {9, 9}, {9, 9}}},
		"five in three":    {[]Node{node(1, "a"), node(1, "b"), node(1, "c"), node(1, "c"), node(1, "c"), node(1, "c")}, 12, 4, []bounds{{12, 12}, {12, 12}, {6, 6}, {6, 6}, {6, 6}, {6, 6}}},
	} {
		zones, of := zonesOf(x.nodes, x.replicas)
		require.Equal(t, x.want, sharesOf(x.nodes, zones, of, x.partitions, x.replicas), name)
	}
}

// Goal: the bounds of zones allow exactly the spreads that RING-3 allows. Method: for every count of
// replicas by zone, ask both.
func TestZoneBoundsAreTheEvenSpreads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "sizes")
		var nodes []Node
		for z, size := range sizes {
			for range size {
				nodes = append(nodes, Node{Weight: 1, Zone: string(rune('a' + z))})
			}
		}
		replicas := rapid.IntRange(1, len(nodes)).Draw(t, "replicas")
		zones, of := zonesOf(nodes, replicas)
		require.Len(t, zones, len(sizes))
		counts := make([]int, len(sizes))
		var try func(z, left int)
		try = func(z, left int) {
			if z == len(sizes) {
				inside := left == 0
				for y, c := range counts {
					inside = inside && c >= zones[y].low && c <= zones[y].high
				}
				require.Equal(t, left == 0 && evenlySpread(counts, sizes), inside, "%v of %v", counts, sizes)
				return
			}
			for counts[z] = 0; counts[z] <= min(left, sizes[z]); counts[z]++ {
				try(z+1, left-counts[z])
			}
		}
		try(0, replicas)
		for i, n := range nodes {
			require.Equal(t, int(n.Zone[0]-'a'), of[i])
		}
	})
}

// evenlySpread is RING-3 word by word.
func evenlySpread(counts, sizes []int) bool {
	for a := range counts {
		for b := range counts {
			if counts[a] >= counts[b]+2 && counts[b] < sizes[b] {
				return false
			}
		}
	}
	return true
}
