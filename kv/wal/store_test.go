package wal

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// Goal: a log keeps the store number it was created with, whatever number it is opened with later, also after
// its first segments are deleted; none is created without (WAL-6).
// Method: create, prune, open and inspect with other numbers.
func TestStoreNumberIsForEver(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.Store = 0
	require.PanicsWithValue(t, "wal: a log is to be created in data/wal without a store number", func() { _, _, _ = Open(o) })
	o.Store = 77
	l, r := mustOpen(t, o)
	require.True(t, r.Fresh)
	require.Equal(t, uint64(77), r.Store)
	for _, other := range []uint64{78, 0} {
		m := fill(t, l, model{}, 1, 0)
		m = fill(t, l, m, 2, 0)
		require.NoError(t, l.rotate())
		require.NoError(t, l.Prune())
		require.NoError(t, l.Close())
		o.Store = other
		l, r = mustOpen(t, o)
		m.check(t, l, r)
		require.Equal(t, uint64(77), r.Store)
		require.Equal(t, uint64(77), l.options.Store)
	}
	found, err := Verify(o.FS, o.Dir)
	require.NoError(t, err)
	require.Equal(t, uint64(77), found.Store)
	require.Greater(t, found.Floor, uint64(2))
}

// Goal: an interrupted creation is repeated with the number given then (WAL-3).
// Method: leave each beginning of a header of another store.
func TestInterruptedCreationTakesTheNewStoreNumber(t *testing.T) {
	header := (&segmentHeader{version: formatVersion, cluster: 7, node: 3, number: 1, frame: 1, store: 0x1122334455667788}).encode()
	for n := range segmentHdrSize {
		o := testOptions(vfs.NewMem())
		require.NoError(t, o.FS.MkdirAll(o.Dir, 0o755))
		writeFile(t, o.FS, o.FS.PathJoin(o.Dir, segmentName(1)), header[:n])
		_, r := mustOpen(t, o)
		require.True(t, r.Fresh)
		require.Equal(t, o.Store, r.Store)
		_, r = mustOpen(t, o)
		require.Equal(t, o.Store, r.Store)
	}
}

// Goal: segments and frames of another log of the same node are refused (WAL-6).
// Method: two logs with the same history and different store numbers; mix their segments, and a segment's frames.
func TestSegmentsOfAnotherStoreAreRefused(t *testing.T) {
	write := func(store uint64) (Options, map[string][]byte) {
		o := testOptions(vfs.NewMem())
		o.Store = store
		l, _ := mustOpen(t, o)
		fill(t, l, model{}, 1, 12)
		return o, readDir(t, o.FS, o.Dir)
	}
	o, ours := write(1)
	_, theirs := write(2)
	require.Len(t, ours, 3)
	for path, data := range theirs {
		writeFile(t, o.FS, path, data)
		_, _, err := Open(o)
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		copy(data, ours[path][:segmentHdrSize])
		writeFile(t, o.FS, path, data)
		if l, r, err := Open(o); err == nil {
			require.Positive(t, r.TornBytes, "no frame of theirs is valid")
			require.NoError(t, l.Close())
		} else {
			require.ErrorAs(t, err, &corrupt)
		}
		for path, data := range ours {
			writeFile(t, o.FS, path, data)
		}
	}
}
