package week

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// length is the virtual time of the test: half a day unless HOLDFAST_WEEK says otherwise (make week).
func length(t *testing.T) time.Duration {
	if text := os.Getenv("HOLDFAST_WEEK"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err, "HOLDFAST_WEEK")
		return d
	}
	if testing.Short() {
		return 6 * time.Hour
	}
	return 12 * time.Hour
}

// bounds are what no node may ever hold, with the settings of Plan.
var bounds = map[string]uint64{
	"memory": 512 << 10, "log index": 128 << 10, "cache": 17 << 10, "uncommitted": 64 << 10, "entries": 4 << 10, "terms": 64,
	"sessions": 64, "wal bytes": 512 << 10, "engine bytes": 256 << 10,
}

// Goal: what a node holds in memory and on disk stays flat under endless writes, whatever happens to it.
// Method: measure all nodes every five minutes; nothing exceeds its bound, and nothing is more than a fifth
// greater, on average, in the last third of the time than in the first.
func TestWhatANodeHoldsStaysFlat(t *testing.T) {
	d := length(t)
	before := cpu(t)
	r := Measure(Plan(1, d), 5*time.Minute)
	t.Logf("%v of virtual time, %v of CPU time, %d events", r.Run.Virtual.Round(time.Second), cpu(t)-before, r.Run.Events)
	t.Log("\n" + table(r))
	for _, c := range r.Run.Verdict.Evidence.Counters() {
		t.Logf("%-40s %d", c.Name, c.Count)
	}
	require.Equal(t, verdict.Pass, r.Run.Verdict.Outcome, "%v", r.Run.Verdict.Reasons)
	for i, name := range Columns {
		require.LessOrEqual(t, r.Thirds[2].Mean(i), 1.2*r.Thirds[0].Mean(i)+1, "%s grows", name)
		for k := range r.Thirds {
			require.Positive(t, r.Thirds[k].Looks)
			require.LessOrEqual(t, r.Thirds[k].Greatest[i], bounds[name], "%s", name)
		}
	}
	for _, counter := range []string{
		"snapshots installed", "log compactions", "leaders deposed", "replicas replaced", verdict.CounterAcknowledged,
	} {
		require.Positive(t, r.Run.Verdict.Evidence.Count(counter), "%s: the run did not test it", counter)
	}
}

func table(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %26s %26s %26s\n", "", "first third: mean, most", "second", "last")
	for i, name := range Columns {
		fmt.Fprintf(&b, "%-14s", name)
		for k := range r.Thirds {
			fmt.Fprintf(&b, " %14.0f %11d", r.Thirds[k].Mean(i), r.Thirds[k].Greatest[i])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Goal: measuring changes nothing (WEEK-2). Method: the same hour with and without.
func TestMeasuringChangesNothing(t *testing.T) {
	p := Plan(2, time.Hour)
	require.Equal(t, run.Execute(p, run.Options{}).TraceHash, Measure(p, 7*time.Minute).Run.TraceHash)
}

func cpu(t *testing.T) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
