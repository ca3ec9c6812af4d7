package explore

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// states makes n states that no other first has.
func states(first, n uint64) coverage.Seen {
	s := make(coverage.Seen)
	for i := range n {
		s[netsim.Derive(first, "state", i)] = struct{}{}
	}
	return s
}

// Goal: every strategy keeps a share, and the one that finds more new states for its events gets more. Method: a thousand
// choices, of which only focused ones find anything.
func TestWhatFindsMoreIsChosenMore(t *testing.T) {
	e := New(All, false)
	for seed := range uint64(1000) {
		p, by := e.Choose(seed)
		found := uint64(0)
		if by == Focused {
			found = 20
		}
		e.Learn(p, by, seed, states(seed, found), 1000, false)
	}
	runs := make(map[Strategy]uint64)
	e.Strategies(func(s Strategy, y Yield) { runs[s] = y.Runs })
	for _, s := range single {
		require.Greater(t, runs[s], uint64(60), "%s", s)
		if s != Focused {
			require.Greater(t, runs[Focused], 2*runs[s])
		}
	}
}

// Goal: a single strategy is all there is if one is asked for; novelty begins with the swarm, as it has nothing to change yet.
// Method: each alone.
func TestOneStrategyAlone(t *testing.T) {
	for _, s := range single {
		e := New(s, true)
		p, by := e.Choose(7)
		require.True(t, p.Sharded())
		if s == Novelty {
			require.Equal(t, Swarm, by)
			e.Learn(p, by, 7, states(7, 3), 10, true)
			_, by = e.Choose(8)
		}
		require.Equal(t, s, by)
	}
	_, err := Parse("luck")
	require.ErrorContains(t, err, "there are swarm, focused, ranked, novelty, portfolio")
}

// Goal: the corpus is bounded, keeps what promises most, and what was tried often without yield goes first (EXPLORE-3). Method: more
// entries than there is room for.
func TestCorpusKeepsWhatPromisesMost(t *testing.T) {
	var c Corpus
	p := plan.Draw(1)
	for i := range maxCorpus {
		c.add(Entry{Seed: uint64(i), Fresh: 10, plan: p})
	}
	s := netsim.NewStream(1, "test")
	for range 200 {
		require.Same(t, p, c.pick(s))
	}
	tried := make(map[uint64]bool)
	for i := range c {
		tried[c[i].Seed] = c[i].Tried > 0
	}
	c.add(Entry{Seed: 1000, Fresh: 9, plan: p})
	require.Len(t, c, maxCorpus)
	gone := uint64(1000)
	left := make(map[uint64]bool)
	for i := range c {
		left[c[i].Seed] = true
	}
	for seed := range uint64(maxCorpus) {
		if !left[seed] {
			gone = seed
		}
	}
	require.True(t, left[1000])
	require.True(t, tried[gone])
	before := len(c)
	c.add(Entry{Seed: 2000, Fresh: 0, plan: p})
	require.Len(t, c, before)
	require.NotEqual(t, uint64(2000), c[len(c)-1].Seed)
}

// Goal: a corpus survives its files; plans that are gone are left out, and damaged ones are told of. Method: save, take one away, load.
func TestCorpusSurvivesItsFiles(t *testing.T) {
	dir := t.TempDir()
	c := Corpus{{Seed: 1, Fresh: 2, plan: plan.Draw(1)}, {Seed: 2, Fresh: 3, plan: plan.DrawSharded(2)}}
	require.NoError(t, c.Save(dir))
	require.NoError(t, c.Save(dir))
	again := Corpus{{Seed: 1, Fresh: 2}, {Seed: 2, Fresh: 3}, {Seed: 3}}
	require.NoError(t, again.Load(dir))
	require.Equal(t, c, again)
	again = again[1:]
	require.NoError(t, again.Save(dir))
	require.NoFileExists(t, planFile(dir, 1))
	require.NoError(t, os.WriteFile(planFile(dir, 2), []byte("{"), 0o600))
	require.ErrorContains(t, again.Load(dir), "seed 2")
}

// Goal: what an explorer reads from a file is whole. Method: such as lack a part.
func TestIncompleteExplorersAreRefused(t *testing.T) {
	require.NoError(t, New(All, false).Check())
	require.Error(t, (*Explorer)(nil).Check())
	require.Error(t, (&Explorer{}).Check())
	require.ErrorContains(t, (&Explorer{Map: new(coverage.Map)}).Check(), "swarm")
}
