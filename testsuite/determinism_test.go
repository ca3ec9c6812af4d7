package testsuite_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

const fingerprintVariable = "HOLDFAST_TEST_FINGERPRINT"

// fingerprints is everything observable of some runs: trace hash, verdict and history.
func fingerprints(t *testing.T) string {
	var b bytes.Buffer
	for seed := uint64(1); seed <= 16; seed++ {
		p := plan.Draw(seed)
		if seed > 10 {
			p = plan.DrawSharded(seed)
		}
		r := run.Execute(p, run.Options{})
		fmt.Fprintf(&b, "%d %016x %d\n", seed, r.TraceHash, r.Events)
		require.NoError(t, r.Verdict.Encode(&b))
		require.NoError(t, history.Write(&b, r.History))
	}
	return b.String()
}

// Goal: the same seed gives the same bytes in any process and with any GOMAXPROCS (RUN-1). Method: the
// test runs itself in other processes and compares.
func TestSameSeedGivesSameBytes(t *testing.T) {
	mine := fingerprints(t)
	if os.Getenv(fingerprintVariable) != "" {
		fmt.Printf("<<<%s>>>", mine)
		return
	}
	require.Equal(t, mine, fingerprints(t), "twice in one process")
	for _, procs := range []string{"1", "4"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSameSeedGivesSameBytes$", "-test.v")
		cmd.Env = append(os.Environ(), fingerprintVariable+"=1", "GOMAXPROCS="+procs)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		_, rest, found := strings.Cut(string(out), "<<<")
		require.True(t, found)
		theirs, _, found := strings.Cut(rest, ">>>")
		require.True(t, found)
		require.Equal(t, mine, theirs, "in another process with GOMAXPROCS=%s", procs)
	}
}

// Goal: another seed takes another course. Method: compare trace hashes.
func TestOtherSeedTakesOtherCourse(t *testing.T) {
	seen := make(map[uint64]uint64)
	for seed := uint64(1); seed <= 30; seed++ {
		h := run.Execute(plan.Draw(seed), run.Options{}).TraceHash
		require.NotContains(t, seen, h, "seed %d", seed)
		seen[h] = seed
	}
}

// Goal: a kept run replays exactly. Method: write a run's directory, read it, execute it again.
func TestKeptRunReplays(t *testing.T) {
	r := run.Execute(plan.Draw(5), run.Options{})
	dir := t.TempDir()
	require.NoError(t, r.Write(dir))
	p, hash, err := run.ReadPlan(dir)
	require.NoError(t, err)
	require.Equal(t, r.Plan, p)
	require.Equal(t, hash, run.Execute(p, run.Options{}).Summarize().TraceHash)
	for _, file := range []string{"run.json", "plan.json", "history.jsonl", "verdict.json", "trace.txt", "REPLAY.txt", "events.jsonl", "report.html"} {
		info, err := os.Stat(dir + "/" + file)
		require.NoError(t, err)
		require.Positive(t, info.Size(), file)
	}
}
