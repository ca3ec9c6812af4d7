package mutants

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: what a sound program does is found by nothing, so an ablation says that all is needed. Method: a made-up finding.
func TestAblationOfNothingFindsNothing(t *testing.T) {
	found := &hunt.Report{Runs: 1, Found: &hunt.Found{Seed: 3, Oracle: "liveness"}}
	for _, sharded := range []bool{false, true} {
		a := Ablate(found, 1, sharded, time.Nanosecond)
		require.Equal(t, append(plan.Classes(), plan.ClassQuirk), a.Needs)
		require.Empty(t, a.Others)
		require.Empty(t, a.Outside)
		require.EqualValues(t, patience+enough, a.Seeds)
	}
}

// Goal: the scoreboard says which faults and oracles alone find what. Method: scores made by hand.
func TestScoreboardSaysWhatFindsWhat(t *testing.T) {
	score := func(id, by string, a *Ablation) *Score {
		r := &Report{Ablation: a}
		r.Found = &hunt.Found{Oracle: by, Fingerprint: by + "/x"}
		return &Score{Mutant: &Mutant{ID: id, Oracles: []string{by}}, Hunts: []*Report{r}}
	}
	var b strings.Builder
	require.NoError(t, WriteMarkdown(&b, []*Score{
		score("A-1", "liveness", &Ablation{Needs: []plan.Class{plan.ClassClock}, Outside: "liveness/x"}),
		score("A-2", "recovery", &Ablation{Others: "state-hash/y"}),
		score("A-3", "recovery", &Ablation{Needs: []plan.Class{plan.ClassClock, plan.ClassQuirk}}),
	}))
	text := b.String()
	for _, line := range []string{
		"| clock | 2: A-1, A-3 |", "| quirk | 1: A-3 |", "| process | 0 |",
		"| liveness | 1 | 0 | 1: A-1 |", "| recovery | 2 | 0 | 1: A-3 |", "| placement | 0 | 0 | 0 |", "| state-hash | 0 | 1 | 0 |", "1 are found from outside.",
		"| clock, quirk | no |", "| clock | `liveness/x` |",
	} {
		require.Contains(t, text, line)
	}
	b.Reset()
	require.NoError(t, WriteMarkdown(&b, []*Score{score("A-1", "liveness", nil)}))
	require.NotContains(t, b.String(), "What finds what")
}

// Goal: with a bound of time, mutants get fewer ranges when the work lags behind, and none is dropped in silence. Method: shares of both.
func TestShortTimeMeansFewerRanges(t *testing.T) {
	o := &Options{For: time.Hour, begin: time.Now().Add(-30 * time.Minute)}
	o.done.Store(400)
	require.True(t, o.short())
	o.done.Store(600)
	require.False(t, o.short())
	o.For = 0
	require.False(t, o.short())
}

// Goal: no oracle is missing in the table. Method: those that mutants name.
func TestAllOraclesAreListed(t *testing.T) {
	all, err := All()
	require.NoError(t, err)
	for _, m := range all {
		for _, fingerprint := range m.Oracles {
			name, _, _ := strings.Cut(fingerprint, "/")
			require.Contains(t, oracles, name, m.ID)
		}
	}
}
