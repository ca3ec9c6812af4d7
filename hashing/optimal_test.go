package hashing

import (
	"math/big"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// step is a change of a placement that is possible at one place, with what it costs. Changes that go
// round in a circle lead to another placement within the bounds.
type step struct{ from, to, cost int }

// requireCheapest checks that a placement is the cheapest within its bounds: that is so if and
// only if no circle of steps costs less than nothing (Klein 1967). Bellman and Ford find one.
func requireCheapest(t require.TestingT, vertices int, steps []step, claim string) {
	dist := make([]int, vertices)
	for range vertices {
		changed := false
		for _, s := range steps {
			if d := dist[s.from] + s.cost; d < dist[s.to] {
				dist[s.to], changed = d, true
			}
		}
		if !changed {
			return
		}
	}
	require.Fail(t, claim+": there is a better placement")
}

// between returns the steps of an arc with a flow within bounds: one more for cost, or one less.
func between(steps []step, from, to, flow int, b bounds, cost int) []step {
	if flow < b.high {
		steps = append(steps, step{from, to, cost})
	}
	if flow > b.low {
		steps = append(steps, step{to, from, -cost})
	}
	return steps
}

// has tells as 0 or 1.
func has(list []uint64, id uint64) int {
	if slices.Contains(list, id) {
		return 1
	}
	return 0
}

// leads tells whether a node leads a partition, as far as that placement says.
func leads(p Placement, i int, id uint64) bool {
	return i < len(p) && len(p[i]) > 0 && p[i][0] == id
}

// requireFewestMoves checks RING-5: fewest copies, and among these placements most leaders that stay.
func requireFewestMoves(t require.TestingT, cfg Config, nodes []Node, from, to Placement) {
	replicas := min(cfg.Replicas, len(nodes))
	zones, of := zonesOf(nodes, replicas) // tested on its own
	const hub = 0
	node := func(i int) int { return 1 + i }
	partition := func(p int) int { return 1 + len(nodes) + p*(1+len(zones)) }
	seat := func(p, z int) int { return partition(p) + 1 + z }

	var steps []step
	held, counts := make([]int, len(nodes)), make([]int, cfg.Partitions*len(zones))
	for i, n := range nodes {
		for p := range cfg.Partitions {
			placed := has(to[p], n.ID)
			held[i] += placed
			counts[p*len(zones)+of[i]] += placed
			cost := cfg.Partitions + 1
			if p < len(from) && slices.Contains(from[p], n.ID) {
				cost = 0
			}
			if leads(from, p, n.ID) {
				cost = -1
			}
			steps = between(steps, node(i), seat(p, of[i]), placed, bounds{0, 1}, cost)
		}
	}
	for p := range cfg.Partitions {
		for z := range zones {
			steps = between(steps, seat(p, z), partition(p), counts[p*len(zones)+z], zones[z].bounds, 0)
		}
	}
	for i, share := range exactShares(nodes, cfg.Partitions, replicas) {
		steps = between(steps, hub, node(i), held[i], roundings(share), 0)
	}
	requireCheapest(t, partition(cfg.Partitions), steps, "RING-5")
}

func weightOf(nodes []Node) int {
	sum := 0
	for _, n := range nodes {
		sum += int(n.Weight)
	}
	return sum
}

// leadShares returns between which numbers of partitions a node is to lead, by weight.
func leadShares(cfg Config, nodes []Node) []bounds {
	sum := weightOf(nodes)
	var out []bounds
	for _, n := range nodes {
		x := cfg.Partitions * int(n.Weight)
		out = append(out, bounds{x / sum, (x + sum - 1) / sum})
	}
	return out
}

// requireLed checks RING-6 and RING-7: who leads, given the replicas in to.
func requireLed(t require.TestingT, cfg Config, nodes []Node, from, to Placement) {
	const hub = 0
	node := func(i int) int { return 1 + i }
	partition := func(p int) int { return 1 + len(nodes) + p }
	dear := cfg.Partitions + 1

	var steps []step
	replicas := min(cfg.Replicas, len(nodes))
	fair, plain := exactShares(nodes, cfg.Partitions, replicas), true
	shares, beyond := leadShares(cfg, nodes), 0
	for i, n := range nodes {
		led := 0
		for p := range cfg.Partitions {
			if has(to[p], n.ID) == 0 {
				continue
			}
			here, cost := 0, 1
			if leads(to, p, n.ID) {
				here = 1
			}
			if leads(from, p, n.ID) {
				cost = 0
			}
			led += here
			steps = between(steps, node(i), partition(p), here, bounds{0, 1}, cost)
		}
		s := shares[i]
		require.True(t, s.low-1 <= led && led <= s.high+1, "RING-6: node %d leads %d of %d to %d", n.ID, led, s.low, s.high)
		if led < s.low || led > s.high {
			beyond++
		}
		price := func(k int) int { // of the k-th partition to lead
			switch {
			case k <= s.low:
				return -dear
			case k <= s.high:
				return 0
			default:
				return dear
			}
		}
		if led <= s.high {
			steps = append(steps, step{hub, node(i), price(led + 1)})
		}
		if led >= s.low && led > 0 {
			steps = append(steps, step{node(i), hub, -price(led)})
		}
		uncut := big.NewRat(int64(cfg.Partitions*replicas*int(n.Weight)), int64(weightOf(nodes)))
		plain = plain && fair[i].Cmp(uncut) == 0
	}
	if plain || replicas == len(nodes) {
		require.Zero(t, beyond, "RING-6: nothing is cut off, but not all lead their share")
	}
	requireCheapest(t, partition(cfg.Partitions), steps, "RING-6, RING-7")
}

// exhaustive tries every placement of a tiny cluster.
type exhaustive struct {
	nodes   []Node
	choices []uint // sets of nodes that a partition may have, as bits
	shares  []bounds
	from    Placement
	held    []int
	best    [2]int // moves, then replicas that current leaders lose
	found   bool
}

func newExhaustive(cfg Config, nodes []Node, from Placement) *exhaustive {
	replicas := min(cfg.Replicas, len(nodes))
	zones, of := zonesOf(nodes, replicas)
	x := &exhaustive{nodes: nodes, from: from, held: make([]int, len(nodes))}
	sizes := make([]int, len(zones))
	for _, z := range of {
		sizes[z]++
	}
	for set := range uint(1) << len(nodes) {
		counts := make([]int, len(zones))
		for i, z := range of {
			counts[z] += int(set >> i & 1)
		}
		if bits.OnesCount(set) == replicas && evenlySpread(counts, sizes) {
			x.choices = append(x.choices, set)
		}
	}
	for _, share := range exactShares(nodes, cfg.Partitions, replicas) {
		x.shares = append(x.shares, roundings(share))
	}
	return x
}

// try goes through the choices for partitions p and above.
func (x *exhaustive) try(p, partitions int, cost [2]int) {
	if p == partitions {
		for i, s := range x.shares {
			if x.held[i] < s.low || x.held[i] > s.high {
				return
			}
		}
		if !x.found || slices.Compare(cost[:], x.best[:]) < 0 {
			x.best, x.found = cost, true
		}
		return
	}
	for _, set := range x.choices {
		next := cost
		for i, n := range x.nodes {
			in := int(set >> i & 1)
			x.held[i] += in
			if in == 1 && (p >= len(x.from) || !slices.Contains(x.from[p], n.ID)) {
				next[0]++
			}
			if in == 0 && leads(x.from, p, n.ID) {
				next[1]++
			}
		}
		x.try(p+1, partitions, next)
		for i := range x.nodes {
			x.held[i] -= int(set >> i & 1)
		}
	}
}

// Goal: moves are the fewest there can be, and MinimalMoves is their number (RING-5). Method: tiny clusters,
// against every placement there is.
func TestNoPlacementHasFewerMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			Partitions: rapid.IntRange(1, 4).Draw(t, "partitions"), Replicas: rapid.IntRange(1, 4).Draw(t, "replicas"),
			VirtualNodes: 2,
		}
		nodes := drawNodes(t, rapid.IntRange(1, 5).Draw(t, "nodes"))
		from := drawPlacement(t, cfg.Partitions, 6)
		x := newExhaustive(cfg, nodes, from)
		x.try(0, cfg.Partitions, [2]int{})
		require.True(t, x.found)

		to := mustPlace(t, cfg, nodes, from)
		requireMoved(t, cfg, nodes, from, to)
		require.Equal(t, x.best[0], MinimalMoves(cfg, nodes, from))
		lost := 0
		for p := range from {
			for _, n := range nodes {
				if leads(from, p, n.ID) && has(to[p], n.ID) == 0 {
					lost++
				}
			}
		}
		require.Equal(t, x.best, [2]int{Moves(from, to), lost})
	})
}

// Goal: the minimum is what a person would work out. Method: plain cases.
func TestMinimalMovesOfPlainCases(t *testing.T) {
	cfg := Config{Seed: 5, Partitions: 60, Replicas: 3}
	four := mustPlace(t, cfg, alike(4), nil)
	all := make(Placement, 60)
	for i := range all {
		all[i] = []uint64{1, 2, 3, 4}
	}
	require.Equal(t, 180, MinimalMoves(cfg, alike(4), nil), "all is to be copied")
	require.Zero(t, MinimalMoves(cfg, alike(4), four))
	require.Equal(t, 36, MinimalMoves(cfg, alike(5), four), "what the new node is to have: 180/5")
	require.Equal(t, 45, MinimalMoves(cfg, alike(3), four), "what the old node had: 180/4")
	require.Equal(t, 45, MinimalMoves(cfg, append(alike(3), Node{ID: 9, Weight: DefaultWeight}), four), "one in exchange for another")
	require.Zero(t, MinimalMoves(cfg, alike(4), all), "too many replicas")
	cfg.Replicas = 1
	require.Zero(t, MinimalMoves(cfg, alike(4), four), "fewer replicas")
	cfg.Replicas = 4
	require.Equal(t, 60, MinimalMoves(cfg, alike(4), four), "one more replica")
	require.Equal(t, 60, MinimalMoves(cfg, alike(9)[:3], Placement(slices.Repeat([][]uint64{{1, 2, 77}}, 60))), "lost replicas")
}

// Goal: the check of optimality goes red. Method: one needless move, one needless change of a leader, and
// leaders that are not shared fairly.
func TestCheckOfOptimalityFindsWorsePlacements(t *testing.T) {
	cfg, nodes := Config{Partitions: 12, Replicas: 2}, alike(4)
	good := mustPlace(t, cfg, nodes, nil)
	var red reds
	requireFewestMoves(&red, cfg, nodes, good, good)
	requireLed(&red, cfg, nodes, good, good)
	require.Zero(t, red)

	swapped := copyOf(good) // two partitions exchange a follower
	for p := 1; ; p++ {
		a, b := swapped[0][1], swapped[p][1]
		if has(swapped[0], b) == 0 && has(swapped[p], a) == 0 {
			swapped[0][1], swapped[p][1] = b, a
			break
		}
	}
	requirePlaced(&red, cfg, nodes, swapped)
	require.Zero(t, red)
	requireFewestMoves(&red, cfg, nodes, good, swapped)
	require.Equal(t, reds(1), red)

	turned := copyOf(good) // all followers lead: as fair, if they are spread like that
	for p := range turned {
		slices.Reverse(turned[p])
	}
	red = 0
	requireLed(&red, cfg, nodes, good, turned)
	require.NotZero(t, red)
}

// reds counts the failures of a check that is to fail.
type reds int

func (r *reds) Errorf(string, ...any) { *r++ }
func (r *reds) FailNow()              {}
