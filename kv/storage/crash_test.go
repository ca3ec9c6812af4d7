package storage_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// work applies a fixed series of batches to e, with flushes in between, and stops at the
// first error. applied and flushed count the batches done, and those known durable.
type work struct {
	states  []map[string]string
	flushed atomic.Int64
}

func (w *work) run(e env.Engine) error {
	now := map[string]string{}
	w.states = []map[string]string{{}}
	for n := 1; n <= 24; n++ {
		b := e.NewBatch()
		set := func(k, v string) {
			b.Set([]byte(k), []byte(v))
			now[k] = v
		}
		set("zcount", string([]byte{0, byte(n)}))
		for i := range 8 {
			set(fmt.Sprintf("k%02d", (n*5+i*3)%40), strings.Repeat(string(rune('a'+n)), 100*i))
		}
		b.DeleteRange(fmt.Appendf(nil, "k%02d", n), fmt.Appendf(nil, "k%02d", n+2))
		maps.DeleteFunc(now, func(k, _ string) bool {
			return k >= fmt.Sprintf("k%02d", n) && k < fmt.Sprintf("k%02d", n+2)
		})
		if n == 10 {
			set("large", strings.Repeat("l", 40<<10))
		}
		w.states = append(w.states, maps.Clone(now))
		if err := e.Apply(b); err != nil {
			return err
		}
		if n%7 == 0 {
			if err := e.Flush(); err != nil {
				return err
			}
			w.flushed.Store(int64(n))
		}
	}
	return nil
}

// requirePrefix checks that e has the state after a prefix of the batches, of at
// least the given length.
func (w *work) requirePrefix(t *testing.T, e env.Engine, atLeast int) {
	n := stateNumber(t, e)
	require.GreaterOrEqual(t, n, atLeast)
	requireState(t, w.states[n], e)
}

// Goal: wherever a crash falls, also within a flush or while opening, what survives
// is a prefix with all that was flushed (STO-2). Method: take the files that a crash would leave
// before every single operation on the file system, then open them.
func TestACrashAtAnyFileOperationLeavesAPrefix(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, fs *vfs.MemFS) {
		type left struct {
			fs      *vfs.MemFS
			flushed int
		}
		var w work
		var crashes []left
		taken := make(chan struct{}, 1) // a lock: Pebble has several goroutines
		spy := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				taken <- struct{}{}
				flushed := int(w.flushed.Load())
				crashes = append(crashes, left{crash(fs, uint64(len(crashes))), flushed})
				<-taken
			}
			return nil
		}))
		e := mustOpen(t, mk, spy)
		require.NoError(t, w.run(e))
		require.NoError(t, e.Close())
		require.Greater(t, len(crashes), 20)
		for i, c := range crashes {
			e, err := mk.open(c.fs)
			require.NoError(t, err, "crash %d", i)
			w.requirePrefix(t, e, c.flushed)
			require.NoError(t, e.Close())
		}
	})
}

var errDisk = errors.New("the disk is on fire")

// Goal: the first failed write is final, is reported, and no later call claims
// success; nothing flushed is lost by it. Method: make each kind of write to data files fail from some
// operation on, then open the files again.
func TestTheFirstWriteErrorIsFinal(t *testing.T) {
	for _, mk := range makers() {
		for _, kind := range []errorfs.OpKind{errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync} {
			for skip := range 6 {
				t.Run(fmt.Sprintf("%s/%v/%d", mk.name, kind, skip), func(t *testing.T) {
					testWriteError(t, mk, kind, skip)
				})
			}
		}
	}
}

func testWriteError(t *testing.T, mk maker, kind errorfs.OpKind, skip int) {
	fs := vfs.NewCrashableMem()
	var on atomic.Bool
	var hits atomic.Int64
	e := mustOpen(t, mk, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		data := strings.Contains(op.Path, "checkpoint-") || strings.HasSuffix(op.Path, ".sst")
		same := op.Kind == kind ||
			kind == errorfs.OpFileSync && (op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo)
		if on.Load() && same && data && hits.Add(1) > int64(skip) {
			return errDisk
		}
		return nil
	})))
	var w work
	on.Store(true)
	err := w.run(e)
	if err == nil && hits.Load() <= int64(skip) {
		require.NotZero(t, skip, "nothing was made to fail")
		require.NoError(t, e.Close())
		return
	}
	// The write of a compaction in the background may fail after the last batch, and is
	// noticed when the compaction ends. One that never is hangs here.
	for ; err == nil; err = e.Flush() {
		runtime.Gosched()
	}
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, dataDir)
	on.Store(false)
	require.ErrorIs(t, e.Flush(), errDisk)
	require.ErrorIs(t, e.Apply(e.NewBatch()), errDisk)
	_, _, err = e.Get([]byte("zcount"))
	require.ErrorIs(t, err, errDisk)
	_, err = e.Snapshot()
	require.ErrorIs(t, err, errDisk)
	after := crash(fs, uint64(skip))
	require.NoError(t, e.Close())
	e = mustOpen(t, mk, after)
	w.requirePrefix(t, e, int(w.flushed.Load()))
	require.NoError(t, e.Close())
}
