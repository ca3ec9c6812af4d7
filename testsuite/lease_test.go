package testsuite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// leasePlan reads one of the two plans about leases: the leader's clock runs at half the speed of true
// time, those of the others at one and a half; then the leader is cut off from the others, not from the
// clients.
func leasePlan(t *testing.T, name string) *plan.Plan {
	p, _, err := run.ReadPlan("testdata/lease/" + name)
	require.NoError(t, err)
	return p
}

// Goal: leases are safe as long as no clock drifts more than they allow for. Method: the drift is just at
// the bound; ten courses.
func TestDriftAtTheBoundLeavesLeasesSafe(t *testing.T) {
	p := leasePlan(t, "drift-within-the-bound.json")
	require.Equal(t, netsim.MaxDrift, p.Settings.MaxClockDrift)
	for p.Seed = 1; p.Seed <= 10; p.Seed++ {
		r := run.Execute(p, run.Options{})
		require.Equal(t, verdict.Pass, r.Verdict.Outcome, "seed %d: %v", p.Seed, r.Verdict.Reasons)
		require.Positive(t, r.Verdict.Evidence.Count("lease reads served"))
		require.Positive(t, r.Verdict.Evidence.Count("leaders deposed"))
	}
}

// Goal: beyond the bound a lease may fail, and the testbed sees it (docs/guarantees.md). Method: the same plan
// for nodes that allow for a drift of 0.1 %: the old leader answers a read with a value that was overwritten.
func TestDriftBeyondTheBoundShowsAStaleRead(t *testing.T) {
	p, within := leasePlan(t, "drift-beyond-the-bound.json"), leasePlan(t, "drift-within-the-bound.json")
	require.Less(t, p.Settings.MaxClockDrift, netsim.MaxDrift)
	for p.Seed = 1; p.Seed <= 10; p.Seed++ {
		r := run.Execute(p, run.Options{})
		require.Equal(t, verdict.Violated, r.Verdict.Outcome, "seed %d: %v", p.Seed, r.Verdict.Reasons)
		for _, v := range r.Verdict.Violations {
			require.Equal(t, "linearizability", v.Oracle)
			require.Contains(t, v.Message, "get")
		}
	}
	within.Settings.MaxClockDrift, within.Seed = p.Settings.MaxClockDrift, p.Seed
	require.Equal(t, within, p, "the plans differ in nothing else")
}
