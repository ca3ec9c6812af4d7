package run

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: the plan of a live run's directory can be read like that of a simulated run, and a directory of neither cannot.
// Method: directories with summaries of both kinds, of the wrong kind, and without one.
func TestPlansOfSimulatedAndLiveRunsAreRead(t *testing.T) {
	simulated := `{"format":"holdfast-run","version":1,"trace_hash":"00ff"}`
	live := `{"format":"holdfast-live","version":1,"store":"holdfast"}`
	for _, c := range []struct {
		files      map[string]string
		hash, says string
	}{
		{files: map[string]string{"run.json": simulated}, hash: "00ff"},
		{files: map[string]string{LiveFile: live}},
		{files: map[string]string{"run.json": simulated, LiveFile: live}, hash: "00ff"},
		{files: map[string]string{LiveFile: simulated}, says: "live.json is not the summary of a run"},
		{files: map[string]string{"run.json": live}, says: "run.json is not the summary of a run"},
		{files: map[string]string{}, says: "run.json: no such file"},
	} {
		dir := t.TempDir()
		f, err := os.Create(filepath.Join(dir, "plan.json"))
		require.NoError(t, err)
		require.NoError(t, quiet(plan.Fault{Kind: plan.Kill, Targets: []int{1}}).Encode(f))
		require.NoError(t, f.Close())
		for name, text := range c.files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
		p, hash, err := ReadPlan(dir)
		if c.says != "" {
			require.ErrorContains(t, err, c.says)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.hash, hash)
		require.Equal(t, quiet(plan.Fault{Kind: plan.Kill, Targets: []int{1}}).Seed, p.Seed)
	}
}
