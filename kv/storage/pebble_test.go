package storage_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/storage"
)

// Goal: a directory that is open elsewhere is refused with a clear message, and
// can be opened once it is free. Method: open it twice.
func TestADirectoryInUseIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	one, err := storage.OpenPebble(dataDir, fs, storage.PebbleOptions{})
	require.NoError(t, err)
	_, err = storage.OpenPebble(dataDir, fs, storage.PebbleOptions{})
	require.ErrorContains(t, err, "in use by another process")
	require.ErrorContains(t, err, dataDir)
	require.NoError(t, one.Close())
	one, err = storage.OpenPebble(dataDir, fs, storage.PebbleOptions{})
	require.NoError(t, err)
	require.NoError(t, one.Close())
}

// Goal: it works on real files. Method: write, flush, reopen in a temporary directory.
func TestPebbleOnRealFiles(t *testing.T) {
	dir := t.TempDir() + "/a/b"
	e, err := storage.OpenPebble(dir, vfs.Default, storage.PebbleOptions{})
	require.NoError(t, err)
	apply(t, e, func(b env.Batch) { b.Set([]byte("k"), []byte("v")) })
	require.NoError(t, e.Flush())
	require.NoError(t, e.Close())
	e, err = storage.OpenPebble(dir, vfs.Default, storage.PebbleOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"k=v"}, dump(t, e, "a", "z"))
	require.NoError(t, e.Close())
}

// Goal: data without a manifest's marker is not taken for an empty directory.
// Method: remove the markers of a database that has data.
func TestALostMarkerIsNotANewDatabase(t *testing.T) {
	fs := vfs.NewMem()
	e, err := storage.OpenPebble(dataDir, fs, storage.PebbleOptions{})
	require.NoError(t, err)
	apply(t, e, func(b env.Batch) { b.Set([]byte("k"), []byte("v")) })
	require.NoError(t, e.Flush())
	require.NoError(t, e.Close())
	names, err := fs.List(dataDir)
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "marker.manifest") {
			require.NoError(t, fs.Remove(fs.PathJoin(dataDir, name)))
		}
	}
	_, err = storage.OpenPebble(dataDir, fs, storage.PebbleOptions{})
	require.ErrorContains(t, err, "no marker of a manifest")
}

// Goal: readers beside the writer always see whole batches (STO-1, STO-3). Method: batches
// that write one number under many keys, while readers compare them; run with -race.
func TestReadersSeeWholeBatches(t *testing.T) {
	e, err := storage.OpenPebble(dataDir, vfs.NewMem(), storage.PebbleOptions{MemTableBytes: 64 << 10})
	require.NoError(t, err)
	keys := []string{"a", "b", "c", "d", "e"}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := 0; n < 20 || !stop.Load(); n++ {
				s, err := e.Snapshot()
				if err != nil {
					panic(err)
				}
				first, _, _ := s.Get([]byte("a"))
				_ = s.Scan([]byte("a"), []byte("z"), func(_, v []byte) bool {
					if string(v) != string(first) {
						panic("half a batch is visible")
					}
					return true
				})
				if err := s.Close(); err != nil {
					panic(err)
				}
			}
		})
	}
	for n := range 500 {
		apply(t, e, func(b env.Batch) {
			for _, k := range keys {
				b.Set([]byte(k), []byte(strings.Repeat(string(rune('A'+n%26)), 100)))
			}
		})
	}
	stop.Store(true)
	readers.Wait()
	require.NoError(t, e.Close())
}

// Goal: a failed write of Pebble's manifest stops the engine: it is reported once
// and no flush claims success. Method: make writes to the manifest fail.
func TestAFailedManifestWriteIsReported(t *testing.T) {
	var on atomic.Bool
	reports := make(chan error, 10)
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && strings.Contains(op.Path, "MANIFEST") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errDisk
		}
		return nil
	}))
	e, err := storage.OpenPebble(dataDir, fs, storage.PebbleOptions{OnFailure: func(err error) { reports <- err }})
	require.NoError(t, err)
	apply(t, e, func(b env.Batch) { b.Set([]byte("k"), []byte("v")) })
	on.Store(true)
	require.ErrorContains(t, e.Flush(), errDisk.Error())
	require.ErrorContains(t, <-reports, errDisk.Error())
	require.ErrorContains(t, e.Apply(e.NewBatch()), errDisk.Error())
	require.ErrorContains(t, e.Flush(), errDisk.Error())
	require.Empty(t, reports)
}
