package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: each quirk has its effect, alone, in the same way every time, and ends with the faults; a correct cluster bears it. Method: a quiet
// plan with each of them, and with none.
func TestEachQuirkTakesEffectAlone(t *testing.T) {
	for quirk, set := range map[cluster.Quirk]func(*plan.Quirks){
		cluster.SpareTick: func(q *plan.Quirks) { q.SpareTick = 0.2 },
		cluster.LateTick:  func(q *plan.Quirks) { q.LateTick = 0.2 },
		cluster.LateDone:  func(q *plan.Quirks) { q.LateDone = 0.05 },
		cluster.FullQueue: func(q *plan.Quirks) { q.FullQueue = 0.02 },
		cluster.Crowd:     func(q *plan.Quirks) { q.Crowd, q.LoopBusy = 8, 2*time.Millisecond },
	} {
		p := quiet(plan.Fault{Kind: plan.Pause, Targets: []int{1}, At: 300 * time.Millisecond, For: 100 * time.Millisecond})
		without := Execute(p, Options{})
		set(&p.Quirks)
		require.NoError(t, p.Validate())
		r := Execute(p, Options{})
		require.Equal(t, verdict.Pass, r.Verdict.Outcome, "%s: %v", quirk, r.Verdict.Reasons)
		for _, other := range cluster.AllQuirks() {
			name := other.Counter()
			require.Zero(t, without.Verdict.Evidence.Count(name), "%s", other)
			require.Equal(t, other == quirk, r.Verdict.Evidence.Count(name) > 0, "%s counts for %s", quirk, other)
		}
		require.NotEqual(t, without.TraceHash, r.TraceHash)
		require.Equal(t, r.TraceHash, Execute(p, Options{}).TraceHash, "%s", quirk)
	}
}
