package zone_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/zone"
	"github.com/stretchr/testify/require"
)

// Goal: ZONE-2 for what a reduction leaves of a history: forgetting answers never makes a contradiction. Method:
// valid histories with many unknown outcomes, and a random part of their answers.
func TestForgettingAnswersContradictsNothing(t *testing.T) {
	accepted := 0
	for seed := range histories(t) / 4 {
		rng := rand.New(rand.NewPCG(seed, 9))
		of := drawShape(rng)
		of.operations *= 2
		h := simulate(rng, of)
		share := rng.Float64()
		j := zone.JudgeWithout(pointers(h), func(int) bool { return rng.Float64() < share })
		require.NotEqual(t, zone.Reject, j.Answer, "seed %d: %s %v\n%s", seed, j.Rule, j.Set, show(h))
		if j.Answer == zone.Accept {
			accepted++
		}
	}
	require.Positive(t, accepted)
}

// Goal: the set of a rejected history contradicts itself, and no answer of it can be forgotten. Method: histories that only
// the search rejects; porcupine must reject the set alone, and the zones not the history with one answer less.
func TestSetOfASearchIsMinimal(t *testing.T) {
	searched := 0
	for seed := range histories(t) / 2 {
		rng := rand.New(rand.NewPCG(seed, 10))
		of := drawShape(rng)
		of.operations, of.repeat = 4+rng.IntN(16), 0
		h := simulate(rng, of)
		corrupt(rng, h)
		if h.Validate() != nil {
			continue
		}
		j := zone.Check(pointers(h), history.Never)
		if j.Rule != zone.RuleSearch {
			continue
		}
		searched++
		part := &history.History{}
		for _, at := range j.Set {
			part.Operations = append(part.Operations, h.Operations[at])
		}
		res := linear.Check(part, linear.Options{PorcupineOnly: true})
		require.Len(t, res.Findings, 1, "seed %d: %v\n%s", seed, j.Set, show(h))
		matter := zone.Kept(pointers(h))
		for _, left := range matter {
			require.Contains(t, j.Set, left)
			less := zone.JudgeWithout(pointers(h), func(i int) bool { return i != left && slices.Contains(matter, i) })
			require.NotEqual(t, zone.Reject, less.Answer, "seed %d: %d of %v\n%s", seed, left, j.Set, show(h))
		}
	}
	require.Positive(t, searched)
}
