package hashing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustPlace(t require.TestingT, cfg Config, nodes []Node, current Placement) Placement {
	p, err := Place(cfg, nodes, current)
	require.NoError(t, err)
	return p
}

// drawZone draws a zone, often none.
func drawZone(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "a", "b", "c", "d", "e"}).Draw(t, "zone")
}

func drawWeight(t *rapid.T) uint32 {
	return rapid.OneOf(rapid.Just(uint32(DefaultWeight)), rapid.Uint32Range(50, 200), rapid.Uint32Range(1, MaxWeight)).Draw(t, "weight")
}

// drawNodes draws nodes of distinct ids, all with or all without the chance of zones and weights.
func drawNodes(t *rapid.T, n int) []Node {
	nodes := alike(n)
	zones, weights := rapid.Bool().Draw(t, "zones"), rapid.Bool().Draw(t, "weights")
	for i := range nodes {
		if zones {
			nodes[i].Zone = drawZone(t)
		}
		if weights {
			nodes[i].Weight = drawWeight(t)
		}
	}
	return nodes
}

// drawPlacement draws what may be there already: anything.
func drawPlacement(t *rapid.T, partitions, maxID int) Placement {
	return Placement(rapid.SliceOfN(
		rapid.SliceOfN(rapid.Uint64Range(0, uint64(maxID)), 0, 8), partitions, partitions).Draw(t, "current"))
}

// requirePlaced checks RING-2 to RING-4 from their words: it knows nothing of how shares, zones or flows
// are computed, but for exactShares.
func requirePlaced(t require.TestingT, cfg Config, nodes []Node, p Placement) {
	require.Len(t, p, cfg.Partitions)
	replicas := min(cfg.Replicas, len(nodes))
	at, zoneOf := make(map[uint64]int), make(map[uint64]int)
	var sizes []int
	names := make(map[string]int)
	for i, n := range nodes {
		at[n.ID] = i
		z, ok := names[n.Zone]
		if n.Zone == "" || !ok {
			z, names[n.Zone] = len(sizes), len(sizes)
			sizes = append(sizes, 0)
		}
		sizes[z]++
		zoneOf[n.ID] = z
	}
	held := make([]int, len(nodes))
	for i, list := range p {
		require.Len(t, list, replicas, "RING-2: partition %d", i+1)
		counts, distinct := make([]int, len(sizes)), make(map[int]bool)
		for k, id := range list {
			require.Contains(t, at, id, "RING-2: partition %d", i+1)
			require.NotContains(t, list[:k], id, "RING-2: partition %d", i+1)
			held[at[id]]++
			counts[zoneOf[id]]++
			distinct[zoneOf[id]] = true
		}
		require.Len(t, distinct, min(replicas, len(sizes)), "RING-3: partition %d", i+1)
		require.True(t, evenlySpread(counts, sizes), "RING-3: partition %d has %v of %v", i+1, counts, sizes)
	}
	for i, share := range exactShares(nodes, cfg.Partitions, replicas) {
		fair := roundings(share)
		require.True(t, fair.low <= held[i] && held[i] <= fair.high,
			"RING-4: node %d has %d of %d to %d", nodes[i].ID, held[i], fair.low, fair.high)
	}
}

// requireMoved checks the way from one placement to the next: RING-5 to RING-8.
func requireMoved(t *rapid.T, cfg Config, nodes []Node, from, to Placement) {
	requirePlaced(t, cfg, nodes, to)
	moves := Moves(from, to)
	require.Equal(t, MinimalMoves(cfg, nodes, from), moves, "RING-5")
	requireFewestMoves(t, cfg, nodes, from, to)
	requireLed(t, cfg, nodes, from, to)
	requireOrder(t, from, to)
	require.Equal(t, to, mustPlace(t, cfg, nodes, to), "RING-5: placing twice")
	mixed := rapid.Permutation(nodes).Draw(t, "order")
	require.Equal(t, to, mustPlace(t, cfg, mixed, from), "RING-8")
}

// requireOrder checks that followers that stay are in the order they had, before those that come.
func requireOrder(t require.TestingT, from, to Placement) {
	for p, list := range to {
		last := -1
		for _, id := range list[1:] {
			place := 1 << 30
			if p < len(from) && slices.Contains(from[p], id) {
				place = slices.Index(from[p], id)
			}
			require.GreaterOrEqual(t, place, last, "partition %d: %v after %v", p+1, list, from)
			last = place
		}
	}
}

// cluster is a model of what an operator does to a cluster.
type cluster struct {
	cfg     Config
	limit   int
	nodes   []Node
	current Placement
}

func (c *cluster) change(t *rapid.T) {
	pick := func() *Node { return &c.nodes[rapid.IntRange(0, len(c.nodes)-1).Draw(t, "which")] }
	switch rapid.SampledFrom([]string{"join", "join", "leave", "reweigh", "rezone", "replicas", "garbage"}).Draw(t, "change") {
	case "join":
		if len(c.nodes) < c.limit {
			c.nodes = append(c.nodes, Node{c.unused(t), drawWeight(t), drawZone(t)})
		}
	case "leave":
		if len(c.nodes) > 1 {
			gone := *pick()
			c.nodes = slices.DeleteFunc(c.nodes, func(n Node) bool { return n == gone })
		}
	case "reweigh":
		pick().Weight = drawWeight(t)
	case "rezone":
		pick().Zone = drawZone(t)
	case "replicas":
		c.cfg.Replicas = rapid.IntRange(1, 7).Draw(t, "replicas")
	case "garbage":
		c.current = drawPlacement(t, c.cfg.Partitions, c.limit+2)
	}
}

// unused draws an id that no node has.
func (c *cluster) unused(t *rapid.T) uint64 {
	return rapid.Uint64Range(1, 200).Filter(func(id uint64) bool {
		return !slices.ContainsFunc(c.nodes, func(n Node) bool { return n.ID == id })
	}).Draw(t, "id")
}

func (c *cluster) live(t *rapid.T, steps int) {
	for range steps {
		next := mustPlace(t, c.cfg, c.nodes, c.current)
		requireMoved(t, c.cfg, c.nodes, c.current, next)
		c.current = next
		c.change(t)
	}
}

// Goal: whatever happens to a cluster, RING-2 to RING-8 hold after each change. Method: random lives
// of clusters: nodes that join, leave, change weight or zone, another number of replicas, and
// placements that come from nowhere.
func TestPlacementsAreFairAndMoveLeastAllLifeLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cluster{limit: rapid.SampledFrom([]int{12, 12, 12, 12, 12, 64}).Draw(t, "limit"), cfg: Config{
			Seed: rapid.Uint64().Draw(t, "seed"), VirtualNodes: rapid.IntRange(0, 8).Draw(t, "virtual"),
			Partitions: rapid.IntRange(1, 40).Draw(t, "partitions"), Replicas: rapid.IntRange(1, 7).Draw(t, "replicas"),
		}}
		c.nodes = drawNodes(t, rapid.IntRange(1, c.limit).Draw(t, "nodes"))
		c.live(t, rapid.IntRange(1, 6).Draw(t, "steps"))
	})
}

// Goal: the same at full size. Method: a few steps of clusters with up to 64 nodes and 1024 partitions.
func TestLargePlacementsAreFairAndMoveLeast(t *testing.T) {
	for _, x := range []struct{ nodes, partitions, replicas, zones int }{
		{64, 1024, 7, 0}, {64, 1024, 3, 5}, {33, 200, 5, 3}, {63, 257, 4, 2},
	} {
		t.Run(fmt.Sprintf("%+v", x), func(t *testing.T) {
			cfg := Config{Seed: 11, Partitions: x.partitions, Replicas: x.replicas}
			nodes := alike(x.nodes)
			for i := range nodes {
				if x.zones > 0 {
					nodes[i].Zone = fmt.Sprint(i * i % x.zones)
				}
			}
			var current Placement
			for _, change := range []func(){
				func() {},
				func() { nodes = append(nodes, Node{900, 150, "0"}) },
				func() { nodes = slices.Delete(nodes, 3, 5) },
				func() { nodes[0].Weight, nodes[9].Weight, nodes[10].Weight = 60, 210, 333 },
				func() { nodes[0].Zone, nodes[9].Zone = "1", "new" },
			} {
				change()
				next := mustPlace(t, cfg, nodes, current)
				requirePlaced(t, cfg, nodes, next)
				require.Equal(t, MinimalMoves(cfg, nodes, current), Moves(current, next))
				requireFewestMoves(t, cfg, nodes, current, next)
				requireLed(t, cfg, nodes, current, next)
				require.Equal(t, next, mustPlace(t, cfg, nodes, next))
				reversed := slices.Clone(nodes)
				slices.Reverse(reversed)
				require.Equal(t, next, mustPlace(t, cfg, reversed, current))
				current = next
			}
		})
	}
}

// Goal: a placement that is right is kept as it is, in whatever order its followers are, and
// the arguments are not changed or shared. Method: shuffle the followers of one, and place.
func TestPlacementThatIsRightIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Partitions: rapid.IntRange(1, 30).Draw(t, "partitions"), Replicas: rapid.IntRange(1, 5).Draw(t, "replicas")}
		nodes := drawNodes(t, rapid.IntRange(1, 9).Draw(t, "nodes"))
		p := mustPlace(t, cfg, nodes, nil)
		for i := range p {
			p[i] = append(p[i][:1], rapid.Permutation(p[i][1:]).Draw(t, "followers")...)
		}
		slices.Reverse(nodes)
		given, from := slices.Clone(nodes), copyOf(p)
		again := mustPlace(t, cfg, nodes, p)
		require.Equal(t, from, again)
		require.Equal(t, given, nodes)
		for i := range again {
			again[i][0] = 0
		}
		require.Equal(t, from, p)
	})
}

func copyOf(p Placement) Placement {
	out := make(Placement, len(p))
	for i := range p {
		out[i] = slices.Clone(p[i])
	}
	return out
}

// Goal: Moves counts copies. Method: one example of each kind.
func TestMovesCountsCopies(t *testing.T) {
	a := Placement{{1, 2, 3}, {2, 3, 4}}
	require.Equal(t, 6, Moves(nil, a))
	require.Equal(t, 0, Moves(a, a))
	require.Equal(t, 0, Moves(a, Placement{{3, 2}, {4}}), "fewer replicas, other leaders")
	require.Equal(t, 2, Moves(a, Placement{{1, 2, 4}, {2, 3, 1}}))
	require.Equal(t, 1, Moves(a, Placement{{1, 2, 4, 4}, {2}}), "a node that is named twice is copied to once")
	require.Equal(t, 2, Moves(a, Placement{{1}, {2}, {5, 6}}), "a partition that is new")
	require.Equal(t, 0, Moves(a, nil))
}

// Goal: arguments that make no sense are refused with a reason; MinimalMoves panics. Method: each.
func TestPlaceRefuses(t *testing.T) {
	good := Config{Partitions: 4, Replicas: 3}
	with := func(change func(*Config)) Config {
		c := good
		change(&c)
		return c
	}
	for want, x := range map[string]struct {
		cfg     Config
		nodes   []Node
		current Placement
	}{
		"0 partitions":                      {with(func(c *Config) { c.Partitions = 0 }), alike(3), nil},
		"16385 partitions":                  {with(func(c *Config) { c.Partitions = MaxPartitions + 1 }), alike(3), nil},
		"0 replicas":                        {with(func(c *Config) { c.Replicas = 0 }), alike(3), nil},
		"-1 virtual nodes":                  {with(func(c *Config) { c.VirtualNodes = -1 }), alike(3), nil},
		"1025 virtual nodes":                {with(func(c *Config) { c.VirtualNodes = MaxVirtualNodes + 1 }), alike(3), nil},
		"0 nodes":                           {good, nil, nil},
		"257 nodes":                         {good, alike(257), nil},
		"has 3 partitions, not 4":           {good, alike(3), make(Placement, 3)},
		"node 0: ids begin with 1":          {good, []Node{{Weight: 1}}, nil},
		"node 7 is named twice":             {good, []Node{{ID: 7, Weight: 1}, {ID: 9, Weight: 1}, {ID: 7, Weight: 2}}, nil},
		"node 7 has weight 0: it must be 1": {good, []Node{{ID: 7}}, nil},
		"node 8 has weight 1001":            {good, []Node{{ID: 8, Weight: MaxWeight + 1}}, nil},
	} {
		p, err := Place(x.cfg, x.nodes, x.current)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "place partitions: ")
		require.Nil(t, p)
		require.Panics(t, func() { MinimalMoves(x.cfg, x.nodes, x.current) })
	}
	_, err := Place(good, alike(3), Placement{})
	require.NoError(t, err, "an empty placement is none")
}

// Goal: placements do not change by accident. Unlike partitions of keys they may be changed on purpose:
// what is placed already stays anyway (RING-5). Method: a small one pinned.
func TestSmallPlacementIsAsItWas(t *testing.T) {
	nodes := []Node{{1, 100, "a"}, {2, 100, "a"}, {3, 100, "b"}, {4, 200, "b"}, {5, 100, "c"}}
	p := mustPlace(t, Config{Seed: 42, Partitions: 8, Replicas: 3}, nodes, nil)
	require.Equal(t, Placement{
		{2, 5, 4},
		{3, 5, 1},
		{5, 4, 2},
		{3, 5, 2},
		{2, 3, 5},
		{4, 1, 5},
		{4, 1, 5},
		{1, 4, 5},
	}, p)
}
