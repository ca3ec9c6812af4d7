package storage_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/storage"
)

// maker opens one kind of engine in directory "data/engine" of a file system.
type maker struct {
	name string
	open func(fs env.FS) (env.Engine, error)
}

const dataDir = "data/engine"

// makers are the engines that the conformance suite runs over. Small tables
// make Pebble flush and compact by itself within a short test.
func makers() []maker {
	memory := func(every int) func(env.FS) (env.Engine, error) {
		return func(fs env.FS) (env.Engine, error) {
			return storage.OpenMemory(fs, dataDir, storage.MemoryOptions{FlushEvery: every})
		}
	}
	return []maker{
		{"memory", memory(0)},
		{"memory-flush-every-3", memory(3)},
		{"pebble", func(fs env.FS) (env.Engine, error) {
			return storage.OpenPebble(dataDir, fs, storage.PebbleOptions{MemTableBytes: 64 << 10, CacheBytes: 1 << 20})
		}},
	}
}

// eachEngine runs a test over all engines, each on a file system that can crash.
func eachEngine(t *testing.T, run func(t *testing.T, mk maker, fs *vfs.MemFS)) {
	for _, mk := range makers() {
		t.Run(mk.name, func(t *testing.T) { run(t, mk, vfs.NewCrashableMem()) })
	}
}

func mustOpen(t require.TestingT, mk maker, fs env.FS) env.Engine {
	e, err := mk.open(fs)
	require.NoError(t, err)
	return e
}

// crash returns what a power failure leaves of fs, with some of what was not synced.
func crash(fs *vfs.MemFS, seed uint64) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: int(seed % 4 * 33), RNG: rand.New(rand.NewPCG(seed, 1)),
	})
}

// dump returns all pairs that a reader has in [lo, hi), in its order.
func dump(t require.TestingT, r env.Reader, lo, hi string) []string {
	pairs := []string{}
	require.NoError(t, r.Scan([]byte(lo), []byte(hi), func(k, v []byte) bool {
		pairs = append(pairs, string(k)+"="+string(v))
		return true
	}))
	return pairs
}

func apply(t require.TestingT, e env.Engine, fill func(b env.Batch)) {
	b := e.NewBatch()
	fill(b)
	require.NoError(t, e.Apply(b))
}

// Goal: the bounds of Scan are [lo, hi), in order, stopping when told to. Method: fixed keys.
func TestScanHonoursItsBounds(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		defer e.Close()
		apply(t, e, func(b env.Batch) {
			for _, k := range []string{"d", "b", "", "a", "bb", "c\x00", "c"} {
				b.Set([]byte(k), []byte("v"+k))
			}
			require.Equal(t, 7, b.Len())
		})
		require.Equal(t, []string{"b=vb", "bb=vbb", "c=vc"}, dump(t, e, "b", "c\x00"))
		require.Equal(t, []string{"=v", "a=va"}, dump(t, e, "", "b"))
		require.Empty(t, dump(t, e, "c", "c"))
		require.Empty(t, dump(t, e, "d", "a"))
		require.Empty(t, dump(t, e, "a", ""))
		n := 0
		require.NoError(t, e.Scan(nil, []byte("z"), func(_, _ []byte) bool { n++; return n < 3 }))
		require.Equal(t, 3, n)
	})
}

// Goal: the writes of a batch count in their order. Method: writes of the same
// key of all kinds in one batch.
func TestLaterWritesOfABatchWin(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		defer e.Close()
		apply(t, e, func(b env.Batch) {
			b.Set([]byte("a"), []byte("1"))
			b.Set([]byte("a"), []byte("2"))
			b.Set([]byte("b"), []byte("1"))
			b.Delete([]byte("b"))
			b.Set([]byte("c"), []byte("1"))
			b.DeleteRange([]byte("c"), []byte("e"))
			b.Set([]byte("d"), nil)
			b.DeleteRange([]byte("z"), []byte("a")) // empty
		})
		require.Equal(t, []string{"a=2", "d="}, dump(t, e, "a", "z"))
		value, found, err := e.Get([]byte("d"))
		require.NoError(t, err)
		require.True(t, found)
		require.Empty(t, value)
		_, found, err = e.Get([]byte("c"))
		require.NoError(t, err)
		require.False(t, found)
	})
}

// Goal: batches copy what they are given and Get returns a copy. Method: overwrite the slices.
func TestSlicesAreNotShared(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		defer e.Close()
		key, value := []byte("key"), []byte("value")
		b := e.NewBatch()
		b.Set(key, value)
		copy(key, "xxx")
		copy(value, "xxxxx")
		require.NoError(t, e.Apply(b))
		for range 2 {
			got, found, err := e.Get([]byte("key"))
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "value", string(got))
			copy(got, "yyyyy")
		}
	})
}

// Goal: a snapshot shows the state it was taken at (STO-3). Method: many later
// writes of every kind, and a flush, beside two snapshots.
func TestSnapshotsDoNotChange(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		defer e.Close()
		put := func(generation int) {
			apply(t, e, func(b env.Batch) {
				for i := range 300 {
					b.Set(fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "%d", generation))
				}
			})
		}
		put(1)
		one, err := e.Snapshot()
		require.NoError(t, err)
		want := dump(t, e, "a", "z")
		apply(t, e, func(b env.Batch) { b.DeleteRange([]byte("k1"), []byte("k2")) })
		two, err := e.Snapshot()
		require.NoError(t, err)
		put(2)
		apply(t, e, func(b env.Batch) { b.Delete([]byte("k000")) })
		require.NoError(t, e.Flush())
		require.Equal(t, want, dump(t, one, "a", "z"))
		require.Len(t, dump(t, two, "a", "z"), 200)
		value, found, err := two.Get([]byte("k000"))
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "1", string(value))
		require.Len(t, dump(t, e, "a", "z"), 299)
		require.NoError(t, one.Close())
		require.NoError(t, two.Close())
		require.Error(t, two.Close())
		_, _, err = two.Get([]byte("k000"))
		require.Error(t, err)
	})
}

// Goal: misuse is caught. Method: apply a batch twice, apply it to another engine,
// call a closed engine.
func TestMisuseIsCaught(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		other := mustOpen(t, mk, vfs.NewMem())
		defer other.Close()
		b := e.NewBatch()
		b.Set([]byte("a"), nil)
		require.Panics(t, func() { _ = other.Apply(b) })
		require.NoError(t, e.Apply(b))
		require.Panics(t, func() { _ = e.Apply(b) })
		last := e.NewBatch()
		require.NoError(t, e.Close())
		require.ErrorContains(t, e.Apply(last), "closed")
		require.ErrorContains(t, e.Flush(), "closed")
		require.ErrorContains(t, e.Close(), "closed")
		_, _, err := e.Get([]byte("a"))
		require.ErrorContains(t, err, "closed")
		require.ErrorContains(t, e.Scan(nil, []byte("z"), nil), "closed")
		_, err = e.Snapshot()
		require.ErrorContains(t, err, "closed")
	})
}
