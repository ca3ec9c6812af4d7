package storage_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// fill writes n pairs under a prefix, in batches of 100.
func fill(t require.TestingT, e env.Engine, prefix string, n int) {
	for from := 0; from < n; from += 100 {
		apply(t, e, func(b env.Batch) {
			for i := from; i < min(n, from+100); i++ {
				b.Set(fmt.Appendf(nil, "%s%05d", prefix, i), bytes.Repeat([]byte{byte(i)}, 50))
			}
		})
	}
}

// Goal: a snapshot keeps all that one batch drops while another image takes its place, and
// scans of it that stop can be resumed behind any key (STO-3). Method: DeleteRange of everything, new
// data under the same and other keys, flushes; read the snapshot in pieces in between.
func TestASnapshotOutlivesTheDeletionOfEverything(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		e := mustOpen(t, mk, fs)
		defer e.Close()
		fill(t, e, "a", 3000)
		want := dump(t, e, "a", "b")
		s, err := e.Snapshot()
		require.NoError(t, err)
		var got []string
		after := []byte("a")
		for piece := range 30 {
			switch piece {
			case 1:
				fill(t, e, "b", 1000)
			case 2:
				require.NoError(t, e.Flush())
				apply(t, e, func(b env.Batch) {
					b.DeleteRange([]byte("a"), []byte("b"))
					b.Set([]byte("live"), []byte("b"))
				})
				require.Empty(t, dump(t, e, "a", "b"))
			case 3:
				require.NoError(t, e.Flush())
			case 4:
				fill(t, e, "a", 500)
				require.NoError(t, e.Flush())
			}
			n := 0
			require.NoError(t, s.Scan(append(slices.Clone(after), 0), []byte("b"), func(k, v []byte) bool {
				if n == 101 {
					return false
				}
				n++
				got = append(got, string(k)+"="+string(v))
				after = append(after[:0], k...)
				return true
			}))
		}
		require.Equal(t, want, got)
		require.NoError(t, s.Close())
		require.Equal(t, want[:500], dump(t, e, "a", "b"))
		require.Len(t, dump(t, e, "b", "c"), 1000)
	})
}

// Goal: writers of different keys may work at the same time, beside flushes, range deletions and open
// snapshots, and a crash leaves a prefix of each one's batches (STO-2). Method: two writers with
// a counter each and one that flushes, on Pebble; run with -race; compare with what each had done when
// the power failed.
func TestWritersOfDifferentKeysMayWorkAtTheSameTime(t *testing.T) {
	mk := makers()[2]
	require.Equal(t, "pebble", mk.name)
	fs := vfs.NewCrashableMem()
	e := mustOpen(t, mk, fs)
	const rounds = 400
	var done [2]atomic.Int64
	var flushed [2]int64
	var after *vfs.MemFS
	var writers sync.WaitGroup
	for w := range done {
		writers.Go(func() {
			for n := 1; n <= rounds; n++ {
				b := e.NewBatch()
				if n%50 == 0 {
					b.DeleteRange(fmt.Appendf(nil, "%c-", 'a'+w), fmt.Appendf(nil, "%c.", 'a'+w))
				}
				b.Set(fmt.Appendf(nil, "%c-%03d", 'a'+w, n), bytes.Repeat([]byte("x"), 500))
				b.Set(fmt.Appendf(nil, "%c", 'a'+w), fmt.Appendf(nil, "%03d", n))
				if err := e.Apply(b); err != nil {
					panic(err)
				}
				done[w].Store(int64(n))
			}
		})
	}
	for round := range 20 {
		before := [2]int64{done[0].Load(), done[1].Load()}
		s, err := e.Snapshot()
		require.NoError(t, err)
		require.NoError(t, e.Flush())
		require.NoError(t, s.Close())
		flushed, after = before, crash(fs, uint64(round))
	}
	writers.Wait()
	require.NoError(t, e.Close())
	e = mustOpen(t, mk, after)
	for w := range done {
		v, found, err := e.Get(fmt.Appendf(nil, "%c", 'a'+w))
		require.NoError(t, err)
		n := 0
		if found {
			_, err = fmt.Sscan(string(v), &n)
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, n, int(flushed[w]))
		kept := n - max(n/50*50, 1) + 1 // since the last range deletion
		if n == 0 {
			kept = 0
		}
		require.Len(t, dump(t, e, fmt.Sprintf("%c-", 'a'+w), fmt.Sprintf("%c.", 'a'+w)), kept)
	}
	require.NoError(t, e.Close())
}

// Goal: a flush with nothing new touches no file. Method: count the operations on files.
func TestAFlushOfNothingIsFree(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		var writes atomic.Int64
		e := mustOpen(t, mk, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				writes.Add(1)
			}
			return nil
		})))
		defer e.Close()
		require.NoError(t, e.Flush())
		fill(t, e, "a", 10)
		require.NoError(t, e.Flush())
		was := writes.Load()
		for range 10 {
			require.NoError(t, e.Flush())
		}
		if mk.name == "pebble" {
			// Deletions of obsolete files may still be under way: there are few of them.
			require.Less(t, writes.Load()-was, int64(10))
			return
		}
		require.Equal(t, was, writes.Load())
	})
}
