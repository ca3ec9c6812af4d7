package wal

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// testOptions are a small log in memory.
func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, Dir: "data/wal", SegmentBytes: 4096, Cluster: 7, Node: 3, Store: 0xabc, TailBytes: 200}
}

// replica3 is the replica that a group starts with on node 3.
const replica3 = raft.ReplicaID(3)

func mustOpen(t testing.TB, o Options) (*Log, *Recovery) {
	t.Helper()
	l, r, err := Open(o)
	require.NoError(t, err)
	return l, r
}

// entries makes entries from first on, whose data tells index and term.
func entries(first uint64, n int, term uint64, pad int) []raft.Entry {
	out := make([]raft.Entry, n)
	for i := range out {
		index := first + uint64(i)
		out[i] = raft.Entry{Index: index, Term: term, Data: fmt.Appendf(nil, "%d.%d.%0*d", index, term, pad, 0)}
	}
	return out
}

func persist(term, vote, commit uint64, es []raft.Entry) *raft.Persist {
	return &raft.Persist{State: raft.HardState{Term: term, Vote: raft.ReplicaID(vote), Commit: commit}, Entries: es}
}

func commit(t testing.TB, l *Log, g raft.GroupID, p *raft.Persist) {
	t.Helper()
	b := NewBatch()
	b.Add(g, replica3, p)
	require.NoError(t, l.Commit(b))
}

// Goal: what was committed is found again, hard states and entries, across
// several segments and after a close.
// Method: two groups with an overwritten suffix, then open again.
func TestCommittedStateIsFoundAgain(t *testing.T) {
	fs := vfs.NewMem()
	l, r := mustOpen(t, testOptions(fs))
	require.True(t, r.Fresh)
	for i := range uint64(40) {
		b := NewBatch()
		b.Add(1, replica3, persist(1, 2, i, entries(i*3+1, 3, 1, 40)))
		b.Add(9, replica3, persist(i+1, 0, 0, nil))
		require.NoError(t, l.Commit(b))
	}
	commit(t, l, 1, persist(5, 1, 60, entries(101, 2, 4, 10)))
	got, err := l.ReadEntries(1, 99, 200, 1<<20)
	require.NoError(t, err)
	require.Equal(t, append(entries(99, 2, 1, 40), entries(101, 2, 4, 10)...), got)
	require.NoError(t, l.Close())

	l, r = mustOpen(t, testOptions(fs))
	require.True(t, r.Clean)
	require.Equal(t, uint64(0xabc), r.Store)
	require.False(t, r.Fresh)
	require.Greater(t, r.Segments, 2)
	require.Equal(t, []GroupState{
		{1, replica3, raft.Restored{
			HardState: raft.HardState{Term: 5, Vote: 1, Commit: 60},
			Runs:      []raft.TermRun{{First: 1, Term: 1}, {First: 101, Term: 4}},
			LastIndex: 102,
			Tail:      append(entries(100, 1, 1, 40), entries(101, 2, 4, 10)...),
		}},
		{9, replica3, raft.Restored{HardState: raft.HardState{Term: 40}}},
	}, r.Groups)
	got, err = l.ReadEntries(1, 1, 2, 1)
	require.NoError(t, err)
	require.Equal(t, entries(1, 1, 1, 40), got)
	require.NoError(t, l.Close())
}
