package wal

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// fill commits n batches of entries of about 1 KiB in all each to the group, and returns the model after it.
func fill(t testing.TB, l *Log, m model, g raft.GroupID, n int) model {
	for range n {
		next := uint64(1)
		if m[g] != nil {
			next = m[g].last() + 1
		}
		p := persist(1, 0, 0, entries(next, 4, 1, 180))
		commit(t, l, g, p)
		m = m.with(g, p)
	}
	return m
}

// mark commits a mark of term 1 at the index.
func mark(t testing.TB, l *Log, m model, g raft.GroupID, index uint64) model {
	p := &raft.Persist{State: m[g].state, Mark: markAt(index, 1)}
	commit(t, l, g, p)
	return m.with(g, p)
}

func segments(t testing.TB, o Options) []uint64 {
	numbers, err := listSegments(o.FS, o.Dir)
	require.NoError(t, err)
	return numbers
}

// Goal: a segment is deleted only if no group needs it, though others are done with it (WAL-9; bug list WAL-11).
// Method: two groups with large logs that are compacted in turn.
func TestSegmentsStayAsLongAsAnyGroupNeedsThem(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	m := fill(t, l, model{}, 2, 20)
	m = fill(t, l, m, 1, 12)
	first := slices.Index(segments(t, o), 1)
	require.Zero(t, first)
	require.False(t, l.Prunable())
	require.NoError(t, l.Prune())
	m = mark(t, l, m, 1, m[1].last())
	require.False(t, l.Prunable(), "group 2 needs the first segment")
	require.NoError(t, l.Prune())
	require.Equal(t, uint64(1), segments(t, o)[0])
	m = mark(t, l, m, 2, 16)
	require.True(t, l.Prunable())
	require.NoError(t, l.Prune())
	require.False(t, l.Prunable())
	require.Equal(t, l.groups[2].index.oldest(), segments(t, o)[0])
	require.Equal(t, uint64(2), segments(t, o)[0])
	m.checkEntries(t, l)
	requireModel(t, o, m)
}

// Goal: the floor survives restarts, as does everything of groups whose every entry is gone:
// replica, hard state, mark, terms (WAL-9; SNAP-13).
// Method: compact all groups, prune to the active segment; open, go on, prune and open again, several times.
func TestTheStateOfIdleGroupsSurvivesPruning(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	vote := persist(9, 7, 0, nil)
	commit(t, l, 3, vote)
	m := model{}.with(3, vote)
	m = fill(t, l, m, 2, 1)
	m = mark(t, l, m, 2, 4)
	for range 4 {
		m = fill(t, l, m, 1, 12)
		m = mark(t, l, m, 1, m[1].last()-1)
		require.NoError(t, l.Prune())
		oldest, newest := l.Segments()
		require.Greater(t, oldest, uint64(1))
		require.LessOrEqual(t, newest-oldest, uint64(1))
		require.NoError(t, l.Close())
		var r *Recovery
		l, r = mustOpen(t, o)
		require.False(t, r.Fresh)
		require.Equal(t, oldest, r.Floor)
		require.Empty(t, r.Obsolete)
		m.check(t, l, r)
	}
}

// Goal: a few entries of an idle group do not keep segments alive; many do, until a mark comes (WAL-9).
// Method: an idle group below and one above the bound on carried bytes, beside a busy compacted one.
func TestFewEntriesAreCarriedForward(t *testing.T) {
	for _, c := range []struct {
		size    int
		carried bool
	}{{100, true}, {4000, false}} {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		p := persist(3, 1, 2, entries(1, 3, 3, c.size/3))
		p.Entries[1].Kind = raft.EntryConfig
		commit(t, l, 2, p)
		m := fill(t, l, model{}.with(2, p), 1, 10)
		m = mark(t, l, m, 1, m[1].last())
		require.Equal(t, c.carried, l.Prunable())
		require.NoError(t, l.Prune())
		_, newest := l.Segments()
		require.Equal(t, c.carried, segments(t, o)[0] == newest)
		m.checkEntries(t, l)
		requireModel(t, o, m)
	}
}

// Goal: deleting always makes the log shorter: what is carried is a small part of what is freed.
// Method: many idle groups beside a busy one; prune after every commit; count what is written.
func TestCarryingCostsLessThanItFrees(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	m := model{}
	for g := range raft.GroupID(8) {
		p := persist(1, 0, 0, entries(1, 1, 1, 60))
		commit(t, l, g+10, p)
		m = m.with(g+10, p)
	}
	written := int64(0)
	for range 100 {
		m = fill(t, l, m, 1, 1)
		m = mark(t, l, m, 1, m[1].last())
		if l.Prunable() {
			number, end := l.active.number, l.active.end
			require.NoError(t, l.Prune())
			written += int64(l.active.number-number)*o.SegmentBytes + l.active.end - end
		}
	}
	oldest, newest := l.Segments()
	require.Greater(t, newest, uint64(25))
	require.LessOrEqual(t, newest-oldest, uint64(4))
	require.Less(t, written, int64(oldest)*o.SegmentBytes*2/5, "a quarter, and the checkpoints and floors")
	requireModel(t, o, m)
}

// Goal: segments that come back after a power loss, in any combination, are ignored and deleted; without
// the floor on disk none is deleted (WAL-9; bug list WAL-07).
// Method: a disk that forgets unsynced deletions; cut the power at each operation of Prune, under many seeds.
func TestInterruptedPruneLosesNothing(t *testing.T) {
	holes, whole := 0, 0
	for seed := range uint64(60) {
		for ops := 0; ; ops++ {
			d := netsim.NewDisk(seed, netsim.DiskConfig{Torn: 0.3})
			o := testOptions(d)
			l, _ := mustOpen(t, o)
			idle := persist(2, 1, 0, entries(1, 1, 2, 5))
			commit(t, l, 9, idle)
			m := fill(t, l, model{}.with(9, idle), 1, 20)
			m = mark(t, l, m, 1, m[1].last())
			d.CrashAfterOps(ops)
			err := l.Prune()
			d.CrashAfterOps(-1)
			d.PowerLoss()
			before := segments(t, o)
			if before[0] > 1 {
				whole++
			}
			for i, n := range before {
				if i > 0 && n != before[i-1]+1 {
					holes++
				}
			}
			requireModel(t, o, m)
			after := segments(t, o)
			require.Equal(t, int(after[len(after)-1]-after[0])+1, len(after))
			if err == nil {
				break
			}
		}
	}
	require.Positive(t, holes, "no segment came back alone")
	require.Positive(t, whole, "nothing was deleted")
}

// Goal: entries can be read while segments are deleted: a reader gets them, or ErrCompacted (run with -race).
// Method: a writer that commits, marks and prunes; readers of a busy and of an idle, carried group.
func TestReadsDuringPrunes(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	commit(t, l, 2, persist(1, 0, 0, entries(1, 2, 1, 20)))
	m := fill(t, l, model{}, 1, 1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	read := func(g raft.GroupID, lo func() uint64, check func([]raft.Entry, error) bool) {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, err := l.ReadEntries(g, lo(), 1<<60, 1500); !check(got, err) {
					t.Errorf("%d entries of group %d, %v", len(got), g, err)
					return
				}
			}
		})
	}
	lo := uint64(1)
	var mu sync.Mutex
	read(1, func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return lo
	}, func(got []raft.Entry, err error) bool {
		return err == nil && len(got) > 0 || errIs(err, ErrCompacted, ErrNoEntries)
	})
	read(2, func() uint64 { return 1 }, func(got []raft.Entry, err error) bool {
		return err == nil && len(got) == 2 && bytes.Equal(got[1].Data, entries(2, 1, 1, 20)[0].Data)
	})
	for range 300 {
		m = fill(t, l, m, 1, 1)
		m = mark(t, l, m, 1, m[1].last()-2)
		mu.Lock()
		lo = m[1].last() - 2
		mu.Unlock()
		require.NoError(t, l.Prune())
	}
	close(done)
	readers.Wait()
}

// openHook is a file system that calls before, once, when a file is opened for reading.
type openHook struct {
	vfs.FS
	before func()
}

func (h *openHook) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if f := h.before; f != nil {
		h.before = nil
		f()
	}
	return h.FS.Open(name, opts...)
}

// Goal: a reader that located entries just before they were deleted reads them where they were carried to, or
// learns that they are compacted; an error without a deletion is reported (WAL-9).
// Method: a file system that prunes, or removes the file, as the reader opens its segment.
func TestReaderOverlappingAPruneLooksAgain(t *testing.T) {
	for _, g := range []raft.GroupID{1, 2} {
		o := testOptions(vfs.NewMem())
		hook := &openHook{FS: o.FS}
		o.FS = hook
		l, _ := mustOpen(t, o)
		commit(t, l, 2, persist(1, 0, 0, entries(1, 2, 1, 20)))
		m := fill(t, l, model{}, 1, 10)
		mark(t, l, m, 1, m[1].last()-1)
		// The mark is durable, but the reader was earlier.
		l.groups[1].index = groupIndex{extents: []extent{{first: 1, count: 8, segment: 1, offset: 500, length: 100}}}
		hook.before = func() {
			l.groups[1].index = groupIndex{compacted: m[1].last() - 1}
			require.NoError(t, l.Prune())
			require.NotEqual(t, uint64(1), segments(t, o)[0])
		}
		got, err := l.ReadEntries(g, 1, 2, 1000)
		require.Nil(t, hook.before)
		if g == 1 {
			require.ErrorIs(t, err, ErrCompacted)
			continue
		}
		require.NoError(t, err)
		requireEntries(t, entries(1, 2, 1, 20), got)
		hook.before = func() { require.NoError(t, o.FS.Remove(l.active.path)) }
		_, err = l.ReadEntries(2, 1, 2, 1000)
		require.ErrorContains(t, err, "wal: open "+l.active.path)
	}
}

// Goal: an endless log with compaction takes a bounded amount of memory and disk, however long it runs.
// Method: commits, marks and prunes for several thousand batches; the index's capacity and the files.
func TestEndlessLogStaysSmall(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	for i := range uint64(5000) {
		// Eight groups; a new term now and then, so that there are runs to forget.
		g := raft.GroupID(i%8 + 1)
		n := i / 8
		p := persist(n/10+1, 0, n, entries(n+1, 1, n/10+1, 60))
		if n > 40 {
			p.Mark = raft.Mark{Index: n - 40, Term: (n-41)/10 + 1}
		}
		commit(t, l, g, p)
		if l.Prunable() {
			require.NoError(t, l.Prune())
		}
	}
	require.Less(t, len(segments(t, o)), 22, "8 groups of 41 entries of 170 bytes")
	for _, g := range l.groups {
		require.LessOrEqual(t, len(g.index.extents), 45)
		require.LessOrEqual(t, cap(g.index.extents), 4*45+64)
		require.LessOrEqual(t, cap(g.state.runs), 16)
		require.Empty(t, g.state.configs)
	}
}

// Goal: a checkpoint costs little: with 1,000 groups about the size of their configurations.
// Method: 1,000 groups with marks; the size of the checkpoint that the next segment starts with.
func TestCheckpointIsSmall(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.SegmentBytes = 1 << 20
	l, _ := mustOpen(t, o)
	b := NewBatch()
	config := bytes.Repeat([]byte("c"), 100)
	for g := range uint64(1000) {
		p := persist(12, 3, 1_000_000, nil)
		p.Mark = raft.Mark{Index: 1_000_000 + g, Term: 11, Config: config}
		b.Add(raft.GroupID(g+1), raft.MakeReplicaID(3, 7), p)
	}
	require.NoError(t, l.Commit(b))
	require.NoError(t, l.rotate())
	perGroup := float64(l.active.begin-segmentHdrSize)/1000 - float64(len(config))
	t.Logf("%.1f bytes per group and its configuration", perGroup)
	require.Less(t, perGroup, 25.0)
}

func errIs(err error, any ...error) bool {
	return slices.ContainsFunc(any, func(target error) bool { return errors.Is(err, target) })
}

// Goal: damage to entries that would have to be carried deletes nothing, is reported, and does not stop the log.
// Method: flip a bit of an idle group's entry under the open log; prune, commit, read.
func TestDamagedEntriesAreNotCarried(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	commit(t, l, 2, persist(1, 0, 0, entries(1, 2, 1, 20)))
	m := fill(t, l, model{}, 1, 10)
	m = mark(t, l, m, 1, m[1].last())
	path := o.FS.PathJoin(o.Dir, segmentName(1))
	data := readDir(t, o.FS, o.Dir)[path]
	data[segmentHdrSize+frameHdrSize+sectionHdrSize+5] ^= 1
	writeFile(t, o.FS, path, data)
	before := segments(t, o)
	require.True(t, l.Prunable())
	var corrupt *CorruptError
	require.ErrorAs(t, l.Prune(), &corrupt)
	require.False(t, l.Prunable())
	require.Equal(t, before, segments(t, o))
	m = fill(t, l, m, 1, 1)
	m.checkEntries(t, l)
}
