package wal

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// Goal: a destroyed replica stays destroyed over restarts and pruning, frees its segments, and only
// a higher generation may follow it (WAL-11).
// Method: destroy one of two groups, prune, reopen twice; then let replicas of each generation follow.
func TestTombstoneIsForEver(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	m := fill(t, l, model{}, 1, 12)
	require.Greater(t, len(segments(t, o)), 2)
	b := NewBatch()
	b.AddTombstone(1, replica3)
	require.NoError(t, l.Commit(b))
	require.True(t, l.Prunable(), "nothing of a destroyed replica is needed")
	require.NoError(t, l.Prune())
	require.NotContains(t, segments(t, o), uint64(1))
	_, err := l.ReadEntries(1, m[1].last(), m[1].last(), 1<<20)
	require.Error(t, err)
	for range 2 {
		require.NoError(t, l.Close())
		var r *Recovery
		l, r = mustOpen(t, o)
		require.Len(t, r.Groups, 1)
		require.True(t, r.Groups[0].Destroyed())
		require.Equal(t, replica3, r.Groups[0].Replica)
		require.NoError(t, l.rotate())
	}
	b.Reset()
	b.Add(1, replica3, persist(1<<63, 0, 0, nil))
	require.Panics(t, func() { _ = l.Commit(b) }, "its term would go back")
	l, _ = mustOpen(t, o)
	next := raft.MakeReplicaID(replica3.Node(), replica3.Generation()+1)
	b.Reset()
	b.Add(1, next, persist(1, 0, 0, entries(1, 2, 1, 1)))
	require.NoError(t, l.Commit(b))
	_, r := mustOpen(t, o)
	require.False(t, r.Groups[0].Destroyed())
	require.Equal(t, uint64(2), r.Groups[0].Restored.LastIndex)
}
