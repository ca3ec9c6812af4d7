package sim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/testsuite/bench"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// calm is a plan of a second without faults, which passes.
func calm() *plan.Plan {
	p := bench.Steady(1)
	p.Nodes, p.Clients, p.HealAt, p.Operations, p.Faults = 3, 1, time.Second, nil, nil
	for at := time.Duration(0); at < p.HealAt; at += 50 * time.Millisecond {
		p.Operations = append(p.Operations, plan.Operation{At: at, Client: 1, Kind: history.Put, Key: "k", Value: at.String()})
	}
	return p
}

// Goal: a plan can be tried under several seeds, and what fails is kept. Method: one that passes under all, and one that fails.
func TestReplayUnderSeveralSeeds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.json")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, calm().Encode(f))
	require.NoError(t, f.Close())
	code, out, talk := sim("replay", file, "--seeds", "3")
	require.Equal(t, 0, code, talk)
	require.Contains(t, out, "under 3 seeds: 3 pass")
	dir := filepath.Join(t.TempDir(), "kept")
	code, _, talk = sim("replay", leases, "--seeds", "3", "--keep", dir)
	require.Equal(t, 10, code, talk)
	require.FileExists(t, filepath.Join(dir, "plan.json"))
}

// Goal: SIMCMD-1, each outcome of a run has its exit code. Method: replay a plan that passes, one whose fault comes too late, one in
// which nobody does anything, one that violates, and one whose client waits for an answer that was lost.
func TestReplayEndsWithTheCodeOfTheVerdict(t *testing.T) {
	late := calm()
	late.Faults = []plan.Fault{{At: late.HealAt, For: time.Second, Kind: plan.Kill, Targets: []int{1}}}
	nothing := calm()
	nothing.Operations = nil
	stuck := calm()
	stuck.Settings.AttemptTimeout, stuck.Settings.OperationTimeout, stuck.Network.Loss = 24*time.Hour, 500*time.Millisecond, 0.9
	for _, c := range []struct {
		name string
		plan *plan.Plan
		code int
	}{
		{"pass", calm(), 0},
		{"vacuous", late, 11},
		{"vacuous", nothing, 11},
		{"liveness", stuck, 12},
	} {
		file := filepath.Join(t.TempDir(), "plan.json")
		f, err := os.Create(file)
		require.NoError(t, err)
		require.NoError(t, c.plan.Encode(f))
		require.NoError(t, f.Close())
		code, _, talk := sim("replay", file)
		require.Equal(t, c.code, code, talk)
		require.Contains(t, talk, "seed 1: "+c.name)
	}
	code, _, talk := sim("replay", leases)
	require.Equal(t, 10, code, talk)
	require.Contains(t, talk, ": violation after")
}

// Goal: SIMCMD-1 for hunts, where the worst run counts, and most runs being vacuous. Method: reports of every kind.
func TestHuntEndsWithTheCodeOfItsWorstRun(t *testing.T) {
	for _, c := range []struct {
		worst verdict.Outcome
		runs  uint64
		code  int
	}{
		{verdict.Pass, 1, 0},
		{verdict.Vacuous, 1, 0}, // one of eleven
		{verdict.Vacuous, 11, 11},
		{verdict.Unknown, 1, 11},
		{verdict.Stalled, 1, 12},
		{verdict.Violated, 1, 10},
	} {
		r := &hunt.Report{Outcomes: map[verdict.Outcome]uint64{verdict.Pass: 10}}
		r.Outcomes[c.worst] += c.runs
		r.Runs = 10 + c.runs
		require.Equal(t, c.code, exit.Code(ended(outcome(r))), "%s", c.worst)
	}
}

// Goal: what is asked for wrongly ends with 64, what cannot be read with 1; neither looks like a verdict. Method: each command line.
func TestWrongUseIsNoVerdict(t *testing.T) {
	for _, args := range [][]string{
		{"run", "--seeds", "0"},
		{"run", "--workers", "0"},
		{"run", "1"},
		{"replay"},
		{"hunt", "--shard", "4/4"},
		{"nothing-like-it"},
	} {
		code, out, talk := sim(args...)
		require.Equal(t, 64, code, "%v: %s", args, talk)
		require.Empty(t, out)
	}
	none := filepath.Join(t.TempDir(), "none.json")
	code, _, talk := sim("replay", none)
	require.Equal(t, 1, code, talk)
	require.Contains(t, talk, "next: ")
}
