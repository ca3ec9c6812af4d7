package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: the evidence tells what clients could do while faults of a kind were on, each operation once. Method: two pauses that overlap, a
// blackout that leaves nobody to answer, and a fault that never strikes, against the times in the history.
func TestEvidenceTellsWhatWasDoneMeanwhile(t *testing.T) {
	ms := time.Millisecond
	p := quiet(plan.Fault{})
	p.Faults = []plan.Fault{
		{At: 300 * ms, For: 200 * ms, Kind: plan.Pause, Targets: []int{1}},
		{At: 400 * ms, For: 200 * ms, Kind: plan.Pause, Targets: []int{1}},
		{At: 700 * ms, For: 100 * ms, Kind: plan.Blackout},
		{At: p.HealAt, For: ms, Kind: plan.Kill, Targets: []int{2}},
	}
	require.NoError(t, p.Validate())
	r := Execute(p, Options{})
	during := int64(0)
	for i := range r.History.Operations {
		op := &r.History.Operations[i]
		if at := time.Duration(op.ReturnTime); op.Outcome == history.OK && at >= 300*ms && at < 600*ms {
			during++
		}
	}
	e := &r.Verdict.Evidence
	require.Positive(t, during)
	require.Equal(t, during, e.Count("operations acknowledged during pause"))
	require.Zero(t, e.Count("operations acknowledged during blackout"))
	names := map[string]bool{}
	for _, c := range e.Counters() {
		names[c.Name] = true
	}
	require.True(t, names["operations acknowledged during kill"], "a fault that never struck is seen")
}

// Goal: each fault is recorded with the time of its first effect, and one without effect has none. Method: a pause of a node to which
// the others send their next heartbeat later, a kill, a full disk that is full only when a segment ends, and a second kill of a dead node.
func TestFirstEffectsHaveTheirTimes(t *testing.T) {
	ms := time.Millisecond
	p := quiet(plan.Fault{})
	p.Faults = []plan.Fault{
		{At: 300 * ms, For: 100 * ms, Kind: plan.Pause, Targets: []int{2}},
		{At: 500 * ms, For: 100 * ms, Kind: plan.Kill, Targets: []int{3}},
		{At: 510 * ms, For: 10 * ms, Kind: plan.Kill, Targets: []int{3}},
		{At: 650 * ms, For: 300 * ms, Kind: plan.FullDisk, Targets: []int{1}},
	}
	require.NoError(t, p.Validate())
	log := events.NewLog(events.DefaultLimit)
	r := Execute(p, Options{Events: log})
	require.EqualValues(t, 1, r.Verdict.Evidence.Count(plan.FullDisk.Counter()))
	bites, ends := map[int]time.Duration{}, map[int]uint64{}
	for _, e := range log.Before() {
		switch e.Kind {
		case events.Bites:
			require.NotContains(t, bites, e.Fault, "once")
			bites[e.Fault] = time.Duration(e.At)
		case events.FaultEnd:
			ends[e.Fault] = e.Count
		}
	}
	for i := range p.Faults {
		number, f := i+1, &p.Faults[i]
		at, bit := bites[number]
		require.Equal(t, ends[number] > 0, bit, "%s", f.Kind)
		if bit {
			require.GreaterOrEqual(t, at, f.At)
			require.LessOrEqual(t, at, f.At+f.For)
		}
	}
	require.Greater(t, bites[1], 300*ms)
	require.Equal(t, 500*ms, bites[2])
	require.NotContains(t, bites, 3)
	require.Greater(t, bites[4], 650*ms)
}
