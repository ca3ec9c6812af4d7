package zone_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/zone"
	"github.com/stretchr/testify/require"
)

// histories is how many histories are compared; make zones compares a million.
func histories(t *testing.T) uint64 {
	text := os.Getenv("HOLDFAST_ZONE_HISTORIES")
	if text == "" {
		if testing.Short() {
			return 10_000
		}
		return 40_000
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "HOLDFAST_ZONE_HISTORIES is a number of histories")
	return n
}

// drawShape is that of a small history: what the search can decide, and full of odd cases.
func drawShape(rng *rand.Rand) shape {
	pick := func(of ...float64) float64 { return of[rng.IntN(len(of))] }
	return shape{
		operations: 2 + rng.IntN(14), clients: 1 + rng.IntN(5),
		hide: pick(0, 0, 0.3, 1), lossy: pick(0, 0.1, 0.5), repeat: pick(0, 0, 0, 0.3),
		plain: rng.IntN(6) == 0, eraseVersions: rng.IntN(2) == 0,
	}
}

// unique tells whether no value is written twice.
func unique(h *history.History) bool {
	seen := make(map[string]bool)
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Kind.CarriesValue() {
			if seen[op.Value] {
				return false
			}
			seen[op.Value] = true
		}
	}
	return true
}

// versioned tells whether every answer that can tell a version does; an erasure need not.
func versioned(h *history.History) bool {
	for i := range h.Operations {
		op := &h.Operations[i]
		_, observed := op.Observed()
		if op.Result.Version == 0 && (observed || op.Wrote() && op.Kind != history.Erase) {
			return false
		}
	}
	return true
}

// tally counts what was compared.
type tally struct {
	compared, accepted, rejected, undecided, clean, undecidedClean int
	rules                                                          map[string]int
	reasons                                                        map[string]int
}

func (c *tally) compare(t *testing.T, seed uint64, h *history.History, valid bool) {
	j := zone.Check(pointers(h), history.Never)
	res := linear.Check(h, linear.Options{PorcupineOnly: true})
	require.Empty(t, res.Undecided)
	legal := len(res.Findings) == 0
	require.True(t, legal || !valid, "the register of this test is wrong: seed %d\n%s", seed, show(h))
	c.compared++
	clean := unique(h) || versioned(h)
	if clean {
		c.clean++
	}
	switch {
	case j.Answer == zone.Undecided:
		require.NotContains(t, j.Reason, "not a linear order", "seed %d\n%s", seed, show(h))
		c.undecided++
		c.reasons[j.Reason]++
		if clean {
			c.undecidedClean++
		}
	case (j.Answer == zone.Accept) != legal:
		t.Fatalf("seed %d: the zones say %v (%s: %s, %v), porcupine says %v\n%s", seed, j.Answer, j.Rule, j.Reason, j.Set, legal, show(h))
	case legal:
		c.accepted++
	default:
		c.rejected++
		c.rules[j.Rule]++
		require.NotEmpty(t, j.Set)
	}
}

// Goal: ZONE-1, ZONE-2, no wrong answer. Method: random small histories, one in four of a correct
// register and the rest corrupted, against porcupine.
func TestZonesAgreeWithPorcupine(t *testing.T) {
	c := tally{rules: make(map[string]int), reasons: make(map[string]int)}
	for seed := range histories(t) {
		rng := rand.New(rand.NewPCG(seed, 5))
		h := simulate(rng, drawShape(rng))
		valid := seed%4 == 0
		if !valid {
			corrupt(rng, h)
		}
		if h.Validate() != nil {
			continue
		}
		c.compare(t, seed, h, valid)
	}
	t.Logf("%d compared: %d accepted, %d rejected %v, %d undecided %v; of %d with unique values or all versions %d undecided",
		c.compared, c.accepted, c.rejected, c.rules, c.undecided, c.reasons, c.clean, c.undecidedClean)
	require.Greater(t, c.accepted, c.compared/6)
	require.Greater(t, c.rejected, c.compared/6)
	require.Less(t, c.undecidedClean, c.clean/100+1)
}

func show(h *history.History) string {
	text := ""
	for i := range h.Operations {
		op := &h.Operations[i]
		text += fmt.Sprintf("%d: [%d,%d] %s found %v\n", i, op.Call, op.Return, linear.Describe(op), op.Result.Found)
	}
	return text
}
