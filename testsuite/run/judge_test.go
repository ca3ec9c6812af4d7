package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: the evidence of a run is whole: each kind of the plan's faults has a counter, also one that never took effect, and what was counted before
// is still there. Method: drawn plans; whoever acknowledged anything has synced, which is the last counter of most runs.
func TestEvidenceIsWhole(t *testing.T) {
	for seed := range uint64(20) {
		p := plan.Draw(seed)
		e := Execute(p, Options{}).Verdict.Evidence
		names := map[string]bool{}
		for _, c := range e.Counters() {
			names[c.Name] = true
		}
		for i := range p.Faults {
			require.True(t, names[p.Faults[i].Kind.Counter()], "seed %d: %s", seed, p.Faults[i].Kind)
		}
		if e.Count(verdict.CounterAcknowledged) > 0 {
			require.Positive(t, e.Count("world Syncs"), "seed %d", seed)
		}
	}
}
