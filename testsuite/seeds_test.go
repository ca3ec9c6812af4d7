package testsuite_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// seeds is how many seeds a plain `go test` runs; HOLDFAST_SEEDS overrides it.
func seeds(t *testing.T) uint64 {
	text := os.Getenv("HOLDFAST_SEEDS")
	switch {
	case text != "":
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "HOLDFAST_SEEDS")
		return n
	case testing.Short():
		return 100
	}
	return 1500
}

// Goal: no oracle fires on the clean code, and what was meant to be tested was. Method: a range of seeds.
func TestSeedsAreClean(t *testing.T) {
	n := seeds(t)
	report := hunt.Run(hunt.Options{
		From: 1, Seeds: n, Workers: runtime.GOMAXPROCS(0),
		Failed: func(r *run.Result) { explain(t, r) },
	})
	require.Nil(t, report.Found)
	require.Zero(t, report.Outcomes[verdict.Unknown], "runs whose history could not be decided")
	require.Less(t, report.Outcomes[verdict.Vacuous], n/2+1, "runs that tested less than they were meant to")
	for _, counter := range []string{
		verdict.CounterAcknowledged, "leaders deposed", "durability audits", "world DroppedCut", "world LostSectors",
		"world FuseCrashes", "world Reordered", "world Duplicated", "world SyncErrors", "operations unknown",
	} {
		require.Positive(t, report.Evidence.Count(counter), "%s: the seeds did not test it", counter)
	}
}

// Goal: no oracle fires on the clean code of clusters with partitions, whose nodes join, drain, leave and die under all
// other faults; and what was meant to be tested was. Method: a range of seeds.
func TestShardedSeedsAreClean(t *testing.T) {
	n := max(seeds(t)/3, 80) // fewer do not have everything
	report := hunt.Run(hunt.Options{
		From: 1, Seeds: n, Workers: runtime.GOMAXPROCS(0), Sharded: true,
		Failed: func(r *run.Result) { explain(t, r) },
	})
	require.Nil(t, report.Found)
	require.Zero(t, report.Outcomes[verdict.Unknown], "runs whose history could not be decided")
	require.Less(t, report.Outcomes[verdict.Vacuous], n/2+1, "runs that tested less than they were meant to")
	for _, counter := range []string{
		verdict.CounterAcknowledged, "durability audits", "nodes that joined", "placements changed", "replicas added",
		"replicas destroyed", "replicas replaced", "snapshots installed", "fault drain took effect", "fault retire took effect",
		"fault wipe took effect",
	} {
		require.Positive(t, report.Evidence.Count(counter), "%s: the seeds did not test it", counter)
	}
}

// explain prints all that is needed to look at a failed run.
func explain(t *testing.T, r *run.Result) {
	dir := filepath.Join(os.TempDir(), "holdfast-runs", "seed-"+strconv.FormatUint(r.Plan.Seed, 10))
	require.NoError(t, r.Write(dir))
	t.Errorf("seed %d ended in %s after %v of virtual time\nreplay it with: go run ./cmd/holdfast sim replay %s",
		r.Plan.Seed, r.Verdict.Outcome, r.Virtual, dir)
	for _, reason := range r.Verdict.Reasons {
		t.Log(reason)
	}
}

// Goal: bugs that were found stay fixed. Method: the plans that found them, kept as data (docs/track-record.md).
func TestKeptPlansAreClean(t *testing.T) {
	files, err := filepath.Glob("testdata/kept/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			run.MustPass(t, string(text))
		})
	}
}

// Goal: a plan survives its file. Method: encode and decode the plans of some seeds.
func TestPlanSurvivesItsFile(t *testing.T) {
	for seed := range uint64(400) {
		p := plan.Draw(seed / 2)
		if seed%2 == 1 {
			p = plan.DrawSharded(seed / 2)
		}
		require.NoError(t, p.Validate(), "seed %d", seed)
		file := filepath.Join(t.TempDir(), "plan.json")
		f, err := os.Create(file)
		require.NoError(t, err)
		require.NoError(t, p.Encode(f))
		require.NoError(t, f.Close())
		again, _, err := run.ReadPlan(file)
		require.NoError(t, err)
		require.Equal(t, p, again)
	}
}
