package storage_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

// model is an engine as a map, with the state after every batch.
type model struct {
	now    map[string]string
	states []map[string]string
	// flushed is the number of batches that must survive a crash.
	flushed int
}

func newModel() *model {
	return &model{now: map[string]string{}, states: []map[string]string{{}}}
}

func drawKey(t *rapid.T, label string) []byte {
	// Few keys, of which some are prefixes of others; enough to split leaves.
	return rapid.SliceOfN(rapid.ByteRange('a', 'e'), 1, 4).Draw(t, label)
}

// drawBatch fills b and the model alike. A batch always changes the state, so
// that states can be told apart.
func drawBatch(t *rapid.T, b env.Batch, m *model) {
	set := func(k, v []byte) {
		b.Set(k, v)
		m.now[string(k)] = string(v)
	}
	for range rapid.IntRange(0, 20).Draw(t, "writes") {
		switch rapid.IntRange(0, 9).Draw(t, "write") {
		case 0:
			lo, hi := drawKey(t, "lo"), drawKey(t, "hi")
			b.DeleteRange(lo, hi)
			maps.DeleteFunc(m.now, func(k, _ string) bool { return k >= string(lo) && k < string(hi) })
		case 1, 2:
			k := drawKey(t, "key")
			b.Delete(k)
			delete(m.now, string(k))
		default:
			size := rapid.SampledFrom([]int{0, 3, 300}).Draw(t, "size")
			set(drawKey(t, "key"), bytes.Repeat([]byte{byte(rapid.IntRange('a', 'z').Draw(t, "value"))}, size))
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
		// Larger than half of Pebble's memtable here: it takes another way.
		set([]byte("large"), bytes.Repeat([]byte("l"), 40<<10))
	}
	n := len(m.states)
	set([]byte("zcount"), []byte{byte(n >> 8), byte(n)})
	m.states = append(m.states, maps.Clone(m.now))
}

func requireState(t require.TestingT, want map[string]string, r env.Reader) {
	keys := slices.Sorted(maps.Keys(want))
	i := 0
	require.NoError(t, r.Scan(nil, []byte{0xff}, func(k, v []byte) bool {
		require.Less(t, i, len(keys))
		require.Equal(t, keys[i], string(k))
		require.Equal(t, want[keys[i]], string(v))
		i++
		return true
	}))
	require.Equal(t, len(keys), i)
}

// stateNumber is the number of batches the engine has, by the batches' counter.
func stateNumber(t require.TestingT, r env.Reader) int {
	v, found, err := r.Get([]byte("zcount"))
	require.NoError(t, err)
	if !found {
		return 0
	}
	return int(v[0])<<8 | int(v[1])
}

// Goal: an engine is an ordered map, a crash leaves a whole prefix of batches with
// at least the flushed ones, snapshots stay as they are (STO-1 to STO-3).
// Method: random batches, reads, flushes, snapshots, reopenings and crashes against a map.
func TestEnginesBehaveLikeTheModel(t *testing.T) {
	eachEngine(t, func(t *testing.T, mk maker, _ *vfs.MemFS) {
		rapid.Check(t, func(t *rapid.T) {
			r := &modelRun{mk: mk, fs: vfs.NewCrashableMem(), model: newModel()}
			r.e = mustOpen(t, mk, r.fs)
			t.Repeat(map[string]func(*rapid.T){
				"batch":    r.batch,
				"batches":  func(t *rapid.T) { r.batch(t); r.batch(t); r.batch(t) },
				"get":      r.get,
				"scan":     r.scan,
				"flush":    r.flush,
				"snapshot": r.snapshot,
				"crash":    r.crash,
			})
			r.release(t)
			require.NoError(t, r.e.Close())
		})
	})
}

type modelRun struct {
	mk    maker
	fs    *vfs.MemFS
	e     env.Engine
	model *model
	snap  env.Snapshot
	was   map[string]string // the state of snap
}

func (r *modelRun) batch(t *rapid.T) {
	b := r.e.NewBatch()
	drawBatch(t, b, r.model)
	require.NoError(t, r.e.Apply(b))
}

func (r *modelRun) get(t *rapid.T) {
	k := drawKey(t, "key")
	v, found, err := r.e.Get(k)
	require.NoError(t, err)
	want, has := r.model.now[string(k)]
	require.Equal(t, has, found)
	require.Equal(t, want, string(v))
}

func (r *modelRun) scan(t *rapid.T) {
	lo, hi := drawKey(t, "lo"), drawKey(t, "hi")
	want := map[string]string{}
	for k, v := range r.model.now {
		if k >= string(lo) && k < string(hi) {
			want[k] = v
		}
	}
	got := map[string]string{}
	var order []string
	require.NoError(t, r.e.Scan(lo, hi, func(k, v []byte) bool {
		got[string(k)] = string(v)
		order = append(order, string(k))
		return true
	}))
	require.Equal(t, want, got)
	require.True(t, slices.IsSorted(order))
	requireState(t, r.model.now, r.e)
}

func (r *modelRun) flush(t *rapid.T) {
	require.NoError(t, r.e.Flush())
	r.model.flushed = len(r.model.states) - 1
}

func (r *modelRun) snapshot(t *rapid.T) {
	r.release(t)
	var err error
	r.snap, err = r.e.Snapshot()
	require.NoError(t, err)
	r.was = maps.Clone(r.model.now)
}

// release checks the snapshot, if any, a last time and closes it.
func (r *modelRun) release(t *rapid.T) {
	if r.snap != nil {
		requireState(t, r.was, r.snap)
		require.NoError(t, r.snap.Close())
		r.snap = nil
	}
}

// crash goes on with what a power failure, or only the end of the process, leaves.
func (r *modelRun) crash(t *rapid.T) {
	seed := rapid.Uint64().Draw(t, "seed")
	after := crash(r.fs, seed)
	r.release(t)
	require.NoError(t, r.e.Close())
	if seed%5 == 0 {
		after = r.fs
	}
	r.fs, r.e = after, mustOpen(t, r.mk, after)
	n := stateNumber(t, r.e)
	require.GreaterOrEqual(t, n, r.model.flushed)
	require.Less(t, n, len(r.model.states))
	requireState(t, r.model.states[n], r.e)
	r.model.states = r.model.states[:n+1]
	r.model.now = maps.Clone(r.model.states[n])
	// What was read is not necessarily durable yet for an engine that only flushes now and
	// then: but what survived one crash is on disk.
	r.model.flushed = n
}
