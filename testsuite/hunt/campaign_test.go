package hunt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

func begin(t *testing.T, o Scope) *Campaign {
	c, err := NewCampaign(o)
	require.NoError(t, err)
	return c
}

// Goal: shards, interruptions and merging change nothing of what a hunt finds. Method: twelve seeds at once, and in three shards, one of which
// is interrupted and goes on from its file.
func TestShardsAddUpToTheWhole(t *testing.T) {
	whole := Run(Options{From: 1, Seeds: 12, Workers: 2, KeepGoing: true})
	dir := t.TempDir()
	var shards []*Campaign
	for shard := range uint64(3) {
		path := filepath.Join(dir, string(rune('a'+shard)), "campaign.json")
		for _, seeds := range []uint64{1, 3} {
			c, err := begin(t, Scope{From: 1, Shard: shard, Shards: 3, Strategy: explore.Swarm}).Resume(path)
			require.NoError(t, err)
			require.True(t, c.Hunt(seeds, Hunter{Workers: 1}))
			require.NoError(t, c.Save(path))
		}
		c, err := ReadCampaign(path)
		require.NoError(t, err)
		require.EqualValues(t, 4, c.Done)
		shards = append(shards, c)
	}
	all, err := Merge(shards)
	require.NoError(t, err)
	require.EqualValues(t, 12, all.Done)
	require.Equal(t, whole, &all.Report)
	require.GreaterOrEqual(t, all.Explorer.Map.States(), shards[0].Explorer.Map.States())
}

// Goal: what a campaign executes and learns does not depend on workers, nor on interruptions (EXPLORE-1). Method: two batches of the
// portfolio with one worker, and with three and an interruption in between, the second time in the midst of a batch, which is forgotten.
func TestCampaignsAreDeterministic(t *testing.T) {
	scope := Scope{From: 1, Shards: 1, Strategy: explore.All}
	a := begin(t, scope)
	for range 2 {
		require.True(t, a.Hunt(Batch, Hunter{Workers: 1}))
	}
	path := filepath.Join(t.TempDir(), "campaign.json")
	b := begin(t, scope)
	require.True(t, b.Hunt(Batch, Hunter{Workers: 3}))
	require.NoError(t, b.Save(path))
	stop := make(chan struct{})
	close(stop)
	require.False(t, b.Hunt(Batch, Hunter{Workers: 3, Stop: stop}))
	b, err := begin(t, scope).Resume(path)
	require.NoError(t, err)
	require.True(t, b.Hunt(Batch, Hunter{Workers: 3}))
	a.Took, b.Took = 0, 0
	require.Equal(t, a.Report, b.Report)
	require.True(t, *a.Explorer.Map == *b.Explorer.Map)
	require.Equal(t, a.Explorer.Yields, b.Explorer.Yields)
	require.Equal(t, a.Explorer.Corpus, b.Explorer.Corpus)
	require.Equal(t, a.Growth, b.Growth)
	require.Positive(t, a.Explorer.Yields[explore.Novelty].Runs)
}

// Goal: runs of different code, seeds, shards or strategies are never added up, nor is one shard twice. Method: a campaign of each kind.
func TestOtherCampaignsAreRefused(t *testing.T) {
	scope := Scope{Program: "a", From: 1, Shards: 2, Strategy: explore.Swarm}
	c := begin(t, scope)
	path := filepath.Join(t.TempDir(), "campaign.json")
	require.NoError(t, c.Save(path))
	for _, change := range []func(*Scope){
		func(o *Scope) { o.Program = "b" }, func(o *Scope) { o.From = 2 }, func(o *Scope) { o.Shards = 3 },
		func(o *Scope) { o.Sharded = true }, func(o *Scope) { o.Strategy = explore.All },
	} {
		other := scope
		change(&other)
		_, err := begin(t, other).Resume(path)
		require.ErrorIs(t, err, ErrOther)
		_, err = Merge([]*Campaign{c, begin(t, other)})
		require.ErrorIs(t, err, ErrOther)
	}
	second := scope
	second.Shard = 1
	_, err := begin(t, second).Resume(path)
	require.ErrorIs(t, err, ErrOther)
	_, err = Merge([]*Campaign{c, c})
	require.ErrorContains(t, err, "twice")
	_, err = Merge(nil)
	require.Error(t, err)
	_, err = NewCampaign(Scope{From: 1, Shard: 2, Shards: 2})
	require.ErrorContains(t, err, "numbered from 0")
	for _, text := range []string{`{"version":1}`, `{"version":2,"shards":1,"report":{"outcomes":{}}}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = ReadCampaign(path)
		require.Error(t, err)
	}
}

// Goal: growth stays evenly spread, and the last runs' share can be told. Method: many points.
func TestGrowthIsBounded(t *testing.T) {
	var g Growth
	for i := 1; i <= 1000; i++ {
		g.add(uint64(64*i), 10*i)
	}
	require.LessOrEqual(t, len(g), maxGrowth)
	now, fresh, runs := g.Last(6400)
	require.Equal(t, Covered{64000, 10000}, now)
	require.EqualValues(t, 10*int(runs), 64*fresh)
	require.InDelta(t, 6400, runs, 1000)
	_, fresh, _ = Growth(nil).Last(1)
	require.Zero(t, fresh)
}

// Goal: findings are told apart by their fingerprints, and the lowest seed stands for each. Method: some, out of order.
func TestFindingsAreGatheredByFingerprint(t *testing.T) {
	c := &Campaign{}
	for _, f := range []Found{{Seed: 9, Fingerprint: "b"}, {Seed: 5, Fingerprint: "a"}, {Seed: 3, Fingerprint: "b"}, {Seed: 4, Fingerprint: "b"}} {
		c.find(&f, 1)
	}
	require.Equal(t, []Finding{
		{Fingerprint: "a", Runs: 1, Lowest: Found{Seed: 5, Fingerprint: "a"}},
		{Fingerprint: "b", Runs: 3, Lowest: Found{Seed: 3, Fingerprint: "b"}},
	}, c.Findings)
}

// Goal: a finding can be replayed from the campaign alone. Method: failures of a swarm's plan and of another, as if they had been found.
func TestFindingsCanBeReplayed(t *testing.T) {
	c := begin(t, Scope{From: 1, Shards: 1, Strategy: explore.All})
	for seed, by := range map[uint64]explore.Strategy{1: explore.Swarm, 2: explore.Ranked} {
		p := plan.DrawRanked(seed, false)
		failed := &run.Result{Plan: p, Verdict: verdict.Verdict{
			Outcome: verdict.Violated, Violations: []verdict.Violation{*verdict.Violationf("o", string(by), "x")},
		}}
		c.learn(&planned{seed: seed, by: by, plan: p, failed: failed}, &Hunter{})
	}
	require.Len(t, c.Findings, 2)
	require.Equal(t, plan.DrawRanked(2, false), c.Findings[0].Lowest.Plan)
	require.Nil(t, c.Findings[1].Lowest.Plan)
}
