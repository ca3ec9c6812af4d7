package wal

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// benchCommit commits 64 entries of 256 B of each of the groups together.
func benchCommit(b *testing.B, groups uint64) {
	o := Options{FS: vfs.Default, Dir: b.TempDir(), Cluster: 1, Node: 1, Store: 1}
	l, _, err := Open(o)
	require.NoError(b, err)
	batch := NewBatch()
	es := make([]raft.Entry, 64)
	for i := range es {
		es[i] = raft.Entry{Term: 1, Data: make([]byte, 256)}
	}
	next := uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for i := range es {
			es[i].Index = next + uint64(i)
		}
		next += 64
		for g := range groups {
			batch.Add(raft.GroupID(g+1), replica3, &raft.Persist{State: raft.HardState{Term: 1}, Entries: es})
		}
		if err := l.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(batch.Bytes()))
	require.NoError(b, l.Close())
}

// The numbers to compare: 64 entries of one group, and of each of 16 groups.
func BenchmarkCommit(b *testing.B)         { benchCommit(b, 1) }
func BenchmarkCommit16Groups(b *testing.B) { benchCommit(b, 16) }
