package hunt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// ended is a run that ended with violations of these oracles.
func ended(seed uint64, oracles ...string) *run.Result {
	c := verdict.Case{}
	c.Evidence.Add(verdict.CounterAcknowledged, 1)
	for _, o := range oracles {
		c.Violations = append(c.Violations, *verdict.Violationf(o, "x", "something"))
	}
	return &run.Result{Plan: &plan.Plan{Seed: seed}, Verdict: verdict.Judge(c)}
}

// Goal: known violations are counted apart and do not fail the hunt; others do, also beside a known one. Method: reports of
// runs made by hand.
func TestKnownViolationsAreCountedApart(t *testing.T) {
	r := &Report{Outcomes: make(map[verdict.Outcome]uint64), known: Known{"state-hash/x": "here", "liveness/x": "there"}}
	require.False(t, r.add(ended(1)))
	require.False(t, r.add(ended(2, "state-hash")))
	require.False(t, r.add(ended(3, "state-hash")))
	require.False(t, r.add(ended(4, "liveness")))
	require.Nil(t, r.Found)
	require.Equal(t, map[string]uint64{"state-hash/x": 2, "liveness/x": 1}, r.Known)
	require.EqualValues(t, 4, r.Runs)
	require.Equal(t, verdict.Pass, r.Outcome())

	require.True(t, r.add(ended(6, "state-hash", "election-safety")))
	require.True(t, r.add(ended(5, "election-safety")))
	require.EqualValues(t, 5, r.Found.Seed)
	require.Equal(t, "election-safety/x", r.Found.Fingerprint)
	require.Equal(t, verdict.Violated, r.Outcome())
}

// Goal: known fingerprints can be a verdict, a directory of kept runs, or a list; what names none is an error. Method: such files.
func TestKnownFingerprintsAreRead(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "runs", "seed-1", "verdict.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(kept), 0o755))
	f, err := os.Create(kept)
	require.NoError(t, err)
	require.NoError(t, ended(1, "state-hash", "liveness").Verdict.Encode(f))
	require.NoError(t, f.Close())
	list := filepath.Join(dir, "known.txt")
	require.NoError(t, os.WriteFile(list, []byte("# issue 7\nelection-safety/two-leaders\n\nliveness/x # issue 8\n"), 0o600))

	for _, path := range []string{kept, filepath.Join(dir, "runs")} {
		known, err := ReadKnown(path)
		require.NoError(t, err)
		require.Equal(t, Known{"state-hash/x": kept, "liveness/x": kept}, known)
	}
	known, err := ReadKnown(list)
	require.NoError(t, err)
	require.Equal(t, Known{"election-safety/two-leaders": list + ", line 2", "liveness/x": list + ", line 4"}, known)

	require.NoError(t, os.WriteFile(list, []byte("two leaders\n"), 0o600))
	_, err = ReadKnown(list)
	require.ErrorContains(t, err, "line 1")
	_, err = ReadKnown(t.TempDir())
	require.ErrorContains(t, err, "names no violation")
	_, err = ReadKnown(filepath.Join(dir, "nowhere"))
	require.Error(t, err)
}
