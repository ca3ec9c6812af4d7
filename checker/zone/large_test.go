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
