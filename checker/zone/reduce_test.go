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

// Goal: the set of a rejected history contradicts itself, and no answer of it can be left out. Method: histories that only
// the search rejects. Porcupine must reject the set, and accept it once an answer is forgotten: an
// answer that changed nothing left out, that of a change made unknown.
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
		// kept is the history of the set, with the answers that matter; from is where they stand in it.
		kept, from := &history.History{}, []int(nil)
		matter := zone.Kept(pointers(h))
		for _, at := range j.Set {
			op := h.Operations[at]
			if slices.Contains(matter, at) {
				from = append(from, len(kept.Operations))
			} else {
				op.Outcome, op.Return, op.Result = history.Unknown, history.Never, history.Result{}
			}
			kept.Operations = append(kept.Operations, op)
		}
		require.Len(t, from, len(matter), "seed %d: the set has all answers that matter", seed)
		require.False(t, legal(kept), "seed %d: %v\n%s", seed, j.Set, show(h))
		for _, i := range from {
			require.True(t, legal(forget(kept, i)), "seed %d: %d of %v\n%s", seed, i, j.Set, show(h))
		}
	}
	require.Positive(t, searched)
}

func legal(h *history.History) bool {
	return len(linear.Check(h, linear.Options{PorcupineOnly: true}).Findings) == 0
}

// forget is a history without one answer.
func forget(h *history.History, at int) *history.History {
	rest := &history.History{}
	for i := range h.Operations {
		op := h.Operations[i]
		if i == at {
			if !op.Wrote() {
				continue
			}
			op.Outcome, op.Return, op.Result = history.Unknown, history.Never, history.Result{}
		}
		rest.Operations = append(rest.Operations, op)
	}
	return rest
}
