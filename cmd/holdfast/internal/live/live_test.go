package live

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// LIVECMD-1: several runs end as the worst of them; vacuous ones count only if they are most.
func TestWorstOutcomeCounts(t *testing.T) {
	for _, c := range []struct {
		outcomes map[verdict.Outcome]int
		want     verdict.Outcome
	}{
		{map[verdict.Outcome]int{verdict.Pass: 3, verdict.Vacuous: 1}, verdict.Pass},
		{map[verdict.Outcome]int{verdict.Pass: 1, verdict.Vacuous: 2}, verdict.Vacuous},
		{map[verdict.Outcome]int{verdict.Vacuous: 1}, verdict.Vacuous},
		{map[verdict.Outcome]int{verdict.Pass: 9, verdict.Unknown: 1}, verdict.Unknown},
		{map[verdict.Outcome]int{verdict.Unknown: 9, verdict.Stalled: 1}, verdict.Stalled},
		{map[verdict.Outcome]int{verdict.Pass: 9, verdict.Unknown: 1, verdict.Violated: 1}, verdict.Violated},
	} {
		require.Equal(t, c.want, worst(c.outcomes), c.outcomes)
	}
}

// A plan and a seed contradict each other, and a plan that is none is said to be so.
func TestWrongUseIsExplained(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(bad, []byte("{}"), 0o644))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--plan", bad, "--seed", "4"}, "contradict"},
		{[]string{"--plan", bad}, "format version"},
		{[]string{"--plan", bad + ".none"}, "cannot read the plan"},
	} {
		command := Command(&style.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		command.SilenceErrors, command.SilenceUsage = true, true
		command.SetArgs(append([]string{"run", "--dir", t.TempDir()}, c.args...))
		require.ErrorContains(t, command.Execute(), c.says)
	}
}

// Goal: LIVECMD-2, LIVECMD-3: the program attacks servers that are processes of itself, keeps what happened, and the
// simulation can try the plan that it kept.
// Method: a plan of one second, with a fault that cannot be played, in the built program.
func TestRunIsKeptAndItsPlanSimulates(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	ms := time.Millisecond
	p := &plan.Plan{
		Version: plan.Version, Seed: 5, Nodes: 3, Clients: 2, HealAt: time.Second,
		Faults: []plan.Fault{{At: 100 * ms, For: 300 * ms, Kind: plan.Kill, Leader: true, Targets: []int{1}}, {At: 200 * ms, For: ms, Kind: plan.ClockJump, Param: 50, Targets: []int{2}}},
		Settings: plan.Settings{
			Heartbeat: 100 * ms, ElectionTimeout: 400 * ms, MaxAppendBytes: 1 << 16, MaxInflightAppends: 8, MaxUncommittedBytes: 1 << 20, MaxCacheBytes: 1 << 20,
			MaxApplyBytes: 1 << 20, SegmentBytes: 1 << 16, FlushEvery: 30, SessionTTL: time.Minute, SessionWindow: 16, MaxSessions: 64,
			AttemptTimeout: 500 * ms, OperationTimeout: 5 * time.Second,
		},
	}
	for i, kind := range []history.Kind{history.Put, history.Get, history.Erase, history.PutIfAbsent, history.CASVersion, history.Get} {
		op := plan.Operation{At: time.Duration(i) * 150 * ms, Client: 1 + i%2, Kind: kind, Key: "k"}
		if kind.CarriesValue() {
			op.Value = kind.String()
		}
		p.Operations = append(p.Operations, op)
	}
	require.NoError(t, p.Validate())
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "p.json"))
	require.NoError(t, err)
	require.NoError(t, p.Encode(f))
	require.NoError(t, f.Close())
	binary, err := live.Build(t.Context(), dir)
	require.NoError(t, err)

	ended, err := live.Exec(t.Context(), "", binary, "live", "run", "--plan", f.Name(), "--dir", filepath.Join(dir, "runs"))
	require.NoError(t, err)
	require.Equal(t, exit.OK, ended.Code, ended)
	require.Contains(t, ended.Stdout, "pass: 1 pass")
	require.Contains(t, ended.Stderr, "not as in the plan: clock-jump")
	kept, err := filepath.Glob(filepath.Join(dir, "runs", "live-plan-*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	for _, name := range []string{"live.json", "plan.json", "history.jsonl", "verdict.json", "events.jsonl", "REPLAY.txt", "report.html", "nodes/node1.log", "nodes/node3.log"} {
		require.FileExists(t, filepath.Join(kept[0], name))
	}
	checked, err := live.Exec(t.Context(), "", binary, "check", "history", filepath.Join(kept[0], "history.jsonl"))
	require.NoError(t, err)
	require.Equal(t, exit.OK, checked.Code, checked)
	replayed, err := live.Exec(t.Context(), "", binary, "sim", "replay", kept[0])
	require.NoError(t, err)
	require.Equal(t, exit.OK, replayed.Code, replayed)
}
