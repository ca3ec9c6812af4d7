package zone_test

import (
	"math/rand/v2"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/zone"
	"github.com/stretchr/testify/require"
)

// Goal: long histories are decided too, without porcupine. Method: shapes for which the zones suffice: registers with puts
// and gets only, without any version; and all kinds of operations with versions. Valid, and with a stale read at a random
// place, which must be rejected with a few operations.
func TestLongHistoriesAreDecided(t *testing.T) {
	for name, of := range map[string]shape{
		"puts and gets, no versions": {operations: 3000, clients: 64, hide: 1, plain: true},
		"versions":                   {operations: 1000, clients: 8, lossy: 0.01, eraseVersions: true},
		"no versions of erasures":    {operations: 1000, clients: 4},
		"places of erasures":         {operations: 3000, clients: 64, places: true},
	} {
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, 7))
			h := simulate(rng, of)
			j := zone.Check(pointers(h), history.Never)
			require.Equal(t, zone.Accept, j.Answer, "%s, seed %d: %s %v", name, seed, j.Reason, j.Set)
			if !stale(rng, h) {
				continue
			}
			j = zone.Check(pointers(h), history.Never)
			require.Equal(t, zone.Reject, j.Answer, "%s, seed %d: %s", name, seed, j.Reason)
			require.Less(t, len(j.Set), 10, "%s, seed %d", name, seed)
		}
	}
}

// stale turns a read somewhere into one of the value that the key had first; it reports whether it found one to turn.
func stale(rng *rand.Rand, h *history.History) bool {
	var first *history.Operation
	for i := range h.Operations {
		op := &h.Operations[i]
		if _, saw := op.Observed(); !saw || op.Kind != history.Get {
			continue
		}
		if first == nil {
			first = op
			continue
		}
		if i > len(h.Operations)/2 && op.Result.Value != first.Result.Value && rng.IntN(20) == 0 {
			op.Result.Value, op.Result.Version = first.Result.Value, first.Result.Version
			return true
		}
	}
	return false
}

// Goal: unknown outcomes do not keep a long history of many clients from being decided, whatever the answers tell of versions.
// Method: one key of 64 clients that work without pause, some of whose writes, compare-and-sets and erasures are lost; valid, and
// with one answer turned into a wrong one of a kind that only a search can find, which must be decided with a small set.
func TestUnknownOutcomesOfManyClientsAreDecided(t *testing.T) {
	rejected := 0
	for name, of := range map[string]shape{
		"all versions":            {eraseVersions: true},
		"no versions of erasures": {},
		"places of erasures":      {places: true},
		"no versions":             {hide: 1, unversioned: true},
	} {
		for clients, lossy := range map[int]float64{4: 0.01, 16: 0.01, 64: 0.05} {
			of.operations, of.clients, of.lossy = 3000, clients, lossy
			for seed := range uint64(4) {
				rng := rand.New(rand.NewPCG(seed, 2))
				h := simulate(rng, of)
				j := zone.Check(pointers(h), history.Never)
				require.Equal(t, zone.Accept, j.Answer, "%s, %+v, seed %d: %s", name, of, seed, j.Reason)
				loseValue(rng, h)
				j = zone.Check(pointers(h), history.Never)
				require.NotEqual(t, zone.Undecided, j.Answer, "%s, %+v, seed %d: %s", name, of, seed, j.Reason)
				if j.Answer == zone.Reject {
					rejected++
					require.Less(t, len(j.Set), 40, "%s, %+v, seed %d: %s", name, of, seed, j.Rule)
				}
			}
		}
	}
	require.Positive(t, rejected)
}

// loseValue lets some reads in the middle say that the key was absent.
func loseValue(rng *rand.Rand, h *history.History) {
	for i := len(h.Operations) / 2; i < len(h.Operations)/2+60; i++ {
		if op := &h.Operations[i]; op.Kind == history.Get && op.Outcome == history.OK && rng.IntN(2) == 0 {
			op.Result.Found, op.Result.Value, op.Result.Version = false, "", 0
		}
	}
}
