package hunt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// passed is the report of so many runs, one of which was vacuous, with a counter for each of two kinds
// of faults.
func passed(runs uint64, kills, wipes int64) *Report {
	r := &Report{Runs: runs, Outcomes: map[verdict.Outcome]uint64{verdict.Pass: runs - 1, verdict.Vacuous: 1}}
	r.Evidence.Add("fault kill took effect", kills)
	r.Evidence.Add("fault wipe took effect", wipes)
	r.Evidence.Add("snapshots installed", 0)
	return r
}

// Goal: a kind of fault that never had an effect makes a long hunt vacuous, though each run may have passed, since
// kinds share a counter there. Method: reports just short of the number of runs and at it.
func TestKindsThatNeverWorkMakeAHuntVacuous(t *testing.T) {
	for _, c := range []struct {
		runs         uint64
		kills, wipes int64
		idle         []string
		outcome      verdict.Outcome
	}{
		{idleAfter, 1, 1, nil, verdict.Pass},
		{idleAfter - 1, 1, 0, nil, verdict.Pass},
		{idleAfter, 1, 0, []string{"fault wipe took effect"}, verdict.Vacuous},
		{10 * idleAfter, 0, 0, []string{"fault kill took effect", "fault wipe took effect"}, verdict.Vacuous},
	} {
		r := passed(c.runs, c.kills, c.wipes)
		require.Equal(t, c.idle, r.Idle())
		require.Equal(t, c.outcome, r.Outcome())
	}
}

// Goal: what a hunt found counts for more than what it did not test. Method: the worst outcome of a run in a
// report with an idle kind.
func TestTheWorstRunIsTheHunts(t *testing.T) {
	for _, o := range []verdict.Outcome{verdict.Unknown, verdict.Stalled, verdict.Violated} {
		r := passed(idleAfter, 0, 1)
		r.Outcomes[o] = 1
		require.Equal(t, o, r.Outcome())
	}
	r := passed(idleAfter, 1, 1)
	r.Outcomes[verdict.Pass] = 0
	require.Equal(t, verdict.Vacuous, r.Outcome(), "no run passed")
}

// Goal: the number of workers changes nothing. Method: the same seeds with one and with three.
func TestWorkersChangeNothing(t *testing.T) {
	one := Run(Options{From: 1, Seeds: 12, Workers: 1, KeepGoing: true})
	require.EqualValues(t, 12, one.Runs)
	require.Equal(t, one, Run(Options{From: 1, Seeds: 12, Workers: 3, KeepGoing: true}))
}
