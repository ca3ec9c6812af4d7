package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Goal: whatever the strategy, a plan is a function of its seed and its parents, can be executed and is survived by a correct
// cluster. Method: seeds of both kinds of clusters, and generations of changes.
func TestEveryStrategyMakesSoundPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64Range(0, 1<<50).Draw(t, "seed")
		sharded := rapid.Bool().Draw(t, "sharded")
		draws := []func() *Plan{
			func() *Plan { return DrawFocused(seed, sharded) },
			func() *Plan { return DrawRanked(seed, sharded) },
			func() *Plan {
				p := Swarm(seed, sharded)
				for generation := range uint64(5) {
					p = Mutate(seed+generation, p, DrawRanked(seed+generation, sharded))
				}
				return p
			},
		}
		for _, draw := range draws {
			p := draw()
			require.NoError(t, p.Validate())
			require.NoError(t, p.Fair())
			require.Equal(t, sharded, p.Sharded())
			require.True(t, encoded(t, p) == encoded(t, draw()))
		}
	})
}

// Goal: a focused plan has one class of faults mostly, a ranked one an order of links at all times. Method: many seeds, of which few
// may fall back to the swarm.
func TestStrategiesDoWhatTheySay(t *testing.T) {
	focused, ranked := 0, 0
	const seeds = 200
	for seed := range uint64(seeds) {
		of := make(map[Class]int)
		p := DrawFocused(seed, seed%2 == 0)
		for i := range p.Faults {
			of[p.Faults[i].Kind.Class()]++
		}
		for _, n := range of {
			if 2*n > len(p.Faults) {
				focused++
			}
		}
		r := DrawRanked(seed, seed%2 == 0)
		var end time.Duration
		for i := range r.Faults {
			if f := &r.Faults[i]; f.Kind == RankLinks && f.At == end {
				end += f.For
			}
		}
		if end == r.HealAt {
			ranked++
		}
	}
	require.Greater(t, focused, seeds*2/3)
	require.Greater(t, ranked, seeds*4/5)
}

// Goal: a change leaves most of a plan as it is, and its parent as it was. Method: what parents and children of many seeds have in common.
func TestMutationsAreSmall(t *testing.T) {
	common, all := 0, 0
	for seed := range uint64(100) {
		parent, other := Draw(seed), Draw(seed+1000)
		before := encoded(t, parent)
		child := Mutate(seed+5000, parent, other)
		require.True(t, before == encoded(t, parent))
		require.False(t, before == encoded(t, child), "seed %d", seed)
		for i := range parent.Faults {
			all++
			for j := range child.Faults {
				if child.Faults[j].At == parent.Faults[i].At && child.Faults[j].Kind == parent.Faults[i].Kind {
					common++
					break
				}
			}
		}
	}
	require.Greater(t, common, all/2)
}

// Goal: no kind is of the network only because nobody thought of its class. Method: those that are.
func TestKindsOfTheNetwork(t *testing.T) {
	var network []FaultKind
	for _, k := range Kinds() {
		if k.Class() == ClassNetwork {
			network = append(network, k)
		}
	}
	require.ElementsMatch(t, []FaultKind{Isolate, Split, OneWay, Bridge, Ring, Clog, Swizzle, Throttle, RankLinks}, network)
}

// Goal: each kind of fault is of one class, and Without takes away just that class. Method: plans with all kinds.
func TestWithoutTakesAwayOneClass(t *testing.T) {
	seen := make(map[Class]bool)
	for seed := range uint64(100) {
		p := Swarm(seed, seed%2 == 0)
		for _, class := range Classes() {
			q := p.Without(class)
			require.NoError(t, q.Validate())
			gone := 0
			for i := range p.Faults {
				if p.Faults[i].Kind.Class() == class {
					gone++
					seen[class] = true
				}
			}
			require.Len(t, q.Faults, len(p.Faults)-gone)
			for i := range q.Faults {
				require.NotEqual(t, class, q.Faults[i].Kind.Class())
			}
		}
	}
	require.Len(t, seen, len(Classes()))
}
