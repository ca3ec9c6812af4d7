package hunt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Goal: shards, interruptions and merging change nothing of what a hunt finds. Method: twelve seeds at once, and in three shards, one of which
// is interrupted and goes on from its file.
func TestShardsAddUpToTheWhole(t *testing.T) {
	whole := Run(Options{From: 1, Seeds: 12, Workers: 2, KeepGoing: true})
	dir := t.TempDir()
	var shards []*Campaign
	for shard := range uint64(3) {
		path := filepath.Join(dir, string(rune('a'+shard)), "campaign.json")
		for _, seeds := range []uint64{1, 3} {
			c, err := NewCampaign("this", 1, shard, 3, false)
			require.NoError(t, err)
			c, err = c.Resume(path)
			require.NoError(t, err)
			c.Hunt(seeds, Options{Workers: 1})
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
}

// Goal: runs of different code, seeds or shards are never added up, nor is one shard twice. Method: a campaign of each kind.
func TestOtherCampaignsAreRefused(t *testing.T) {
	begin := func(program string, from, shard, shards uint64, sharded bool) *Campaign {
		c, err := NewCampaign(program, from, shard, shards, sharded)
		require.NoError(t, err)
		return c
	}
	c := begin("a", 1, 0, 2, false)
	path := filepath.Join(t.TempDir(), "campaign.json")
	require.NoError(t, c.Save(path))
	for _, other := range []*Campaign{begin("b", 1, 0, 2, false), begin("a", 2, 0, 2, false), begin("a", 1, 0, 3, false), begin("a", 1, 0, 2, true)} {
		_, err := other.Resume(path)
		require.ErrorIs(t, err, ErrOther)
		_, err = Merge([]*Campaign{c, other})
		require.ErrorIs(t, err, ErrOther)
	}
	_, err := begin("a", 1, 1, 2, false).Resume(path)
	require.ErrorIs(t, err, ErrOther)
	_, err = Merge([]*Campaign{c, c})
	require.ErrorContains(t, err, "twice")
	_, err = Merge(nil)
	require.Error(t, err)
	_, err = NewCampaign("a", 1, 2, 2, false)
	require.ErrorContains(t, err, "numbered from 0")
	require.NoError(t, os.WriteFile(path, []byte(`{"version":1}`), 0o600))
	_, err = ReadCampaign(path)
	require.ErrorContains(t, err, "no campaign")
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
