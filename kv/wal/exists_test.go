package wal

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
)

// noLogs are what can be in a log's directory without being a log.
var noLogs = map[string]func(t *testing.T, o *Options){
	"no directory":    func(*testing.T, *Options) {},
	"empty directory": func(t *testing.T, o *Options) { require.NoError(t, o.FS.MkdirAll(o.Dir, 0o755)) },
	"only lost+found": func(t *testing.T, o *Options) {
		require.NoError(t, o.FS.MkdirAll(o.FS.PathJoin(o.Dir, "lost+found"), 0o755))
	},
	"a segment cut to nothing": func(t *testing.T, o *Options) { onlySegment(t, o, nil) },
	"a segment of zeros":       func(t *testing.T, o *Options) { onlySegment(t, o, make([]byte, 4096)) },
	"a part of a header": func(t *testing.T, o *Options) {
		h := segmentHeader{version: formatVersion, cluster: o.Cluster, node: o.Node, number: 1, frame: 1, store: 5}
		onlySegment(t, o, h.encode()[:50])
	},
}

func onlySegment(t *testing.T, o *Options, data []byte) {
	require.NoError(t, o.FS.MkdirAll(o.Dir, 0o755))
	writeFile(t, o.FS, o.FS.PathJoin(o.Dir, segmentName(1)), data)
}

// Goal: where a log must be, none is made, at the first start or a later one, and nothing is changed; elsewhere one is.
// Method: each kind of directory without a log, opened twice, then without the option.
func TestALogThatMustBeThereIsNotCreated(t *testing.T) {
	for name, prepare := range noLogs {
		t.Run(name, func(t *testing.T) {
			o := testOptions(vfs.NewMem())
			prepare(t, &o)
			_, statErr := o.FS.Stat("data")
			before := inPlace(t, &o)
			for range 2 {
				strict := o
				strict.MustExist = true
				exists, err := Exists(o.FS, o.Dir)
				require.NoError(t, err)
				require.False(t, exists)
				_, _, err = Open(strict)
				require.ErrorIs(t, err, ErrMissing)
				require.Contains(t, err.Error(), o.Dir)
				require.Contains(t, err.Error(), "let the node rejoin")
				require.Equal(t, before, inPlace(t, &o))
				_, err = o.FS.Stat("data")
				require.Equal(t, statErr, err)
			}
			l, r := mustOpen(t, o)
			require.True(t, r.Fresh)
			require.NoError(t, l.Close())
			o.MustExist = true
			l, r = mustOpen(t, o)
			require.False(t, r.Fresh)
			require.NoError(t, l.Close())
		})
	}
}

// inPlace is what is in the log's directory: its names, and the first segment.
func inPlace(t *testing.T, o *Options) []any {
	names, _ := o.FS.List(o.Dir)
	slices.Sort(names)
	data, err := datadir.ReadFile(o.FS, o.FS.PathJoin(o.Dir, segmentName(1)))
	return []any{names, data, err != nil}
}

// Goal: a log that lost something is no missing log, but a damaged one. Method: a log of several segments, less each one
// but the last, with each one's header or all of it zeroed, and one of a single segment without its header.
func TestADamagedLogExists(t *testing.T) {
	build := func(n int) Options {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		for i := range uint64(n) {
			commit(t, l, 1, persist(1, 2, i, entries(i+1, 1, 1, 400)))
		}
		require.NoError(t, l.Close())
		o.MustExist = true
		return o
	}
	refused := func(o *Options) {
		exists, err := Exists(o.FS, o.Dir)
		require.NoError(t, err)
		require.True(t, exists)
		var corrupt *CorruptError
		_, _, err = Open(*o)
		require.ErrorAs(t, err, &corrupt)
	}
	sample := build(40)
	numbers, err := listSegments(sample.FS, sample.Dir)
	require.NoError(t, err)
	require.Greater(t, len(numbers), 2)
	for _, n := range numbers[:len(numbers)-1] {
		o := build(40)
		path := o.FS.PathJoin(o.Dir, segmentName(n))
		data, err := datadir.ReadFile(o.FS, path)
		require.NoError(t, err)
		writeFile(t, o.FS, path, append(make([]byte, segmentHdrSize), data[segmentHdrSize:]...))
		refused(&o)
		writeFile(t, o.FS, path, bytes.Repeat([]byte{0}, len(data)))
		refused(&o)
		require.NoError(t, o.FS.Remove(path))
		refused(&o)
	}
	o := build(1)
	path := o.FS.PathJoin(o.Dir, segmentName(1))
	data, err := datadir.ReadFile(o.FS, path)
	require.NoError(t, err)
	writeFile(t, o.FS, path, append(make([]byte, segmentHdrSize), data[segmentHdrSize:]...))
	refused(&o)
}
