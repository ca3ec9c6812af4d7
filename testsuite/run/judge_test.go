package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: a checker that reaches its bound makes a run unknown that would pass, and hides no failure. Method: bounds of steps and of memory
// that are too low for the history of a calm run, and of one that stalls.
func TestCheckThatReachesItsBoundIsUnknown(t *testing.T) {
	p := quiet(plan.Fault{})
	require.Equal(t, verdict.Pass, Execute(p, Options{}).Verdict.Outcome)
	for _, o := range []linear.Options{
		{PorcupineOnly: true, MaxSteps: 1}, {PorcupineOnly: true, MaxMemory: 1},
	} {
		v := Execute(p, Options{Linear: o}).Verdict
		require.Equal(t, verdict.Unknown, v.Outcome, "%v", v.Reasons)
		require.Equal(t, verdict.ExitUnknown, v.Outcome.ExitCode())
	}
	stuck := quiet(plan.Fault{})
	stuck.Settings.AttemptTimeout, stuck.Settings.OperationTimeout, stuck.Network.Loss = 24*time.Hour, 500*time.Millisecond, 0.9
	require.Equal(t, verdict.Stalled, Execute(stuck, Options{Linear: linear.Options{PorcupineOnly: true, MaxSteps: 1}}).Verdict.Outcome)
}

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

// Goal: a key that two partitions served is a violation, whatever they answered; two keys, an unknown outcome or a client that does not know who
// served it are none. Method: histories made by hand.
func TestKeyServedByTwoPartitionsIsAViolation(t *testing.T) {
	op := func(key string, partition uint64, outcome history.Outcome) history.Operation {
		return history.Operation{Input: history.Input{Key: key}, Outcome: outcome, Result: history.Result{Partition: partition}}
	}
	of := func(ops ...history.Operation) *history.History { return &history.History{Operations: ops} }
	require.Nil(t, scattered(of(op("a", 1, history.OK), op("a", 1, history.OK), op("b", 2, history.OK))))
	require.Nil(t, scattered(of(op("a", 1, history.OK), op("a", 2, history.Unknown), op("a", 0, history.OK))))
	v := scattered(of(op("a", 1, history.OK), op("b", 2, history.OK), op("a", 2, history.OK)))
	require.NotNil(t, v)
	require.Equal(t, "routing/two-partitions", v.Fingerprint)
}
