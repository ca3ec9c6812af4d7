package raft_test

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// play runs a script of package rafttest to its end or its first error, and returns what the last command said.
func play(t *testing.T, script string) (last string, err error) {
	var s rafttest.Script
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	datadriven.RunTestFromString(t, script, func(_ *testing.T, d *datadriven.TestData) string {
		if err == nil {
			last, err = s.Run(d)
		}
		return d.Expected
	})
	return last, err
}

// requireClean requires that a search sees all states within its bounds, at least so many, and no violation.
func requireClean(t *testing.T, b raft.Bounds, atLeast int) raft.Result {
	b.Nodes, b.Workers = max(b.Nodes, 3), runtime.GOMAXPROCS(0)
	start := time.Now()
	r := raft.Explore(b)
	t.Logf("%v: %v, %.1f s\nnew states by depth: %v", b, r, time.Since(start).Seconds(), r.Levels)
	if r.Err != nil {
		_, err := play(t, r.Script)
		t.Fatalf("%v\nafter %d events. The shortest way there, as a golden script for raft/rafttest/testdata:\n\n%s"+
			"Package rafttest, playing it, sees: %v", r.Err, len(r.Trace), r.Script, err)
	}
	require.True(t, r.Complete, "the search ended before it saw all states")
	require.GreaterOrEqual(t, r.States, atLeast)
	require.NotZero(t, r.Seen.Leaders)
	require.NotZero(t, r.Seen.Committed)
	return r
}

// Goal: three replicas keep the promises of Figure 3 whatever happens, in whatever order: messages that come late, twice or
// never, a crash that loses what is not durable; within two terms, two timeouts, one command and one crash. Method: all
// states of the real core that can be reached.
func TestExploreThreeNodesTwoTermsOneEntryOneCrash(t *testing.T) {
	requireClean(t, raft.Bounds{MaxTerm: 2, Timeouts: 2, Proposals: 1, Crashes: 1}, 100_000)
}

// Goal: the same with disks that complete each hand-off at any time later, so that a crash loses some. Method: as above, but no
// command beside the leaders' own entries.
func TestExploreThreeNodesTwoTermsOneCrashSlowDisks(t *testing.T) {
	r := requireClean(t, raft.Bounds{MaxTerm: 2, Timeouts: 2, Crashes: 1, AsyncDisks: true}, 100_000)
	require.NotZero(t, r.Seen.Writing)
}

// Goal: the same for a third term, in which the logs of two earlier ones meet. Method: as above, with no crash and no command.
func TestExploreThreeNodesThreeTerms(t *testing.T) {
	requireClean(t, raft.Bounds{MaxTerm: 3, Timeouts: 3}, 100_000)
}

// Goal: the same for an even number of replicas, of which half is no quorum. Method: as above, within two elections.
func TestExploreFourNodes(t *testing.T) {
	requireClean(t, raft.Bounds{Nodes: 4, MaxTerm: 1, Timeouts: 2, Crashes: 1}, 1_000)
}

// Goal: the same while a replica, perhaps the leader, is removed by joint consensus. Method: as above, without a crash.
func TestExploreThreeNodesTwoTermsOneRemoval(t *testing.T) {
	r := requireClean(t, raft.Bounds{MaxTerm: 2, Timeouts: 2, Changes: 1, Removals: true}, 10_000)
	require.NotZero(t, r.Seen.Joint)
}

// Goal: the same with a log that is compacted, and a snapshot for who needs what it lost. Method: as above.
func TestExploreThreeNodesTwoTermsOneCrashOneCompaction(t *testing.T) {
	r := requireClean(t, raft.Bounds{MaxTerm: 2, Timeouts: 2, Crashes: 1, Compactions: 1}, 10_000)
	require.NotZero(t, r.Seen.Restored)
}

// Goal: what the explorer finds can be read and played. Method: have it reach some states, play its scripts with
// package rafttest, and compare where the replicas are then.
func TestExploreScriptsPlay(t *testing.T) {
	crash := raft.Bounds{Timeouts: 2, Proposals: 1, Crashes: 1}
	slow := crash
	slow.AsyncDisks = true
	for _, c := range []struct {
		bounds raft.Bounds
		never  func(*raft.View) bool
	}{
		{crash, func(v *raft.View) bool { return v.Leads(1, 2) }},
		{crash, func(v *raft.View) bool { return v.Leads(2, 2) && v.Crashed() }},
		{crash, func(v *raft.View) bool { return v.Leads(1, 0) && v.Leads(2, 1) }},
		{slow, func(v *raft.View) bool { return v.Leads(1, 2) }},
		{slow, func(v *raft.View) bool { return v.Leads(2, 1) && v.Crashed() }},
		{raft.Bounds{Timeouts: 2, Changes: 1, Removals: true}, func(v *raft.View) bool { return v.Leads(1, 3) }},
		{raft.Bounds{Timeouts: 2, Changes: 1, Removals: true}, func(v *raft.View) bool { return v.Leads(2, 3) }},
		{raft.Bounds{Timeouts: 1, Changes: 2, Added: 1}, func(v *raft.View) bool { return v.Leads(1, 4) }},
		{raft.Bounds{Timeouts: 2, Crashes: 1, Compactions: 1}, func(v *raft.View) bool { return v.Restored() }},
	} {
		c.bounds.Nodes, c.bounds.MaxTerm, c.bounds.Workers, c.bounds.Never = 3, 2, 2, c.never
		r := raft.Explore(c.bounds)
		require.Error(t, r.Err)
		got, err := play(t, r.Script)
		require.NoError(t, err, r.Script)
		if strings.Contains(r.Script, "snapshot") {
			r.Final, got = replicas(r.Final), replicas(got)
		}
		require.Equal(t, r.Final, got, r.Script)
		require.Equal(t, 3, strings.Count(got, "durable="))
	}
}

// replicas leaves of a status where each replica is, and not how a leader sees its followers: in a script the sender of
// a snapshot knows at once that it arrived.
func replicas(status string) string {
	return regexp.MustCompile(`(?m)^ .*\n`).ReplaceAllString(status, "")
}

// Goal: larger searches. Method: as above; make explore runs them, docs/explorer.md has the results.
func TestExploreLarge(t *testing.T) {
	if os.Getenv("HOLDFAST_EXPLORE") != "large" {
		t.Skip("takes many minutes: make explore")
	}
	for _, b := range []raft.Bounds{
		{MaxTerm: 2, Timeouts: 2, Proposals: 1, Compactions: 1},
		{MaxTerm: 2, Timeouts: 2, Changes: 2, Added: 1},
		{MaxTerm: 2, Timeouts: 2, Proposals: 2},
		{MaxTerm: 2, Timeouts: 2, Crashes: 1, PreVote: true},
		{MaxTerm: 2, Timeouts: 2, Proposals: 1, Crashes: 1, Compactions: 1},
		{MaxTerm: 2, Timeouts: 2, Heartbeats: 1},
		{MaxTerm: 2, Timeouts: 2, Proposals: 1, AsyncDisks: true},
		{MaxTerm: 3, Timeouts: 3, Crashes: 1},
		{MaxTerm: 2, Timeouts: 2, Crashes: 1, Changes: 1, Removals: true},
		{MaxTerm: 2, Timeouts: 2, Proposals: 2, Crashes: 1},
		{MaxTerm: 3, Timeouts: 3, Proposals: 1},
		{MaxTerm: 2, Timeouts: 2, Proposals: 1, Crashes: 1, PreVote: true},
		{MaxTerm: 2, Timeouts: 2, Proposals: 1, Crashes: 1, AsyncDisks: true},
	} {
		t.Run(b.String(), func(t *testing.T) { requireClean(t, b, 10_000) })
	}
}
