package storage_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/storage"
)

// verify calls the checker of the engine's kind, reader opens it for reading.
func (mk maker) verify(fs env.FS) error {
	if mk.name == "pebble" {
		return storage.VerifyPebble(dataDir, fs)
	}
	return storage.VerifyMemory(dataDir, fs)
}

func (mk maker) reader(fs env.FS) (env.Snapshot, error) {
	if mk.name == "pebble" {
		return storage.ReadPebble(dataDir, fs)
	}
	return storage.ReadMemory(dataDir, fs)
}

// files is the content of all files but Pebble's lock.
func files(t *testing.T, fs env.FS) map[string]string {
	names, err := fs.List(dataDir)
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		if name != "LOCK" {
			all[name] = string(readAll(t, fs, fs.PathJoin(dataDir, name)))
		}
	}
	return all
}

// stopped is what an engine leaves that did the work, flushed and was closed.
func stopped(t *testing.T, mk maker, fs *vfs.MemFS) map[string]string {
	var w work
	e := mustOpen(t, mk, fs)
	require.NoError(t, w.run(e))
	require.NoError(t, e.Flush())
	require.NoError(t, e.Close())
	return w.states[len(w.states)-1]
}

// Goal: what is intact is found intact and can be read, without a change to any file. Method: compare
// all files before and after.
func TestReadingAndVerifyingChangeNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		state := stopped(t, mk, fs)
		before := files(t, fs)
		require.NoError(t, mk.verify(fs))
		r, err := mk.reader(fs)
		require.NoError(t, err)
		requireState(t, state, r)
		value, found, err := r.Get([]byte("zcount"))
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, state["zcount"], string(value))
		require.NoError(t, r.Close())
		require.Equal(t, before, files(t, fs))
	})
}

// Goal: a directory without data is told apart from a damaged one, and none is made. Method: nothing,
// an empty directory, data without its marker.
func TestNoDataIsNotDamage(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, files *vfs.MemFS) {
		for range 2 {
			err := mk.verify(files)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.False(t, storage.IsCorrupt(err))
			require.NoError(t, files.MkdirAll(dataDir, 0o755))
		}
		names, err := files.List(dataDir)
		require.NoError(t, err)
		require.Empty(t, names)
		if mk.name != "pebble" {
			return
		}
		stopped(t, mk, files)
		names, err = files.List(dataDir)
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasPrefix(name, "marker.manifest") {
				require.NoError(t, files.Remove(files.PathJoin(dataDir, name)))
			}
		}
		require.True(t, storage.IsCorrupt(mk.verify(files)))
		_, err = mk.open(files)
		require.True(t, storage.IsCorrupt(err))
	})
}

// Goal: verifying finds a flipped byte anywhere in the files with data, or it has no effect at all, and a
// missing file; the error names the file. Method: one byte, one file at a time.
func TestVerifyingFindsDamage(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		state := stopped(t, mk, fs)
		found, harmless := 0, 0
		for name, content := range files(t, fs) {
			if kind := kindOf(name); kind != "sst" && kind != "checkpoint" {
				continue
			}
			path := fs.PathJoin(dataDir, name)
			for at := 0; at < len(content); at += max(1, len(content)/150) {
				copied := crash(fs, 0)
				flipped := []byte(content)
				flipped[at] ^= 0x04
				writeAll(t, copied, path, flipped)
				err := mk.verify(copied)
				if err != nil {
					require.True(t, storage.IsCorrupt(err) || at == len("HFCKPT"), "%s at %d: %v", name, at, err)
					found++
					continue
				}
				harmless++
				read, err := readState(mk, copied)
				require.NoError(t, err, "%s at %d", name, at)
				require.Equal(t, state, read, "%s at %d", name, at)
			}
			if mk.name == "pebble" {
				copied := crash(fs, 0)
				require.NoError(t, copied.Remove(path))
				require.True(t, storage.IsCorrupt(mk.verify(copied)), name)
			}
		}
		require.Greater(t, found, 9*harmless)
	})
}

// Goal: an error of the disk is not taken for damage. Method: reads that fail.
func TestAReadErrorIsNotDamage(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		stopped(t, mk, fs)
		broken := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			data := strings.Contains(op.Path, "checkpoint-") || strings.HasSuffix(op.Path, ".sst")
			if data && (op.Kind == errorfs.OpFileRead || op.Kind == errorfs.OpFileReadAt) {
				return errDisk
			}
			return nil
		}))
		err := mk.verify(broken)
		require.ErrorIs(t, err, errDisk)
		require.False(t, storage.IsCorrupt(err))
		_, err = readState(mk, broken)
		require.ErrorIs(t, err, errDisk)
		require.False(t, storage.IsCorrupt(err))
		require.False(t, storage.IsCorrupt(nil))
		require.False(t, storage.IsCorrupt(errors.New("other")))
	})
}
