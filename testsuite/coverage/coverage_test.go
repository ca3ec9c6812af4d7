package coverage_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

func seen(p *plan.Plan) (coverage.Seen, uint64) {
	s := make(coverage.Seen)
	return s, run.Execute(p, run.Options{Seen: s}).TraceHash
}

// Goal: watching changes nothing, and what is seen is a function of the plan (COVER-1, COVER-2). Method: runs of both kinds, watched twice and
// once not.
func TestWatchingChangesNothing(t *testing.T) {
	for seed := range uint64(6) {
		p := plan.Draw(seed)
		if seed%2 == 0 {
			p = plan.DrawSharded(seed)
		}
		a, hash := seen(p)
		b, again := seen(p)
		require.Equal(t, a, b)
		require.NotEmpty(t, a)
		require.Equal(t, hash, again)
		require.Equal(t, run.Execute(p, run.Options{}).TraceHash, hash)
	}
}

// Goal: a state does not depend on which node is in which part. Method: the same three nodes, of which one is cut off for good once it
// cannot be told by its number: what is seen when node 1 is cut off and when node 3 is have most in common, though the runs differ.
func TestNamesDoNotCount(t *testing.T) {
	cut := func(node int) coverage.Seen {
		all := make(coverage.Seen)
		for seed := range uint64(12) {
			p := plan.Draw(3)
			p.Seed, p.Nodes, p.Spares, p.StayDead, p.Settings.Priorities = seed, 3, 0, nil, nil
			p.Faults = []plan.Fault{{At: p.HealAt / 8, For: p.HealAt, Kind: plan.Isolate, Targets: []int{node}}}
			require.NoError(t, p.Validate())
			s, _ := seen(p)
			for state := range s {
				all[state] = struct{}{}
			}
		}
		return all
	}
	one, three := cut(1), cut(3)
	common := 0
	for state := range one {
		if _, ok := three[state]; ok {
			common++
		}
	}
	require.Greater(t, 3*common, len(one))
}

// Goal: a cluster to which more happens is in more states. Method: the same plan with all its faults and with none.
func TestFaultsLeadToMoreStates(t *testing.T) {
	with, without := 0, 0
	for seed := range uint64(10) {
		p := plan.Draw(seed)
		s, _ := seen(p)
		with += len(s)
		p.Faults = nil
		s, _ = seen(p)
		without += len(s)
	}
	require.Greater(t, with, 2*without)
}

// Goal: maps forget nothing, and can be merged in any order and twice; they survive their text (COVER-3). Method: random sets in two maps.
func TestMapsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.SliceOfN(rapid.SliceOfN(rapid.Uint64(), 0, 20), 1, 5).Draw(t, "sets")
		var whole coverage.Map
		parts := make([]coverage.Map, len(sets))
		for i, states := range sets {
			s := make(coverage.Seen)
			for _, state := range states {
				s[state] = struct{}{}
			}
			fresh := parts[i].Add(s)
			require.LessOrEqual(t, whole.Add(s), fresh)
			require.Zero(t, whole.Add(s))
		}
		var merged coverage.Map
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order") {
			if i < len(parts) {
				merged.Merge(&parts[i])
				merged.Merge(&parts[i])
			}
		}
		require.True(t, whole == merged)
		text, err := merged.MarshalText()
		require.NoError(t, err)
		var read coverage.Map
		require.NoError(t, read.UnmarshalText(text))
		require.True(t, whole == read)
	})
}

// Goal: the number of states is estimated well though some share a cell. Method: as many as there are cells.
func TestStatesAreEstimated(t *testing.T) {
	var m coverage.Map
	const n = 1 << 22
	s := make(coverage.Seen)
	for i := range uint64(n) {
		s[i*0x9e3779b97f4a7c15^i*i*0xbf58476d1ce4e5b9>>7] = struct{}{}
	}
	m.Add(s)
	require.InEpsilon(t, len(s), m.States(), 0.02)
}

// Goal: what is no map is refused. Method: text that is none, and a map that is cut short.
func TestBadMapsAreRefused(t *testing.T) {
	var m coverage.Map
	require.ErrorContains(t, m.UnmarshalText([]byte("*")), "no map")
	require.Error(t, m.UnmarshalText(nil))
	text, err := m.MarshalText()
	require.NoError(t, err)
	require.Error(t, m.UnmarshalText(text[:len(text)/2]))
}
