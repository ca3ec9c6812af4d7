package mutants

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/shrink"
)

// Goal: a planted bug is hunted, shrunk to a plan that a person can read, and not there without the bug. Method: Figure 8,
// a bug that is found within seconds, in a program of its own.
func TestAPlantedBugIsShrunk(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	o := ShrinkOptions{Root: "../..", Only: []string{"COMM-01"}, From: 1, Runs: 1000, Workers: 2, Dir: t.TempDir()}
	list, err := ShrinkAll(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, list, 1)
	s := list[0]
	require.NoError(t, s.Err)
	require.True(t, s.Mutant.Names(s.Report.Shrunk.Fingerprint))
	require.Equal(t, s.Report.Found.Fingerprint, s.Report.Shrunk.Fingerprint)
	require.LessOrEqual(t, s.Report.Shrunk.After.Operations, 15)
	require.LessOrEqual(t, s.Report.Shrunk.After.Faults, 5)
	require.Contains(t, []verdict.Outcome{verdict.Pass, verdict.Vacuous}, s.Clean)
}

// Goal: mutants that seeds do not find are refused, and ones that do not exist. Method: one of each.
func TestWhatCannotBeShrunkIsSaid(t *testing.T) {
	list, err := ShrinkAll(t.Context(), ShrinkOptions{Root: "../..", Only: []string{"ELEC-02"}, Dir: t.TempDir()})
	require.NoError(t, err)
	require.ErrorContains(t, list[0].Err, "no plan to shrink")
	_, err = ShrinkAll(t.Context(), ShrinkOptions{Only: []string{"NONE-01"}})
	require.ErrorContains(t, err, "no mutant")
}

// Goal: the table has medians of what was shrunk, and names what was not. Method: results made by hand.
func TestShrinkTable(t *testing.T) {
	var list []*Shrinking
	for i, operations := range []int{9, 1, 4} {
		list = append(list, &Shrinking{Mutant: &Mutant{ID: "X-1", Sharded: i == 0}, Clean: verdict.Pass, Report: &Report{
			Report: hunt.Report{Found: &hunt.Found{Seed: 7}},
			Shrunk: &shrink.Report{Fingerprint: "o/x", Before: shrink.Size{Operations: 300, Faults: 20}, After: shrink.Size{Operations: operations, Faults: 2}},
		}})
	}
	list = append(list, &Shrinking{Mutant: &Mutant{ID: "X-2"}, Err: errors.New("went\nwrong")})
	var b strings.Builder
	require.NoError(t, WriteShrinkTable(&b, &ShrinkOptions{Only: []string{"X-1"}, Runs: 3000, Time: time.Minute}, list))
	require.Contains(t, b.String(), "over 3 mutants: 4 operations, 2 faults")
	require.Contains(t, b.String(), "| X-1 (sharded) | `o/x` | 7 | 300 → 9 | 20 → 2 |")
	require.Contains(t, b.String(), "| X-2 | went wrong |")
	require.Contains(t, b.String(), "a sample")
}
