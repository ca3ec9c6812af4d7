package storage_test

import (
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/storage"
)

func readAll(t *testing.T, fs env.FS, name string) []byte {
	f, err := fs.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return b
}

func writeAll(t *testing.T, fs env.FS, name string, b []byte) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(b)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// readState opens the engine and reads all of it; damage may show in either.
func readState(mk maker, fs env.FS) (map[string]string, error) {
	e, err := mk.open(fs)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	state := map[string]string{}
	err = e.Scan(nil, []byte{0xff}, func(k, v []byte) bool {
		state[string(k)] = string(v)
		return true
	})
	return state, err
}

// Goal: a flipped byte anywhere in the files never makes up a state (STO-4): in
// files with data it is an error or without effect, in Pebble's manifest at worst
// the loss of a suffix of the batches. Method: flip bytes all over all files, one at a time.
func TestAFlippedByteNeverMakesUpAState(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		var w work
		e := mustOpen(t, mk, fs)
		require.NoError(t, w.run(e))
		require.NoError(t, e.Flush())
		require.NoError(t, e.Close())
		last := w.states[len(w.states)-1]
		names, err := fs.List(dataDir)
		require.NoError(t, err)
		refused, shortened := map[string]int{}, 0
		for _, name := range names {
			path := fs.PathJoin(dataDir, name)
			original := readAll(t, fs, path)
			step := max(1, len(original)/200)
			for at := 0; at < len(original); at += step {
				copied := crash(fs, 0)
				flipped := append([]byte(nil), original...)
				flipped[at] ^= 0x10
				writeAll(t, copied, path, flipped)
				state, err := readState(mk, copied)
				if err != nil {
					refused[kindOf(name)]++
					if kind := kindOf(name); kind == "sst" || kind == "checkpoint" && at != len("HFCKPT") {
						require.True(t, storage.IsCorrupt(err), "%s at %d: %v", name, at, err)
					}
					continue
				}
				if kindOf(name) == "MANIFEST" {
					if len(state) == 0 || state["zcount"] != last["zcount"] {
						shortened++
					}
					require.Contains(t, w.states, state, "%s at %d", name, at)
					continue
				}
				require.Equal(t, last, state, "%s at %d", name, at)
			}
		}
		t.Logf("refused: %v, lost a suffix: %d", refused, shortened)
		if mk.name == "pebble" {
			require.NotZero(t, refused["sst"])
			require.NotZero(t, refused["MANIFEST"])
		} else {
			require.NotZero(t, refused["checkpoint"])
		}
	})
}

// kindOf is the kind of a file by its name.
func kindOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && !strings.HasPrefix(name, "marker") {
		return name[i+1:]
	}
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

// Goal: a missing file is an error. Method: remove the files with data one at a time.
func TestAMissingFileIsAnError(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		if mk.name != "pebble" {
			t.Skip("a memory engine has one file; without it, it is a new engine")
		}
		var w work
		e := mustOpen(t, mk, fs)
		require.NoError(t, w.run(e))
		require.NoError(t, e.Flush())
		require.NoError(t, e.Close())
		names, err := fs.List(dataDir)
		require.NoError(t, err)
		tried := 0
		for _, name := range names {
			if kind := kindOf(name); kind != "sst" && kind != "MANIFEST" {
				continue
			}
			tried++
			copied := crash(fs, 0)
			require.NoError(t, copied.Remove(fs.PathJoin(dataDir, name)))
			state, err := readState(mk, copied)
			if err == nil {
				require.Equal(t, w.states[len(w.states)-1], state, name) // it was obsolete
				tried--
				continue
			}
			require.True(t, storage.IsCorrupt(err), "%s: %v", name, err)
		}
		require.NotZero(t, tried)
	})
}
