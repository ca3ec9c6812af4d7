package live

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Goal: what was acknowledged survives kill -9 of a follower, of the leader and of all
// nodes, pauses and stops; writes go on without any one node; nodes that come back catch
// up; all of it is linearizable.
// Method: the standard script on three processes under load, judged with evidence.
func TestWhatWasAcknowledgedSurvivesTheStandardScript(t *testing.T) {
	c := startCluster(t)
	run := &Run{Cluster: c, Load: newLoad(t, c, LoadConfig{Seed: 1}), Watch: newWatch(t, c), Script: Standard(), Log: t.Logf}
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	requireOutcome(t, verdict.Pass, c, res)
}

// Goal: the test above can fail: a cluster that loses what it acknowledged is found out
// (LIVE-5).
// Method: all nodes are killed and come back with empty disks, as new nodes; the verdict
// must be a violation.
func TestLossOfAllDisksIsFound(t *testing.T) {
	c := startCluster(t)
	l := newLoad(t, c, LoadConfig{Seed: 2})
	ctx := patience(t)
	l.Start()
	_, err := l.Work(ctx, 200)
	require.NoError(t, err)
	l.Stop()
	require.NoError(t, c.Kill9(ctx, c.Ids()...))
	for _, id := range c.Ids() {
		require.NoError(t, os.RemoveAll(c.Data(id)))
	}
	require.NoError(t, c.StartAll(ctx, c.Ids()...))

	run := &Run{Cluster: c, Load: l, Watch: newWatch(t, c), Script: Script{{Do: FirstWrite}}, Log: t.Logf}
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	requireOutcome(t, verdict.Violated, c, res)
	require.Contains(t, fingerprints(res), "linearizability/no-order-for-get")
}

func fingerprints(res *Result) []string {
	var out []string
	for _, v := range res.Verdict.Violations {
		out = append(out, v.Fingerprint)
	}
	return out
}

// Goal: the program's own tools see the same: a history that `bench --record` writes while
// the leader is killed is complete and passes `check history`.
// Method: bench on three processes; when it reports its first second the leader is
// killed, and started again once another leads.
func TestBenchRecordsALinearizableHistoryThroughAFailOver(t *testing.T) {
	c := startCluster(t)
	ctx := patience(t)
	leader, term, err := c.Leader(ctx, 0)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "h.jsonl")
	var talk lockedBuffer
	bench, err := startProcess(c.cfg.Binary, []string{
		"bench", "--endpoints", strings.Join(c.Addresses(), ","), "--ops", "all", "--keys", "20", "--clients", "8",
		"--rate", "800", "--duration", "4s", "--timeout", "20s", "--record", file, "-o", "json",
	}, nil, &talk, &talk, nil)
	require.NoError(t, err)
	defer func() { _ = bench.cmd.Process.Kill(); <-bench.done }()
	require.NoError(t, await(ctx, "the first second of bench", func() (bool, error) {
		return strings.Contains(talk.String(), "ops/s") || bench.ended(), nil
	}))
	require.NoError(t, c.Kill9(ctx, leader))
	_, _, err = c.Leader(ctx, term)
	require.NoError(t, err)
	require.False(t, bench.ended(), "bench ended before the leader was killed: %s", talk.String())
	require.NoError(t, c.Start(ctx, leader))
	require.NoError(t, bench.wait(ctx))
	require.Zero(t, bench.state.ExitCode(), talk.String())
	require.NoError(t, c.CaughtUp(ctx))

	check, err := Exec(ctx, "", c.cfg.Binary, "check", "history", file)
	require.NoError(t, err)
	require.Zero(t, check.Code, check)
	require.Contains(t, check.Stdout, "pass")
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	h, err := history.Read(f)
	require.NoError(t, err)
	require.Greater(t, len(answeredBy(h)), 1, "the history must have answers of the old and the new leader")
}

// answeredBy are the nodes that answered.
func answeredBy(h *history.History) map[uint64]bool {
	nodes := make(map[uint64]bool)
	for i := range h.Operations {
		if n := h.Operations[i].Result.Node; n != 0 {
			nodes[n] = true
		}
	}
	return nodes
}

// lockedBuffer takes the output of a process that still runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
